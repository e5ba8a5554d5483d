"""Fans, sirens and beacons: they obey, they expire, and they know their place when nobody commands."""

import pytest

from firmware_sim.devices.fan import FanController
from firmware_sim.devices.obedience import GATEWAY_LOST_S
from firmware_sim.devices.packs import MOST, RESEND_S, PackMemory
from firmware_sim.devices.siren import SirenController


def command(setpoint, ident="a-1", expires_in_s=60):
    return {"id": ident, "setpoint": setpoint, "expires_in_s": expires_in_s}


def test_a_fan_does_what_it_is_told_and_names_the_command():
    fan = FanController()
    assert fan.obey(1.0, 1.0, command(60, "fan-1-3"))
    assert (fan.setpoint, fan.command_id) == (60.0, "fan-1-3")


@pytest.mark.parametrize("setpoint", [-1, 101, "on", None, True, float("nan")])
def test_a_fan_ignores_nonsense(setpoint):
    fan = FanController()
    assert not fan.obey(1.0, 1.0, command(setpoint))
    assert fan.setpoint == 0.0


@pytest.mark.parametrize("broken", [{"setpoint": 50}, {"setpoint": 50, "id": "x"}, {"id": "x", "expires_in_s": 5}])
def test_a_command_without_id_setpoint_or_expiry_is_none(broken):
    assert not FanController().obey(1.0, 1.0, broken)


def test_expiry_counts_from_receipt():
    fan = FanController()
    assert not fan.obey(10.0, 71.0, command(100, expires_in_s=60))
    assert fan.obey(10.0, 69.0, command(100, expires_in_s=60))


@pytest.mark.parametrize(("declared", "stands"), [("hold", 60.0), ("on", 100.0), ("off", 0.0)])
def test_a_fan_without_a_gateway_goes_where_it_declared(declared, stands):
    fan = FanController(declared)
    fan.gateway_said(5.0, "ready")
    fan.obey(5.0, 5.0, command(60))
    fan.tick(5.0 + GATEWAY_LOST_S - 0.1)
    assert fan.setpoint == 60.0
    fan.tick(5.0 + GATEWAY_LOST_S)
    assert (fan.setpoint, fan.in_fail_safe) == (stands, True)


@pytest.mark.parametrize("before", ["off", "evacuate", "test"])
def test_a_siren_without_a_gateway_shows_amber(before):
    siren = SirenController()
    siren.gateway_said(0.0, "ready")
    siren.obey(0.0, 0.0, command(before))
    siren.gateway_said(3.0, "offline")
    assert siren.setpoint == "warn"
    siren.gateway_said(9.0, "ready")
    siren.tick(10.0)
    assert siren.setpoint == "warn"  # until it is commanded
    siren.obey(11.0, 11.0, command("off", "s-2"))
    assert (siren.setpoint, siren.in_fail_safe) == ("off", False)


def test_a_siren_that_is_wanted_on_outlives_its_command():
    siren = SirenController()
    siren.obey(0.0, 0.0, command("evacuate", expires_in_s=20))
    for second in range(300):
        siren.gateway_said(second, "ready")
        siren.tick(second)
    assert siren.setpoint == "evacuate"


def test_a_test_of_the_siren_ends_by_itself():
    siren = SirenController()
    siren.gateway_said(0.0, "ready")
    siren.obey(0.0, 0.0, command("warn"))
    siren.obey(1.0, 1.0, command("test", "s-2", expires_in_s=5))
    siren.obey(2.0, 2.0, command("test", "s-3", expires_in_s=5))
    siren.tick(6.0)
    assert siren.setpoint == "test"
    siren.tick(7.5)
    assert siren.setpoint == "warn"


def test_packs_are_kept_until_they_are_durable():
    memory = PackMemory(boot=4)
    for seq in (1, 2, 3):
        memory.keep(seq, f"{seq}".encode())
    assert memory.due(0.0) == [b"1", b"2", b"3"]
    assert memory.due(RESEND_S - 1) == []
    memory.acknowledge(3, 9)  # another boot's
    memory.acknowledge(4, 1)
    assert memory.due(RESEND_S) == [b"2", b"3"]
    memory.keep(4, b"4")
    memory.reconnected()
    assert memory.due(RESEND_S + 1) == [b"2", b"3", b"4"]


def test_a_full_memory_forgets_the_oldest_and_counts_it():
    memory = PackMemory(boot=1)
    for seq in range(MOST + 5):
        memory.keep(seq, b"x")
    assert (len(memory), memory.lost) == (MOST, 5)
