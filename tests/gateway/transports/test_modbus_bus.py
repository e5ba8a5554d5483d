"""The bus against emulated slaves on real pseudo-terminals, with every fault of a slave and of a line."""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.drivers.modbus_catalogue import register_map
from gateway.drivers.modbus_map import readings
from tests.fixtures.leaks import assert_no_more_than, held
from tests.fixtures.modbus_line import Ear, SlaveLine
from tests.fixtures.waiting import wait_for

XNX, WIND = "honeywell-xnx", "renke-rs-fs"
AIR = {"gas": 25.0, "air_velocity": 1.5}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., tuple[SlaveLine, Ear]]]:
    made: list[tuple[SlaveLine, Ear]] = []

    def make(models: dict[int, str], units: dict[int, str] | None = None, **options) -> tuple[SlaveLine, Ear]:
        line = SlaveLine(tmp_path / f"rs485-{len(made)}", models, dict(AIR))
        made.append((line, Ear(line.port, units or models, **options)))
        return made[-1]

    yield make
    for line, ear in made:
        ear.bus.stop()
        line.close()


def fresh(ear: Ear, source: str, count: int = 3) -> None:
    """Wait for new answers of a device."""
    before = len(ear.of(source))
    wait_for(lambda: len(ear.of(source)) >= before + count, f"{source} answers")


def test_devices_of_several_maps_share_one_line(bench) -> None:
    _, ear = bench({1: XNX, 2: WIND})
    fresh(ear, "d1")
    fresh(ear, "d2")
    gas, life = readings(register_map(XNX), ear.of("d1")[-1].words)
    assert (gas.value, gas.unit, life.value) == (25.0, "ppm", 700.0)
    (wind,) = readings(register_map(WIND), ear.of("d2")[-1].words)
    assert wind.value == 1.5
    assert sorted(ear.links) == [("d1", True, "Modbus device 1 answers"), ("d2", True, "Modbus device 2 answers")]
    assert ear.troubles == []


def test_a_dead_slave_costs_the_others_nothing(bench) -> None:
    line, ear = bench({1: XNX, 2: WIND, 3: WIND}, period_s=0.2, timeout_s=0.1)
    fresh(ear, "d3")
    line.slaves[2].fault = "dead"
    wait_for(lambda: ear.state("d2") is False, "the loss is told")
    begin = time.monotonic()
    fresh(ear, "d1", 20)
    times = [at for at, source, _ in ear.replies if source == "d1" and at >= begin]
    gaps = [late - early for early, late in pairwise(times)]
    print(f"\nlongest pause of a sound device beside a dead one: {max(gaps) * 1000:.0f} ms (asked: 200 ms)")
    assert statistics.median(gaps) == pytest.approx(0.2, abs=0.02)
    assert max(gaps) < 0.28, "a question to the dead one (150 ms) never stands before one to a living one"
    assert "does not answer" in ear.links[-1][2]
    asked = line.slaves[2].asked
    line.slaves[2].fault = "none"
    wait_for(lambda: ear.state("d2") is True, "it returns")
    assert line.slaves[2].asked > asked


@pytest.mark.parametrize(
    ("fault", "kind"), [("wrong_unit", "checksum"), ("other_register", "checksum"), ("late", "silent")]
)
def test_an_answer_that_is_not_ours_is_never_taken(bench, fault: str, kind: str) -> None:
    line, ear = bench({1: WIND, 2: WIND})
    fresh(ear, "d1")
    line.slaves[1].fault = fault
    wait_for(lambda: ear.state("d1") is False, "the loss is told")
    before = len(ear.of("d1"))
    fresh(ear, "d2", 5)
    assert len(ear.of("d1")) == before
    assert ear.troubles[0][:2] == ("d1", kind)
    assert [link for link in ear.links if link[0] == "d2"] == [("d2", True, "Modbus device 2 answers")]
    line.slaves[1].fault = "none"
    wait_for(lambda: ear.state("d1") is True, "it returns")


def test_a_late_answer_is_never_booked_on_another_unit(bench) -> None:
    """Trap 12: the wrong value would be a plausible one, for function and byte count are the same."""
    line, ear = bench({1: WIND, 2: "evikon-e2608"}, period_s=0.02)
    line.slaves[1].fault = "late"
    fresh(ear, "d2", 60)
    assert {reply.words for reply in ear.of("d2")} == {(25,)}
    assert {reply.words for reply in ear.of("d1")} <= {(15,)}


@pytest.mark.parametrize("fault", ["noise", "echo"])
def test_noise_and_echo_lose_nothing(bench, fault: str) -> None:
    line, ear = bench({1: XNX, 2: WIND}, period_s=0.05, timeout_s=0.3)
    line.fault(fault)
    fresh(ear, "d1", 20)
    fresh(ear, "d2", 20)
    assert all(link[1] for link in ear.links)
    assert ear.bus.counters.failed == {}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("checksum", "checksum"), ("half_frame", "checksum"), ("wrong_length", "checksum"), ("silence", "silent"),
        ("slow_drip", "silent"),
    ],
)
def test_a_bad_line_is_told_once_and_heals(bench, fault: str, kind: str) -> None:
    line, ear = bench({1: XNX})
    fresh(ear, "d1")
    line.fault(fault)
    wait_for(lambda: ear.state("d1") is False, "the loss is told")
    assert kind in [what for _, what, _ in ear.troubles]
    line.fault("none")
    wait_for(lambda: ear.state("d1") is True, "it heals", 20)
    assert [up for _, up, _ in ear.links] == [True, False, True]


def test_answers_that_an_adapter_held_back_are_not_news(bench) -> None:
    line, ear = bench({1: "evikon-e2608"})
    fresh(ear, "d1")
    line.slaves[1].fault = "held"
    wait_for(lambda: ear.state("d1") is False, "the loss is told")
    line.air["gas"] = 400.0
    before = len(ear.replies)
    wait_for(lambda: any(kind == "late" for _, kind, _ in ear.troubles), "what was held back comes in one piece")
    line.slaves[1].fault = "none"
    wait_for(lambda: ear.state("d1") is True, "it heals")
    assert {reply.words for _, _, reply in ear.replies[before:]} == {(400,)}


def test_an_answer_just_after_the_deadline_is_told_as_late(bench) -> None:
    line, ear = bench({1: WIND}, timeout_s=0.67)
    line.slaves[1].fault = "late"
    wait_for(lambda: ear.troubles, "told")
    assert ear.troubles[0][1] == "late"


def test_only_our_echo_is_told_as_such(bench) -> None:
    line, ear = bench({1: WIND})
    line.slaves[1].fault = "dead"
    line.fault("echo")
    wait_for(lambda: ear.state("d1") is False, "told")
    assert "only our own question comes back" in ear.links[0][2]


def test_a_configuration_error_is_told_once_and_not_hammered(bench) -> None:
    line, ear = bench({1: XNX, 2: WIND}, {1: "draeger-polytron-8000", 2: WIND})
    wait_for(lambda: ear.state("d1") is False, "told")
    fresh(ear, "d2", 8)
    assert line.slaves[1].asked == 1
    (told,) = [trouble for trouble in ear.troubles if trouble[0] == "d1"]
    assert told[1] == "device"
    assert told[2].endswith("exception 2: it has no such register; expected another map, offset or setting")


@pytest.mark.parametrize(("fault", "words"), [("failed", "exception 4: it has failed"), ("busy", "6: it is busy")])
def test_a_device_that_excuses_itself_is_asked_again(bench, fault: str, words: str) -> None:
    line, ear = bench({1: XNX})
    line.slaves[1].fault = fault
    wait_for(lambda: ear.state("d1") is False, "three times, then it is told", 20)
    assert words in ear.links[0][2]
    assert len(ear.troubles) == 1
    line.slaves[1].fault = "none"
    wait_for(lambda: ear.state("d1") is True, "it returns", 20)


def test_two_devices_with_one_address_are_told_and_doubted(bench) -> None:
    line, ear = bench({1: WIND, 2: WIND})
    fresh(ear, "d1")
    line.slaves[1].fault = "twin"
    wait_for(lambda: ear.state("d1") is False, "told")
    assert "two devices answer to address 1" in ear.links[-1][2]
    fresh(ear, "d1")
    assert ear.of("d1")[-1].is_doubtful
    assert not ear.of("d2")[-1].is_doubtful
    line.slaves[1].fault = "none"
    wait_for(lambda: ear.state("d1") is True, "forgotten when one of them has gone")


def test_unplugged_and_replugged(bench) -> None:
    line, ear = bench({1: XNX, 2: WIND})
    fresh(ear, "d2")
    before = held()
    for _ in range(4):
        line.fault("unplugged")
        wait_for(lambda: ear.state("d1") is False and ear.state("d2") is False, "both are lost with the port")
        line.fault("none")
        wait_for(lambda: ear.state("d1") and ear.state("d2"), "both are back")
    fresh(ear, "d1")
    assert_no_more_than(before)
    assert ear.bus.counters.lost == 4
    assert "not there" in ear.links[2][2] or "lost" in ear.links[2][2]


def test_noise_at_full_rate_is_bounded_and_stops_soon(bench) -> None:
    line, ear = bench({1: WIND}, timeout_s=0.1)
    fresh(ear, "d1")
    line.slaves[1].fault = "dead"
    end = time.monotonic() + 1.5
    with line._lock:
        while time.monotonic() < end:
            line.line._send(b"\x01\x03\x02\x00" * 64)
            time.sleep(0.001)
    wait_for(lambda: ear.state("d1") is False, "told")
    assert ear.bus.stuck_s < 2.0
    began = time.monotonic()
    ear.bus.stop()
    assert time.monotonic() - began < 1.0


def test_a_line_on_which_nobody_answers_is_opened_anew(bench, monkeypatch) -> None:
    monkeypatch.setattr("gateway.transports.modbus_bus.DEAF_S", 0.5)
    line, ear = bench({1: WIND, 2: WIND})
    fresh(ear, "d1")
    line.fault("silence")
    wait_for(lambda: ear.bus.counters.opened >= 3, "an adapter that hangs is opened again")
    assert [up for source, up, _ in ear.links if source == "d1"] == [True, False], "and told once"
    line.fault("none")
    wait_for(lambda: ear.state("d1") and ear.state("d2"), "it heals")


def test_on_a_full_bus_a_lost_device_is_asked_all_the_same(bench, monkeypatch) -> None:
    monkeypatch.setattr("gateway.transports.modbus_bus.STARVED_S", 0.5)
    line, ear = bench({1: WIND, 2: WIND}, period_s=0.02)  # no time is ever left for a silence of 0.1 s
    fresh(ear, "d2")
    line.slaves[1].fault = "dead"
    wait_for(lambda: ear.state("d1") is False, "the loss is told")
    line.slaves[1].fault = "none"
    wait_for(lambda: ear.state("d1") is True, "it returns")


def test_the_port_is_told_when_it_is_missing_at_start(tmp_path: Path) -> None:
    ear = Ear(tmp_path / "no-such-port", {1: WIND})
    wait_for(lambda: ear.links, "told")
    ear.bus.stop()
    (link,) = ear.links
    assert link[:2] == ("d1", False)
    assert link[2].startswith(f"serial port {tmp_path}/no-such-port: it is not there")
