"""Commands are levels, not edges (interfaces, Commands)."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerts.commander import Commander, command_document
from alerts.model import Command, Finding, Priority
from alerts.occupancy import Occupancy
from tests.fixtures.small_mine import at, counted_empty, says, site


def ids(commands: list[Command]) -> list[str]:
    return [command.id for command in commands]


def sent(commander: Commander, seconds: float) -> list[tuple[str, float | str]]:
    return [(command.actuator, command.setpoint) for command in commander.step(at(seconds))]


def finding_of(commander: Commander, seconds: float, occupancy: Occupancy, actuator: str) -> Finding:
    return next(f for f in commander.findings(at(seconds), occupancy) if f.subject == actuator)


def test_a_new_level_goes_out_at_once_and_again_every_ten_seconds_with_a_new_id() -> None:
    commander = Commander(site())
    commander.want(at(0), "siren-1", "evacuate", "CO 240 ppm")
    assert ids(commander.step(at(0))) == ["siren-1-1"]
    assert commander.step(at(9.9)) == []
    assert ids(commander.step(at(10))) == ["siren-1-2"]
    assert ids(commander.step(at(20))) == ["siren-1-3"]


def test_it_is_said_until_the_state_agrees_and_no_longer() -> None:
    commander = Commander(site())
    commander.want(at(0), "fan-1", 100.0, "demand")
    commander.step(at(0))
    commander.feedback(at(1), says("fan-1", 99.5, running=True, command_id="fan-1-1"))
    assert commander.obeys("fan-1")
    assert all(sent(commander, t) == [] for t in range(1, 120))


def test_wanting_the_same_again_sends_nothing_but_a_change_does() -> None:
    commander = Commander(site())
    commander.want(at(0), "fan-1", 60.0, "idle")
    commander.step(at(0))
    commander.want(at(1), "fan-1", 60.0, "idle")
    assert sent(commander, 1) == []
    commander.want(at(2), "fan-1", 100.0, "demand")
    assert sent(commander, 2) == [("fan-1", 100.0)]


def test_an_actuator_that_appears_with_another_level_is_told_at_once() -> None:
    commander = Commander(site())
    commander.want(at(0), "siren-1", "evacuate", "gas")
    commander.step(at(0))
    commander.feedback(at(1), says("siren-1", "evacuate", command_id="siren-1-1"))
    assert sent(commander, 2) == []
    commander.feedback(at(5), says("siren-1", "off"))  # it was restarted and forgot
    assert sent(commander, 5) == [("siren-1", "evacuate")]


def test_a_node_that_comes_back_hears_its_level_again() -> None:
    commander = Commander(site())
    commander.want(at(0), "siren-1", "warn", "gas")
    commander.step(at(0))
    commander.feedback(at(1), says("siren-1", "warn", command_id="siren-1-1"))
    commander.node(at(3), "siren-1", online=False)
    commander.node(at(4), "siren-1", online=True)
    assert sent(commander, 4) == [("siren-1", "warn")]


def test_a_device_that_heard_and_says_otherwise_is_not_flooded() -> None:
    commander = Commander(site())
    commander.want(at(0), "fan-1", 100.0, "demand")
    count = 0
    for tenth in range(300):  # its inverter clamps at 90 %, and it says so ten times a second
        for command in commander.step(at(tenth / 10)):
            commander.feedback(at(tenth / 10), says("fan-1", 90.0, command_id=command.id))
            count += 1
        commander.feedback(at(tenth / 10), says("fan-1", 90.0, command_id=f"fan-1-{count}"))
    assert count == 3, "every ten seconds"


def test_a_siren_that_is_wanted_on_is_never_left_by_expiry() -> None:
    commander = Commander(site())
    commander.want(at(0), "siren-1", "evacuate", "gas")
    until = 0.0
    for second in range(600):
        assert second <= until, "the level must be said again before the last command expires"
        for command in commander.step(at(second)):
            until = second + command.expires_in_s
            commander.feedback(at(second), says("siren-1", "evacuate", command_id=command.id))


def test_holding_commands_nothing() -> None:
    commander = Commander(site())
    commander.want(at(0), "fan-1", 100.0, "demand")
    commander.want(at(0), "fan-1", None, "interlock")
    assert sent(commander, 0) == []
    commander.feedback(at(1), says("fan-1", 0.0))
    commander.node(at(2), "fan-1", online=True)
    assert sent(commander, 60) == []


def test_ids_are_counted_and_go_on_over_a_restart_and_after_a_lost_journal() -> None:
    commander, restarted, fresh = Commander(site()), Commander(site()), Commander(site())
    commander.want(at(0), "siren-1", "evacuate", "gas")
    commander.step(at(0))
    restarted.load(msgspec.msgpack.decode(msgspec.msgpack.encode(commander.dump())))
    restarted.restarted(at(5))
    assert ids(restarted.step(at(5))) == ["siren-1-2"], "said again at once after the restart"
    fresh.feedback(at(0), says("siren-1", "evacuate", command_id="siren-1-57", retained=True))
    fresh.want(at(0), "siren-1", "off", "")
    assert ids(fresh.step(at(0))) == ["siren-1-58"], "an id is never used twice"


def test_a_strange_command_id_of_an_actuator_is_no_counter() -> None:
    commander = Commander(site())
    for strange in ("siren-1-x", "siren-2-900", "", "siren-1-²", "siren-1-" + "9" * 400):
        commander.feedback(at(0), says("siren-1", "off", command_id=strange))
    commander.feedback(at(0), says("nobody", "off"))
    commander.want(at(0), "siren-1", "warn", "gas")
    assert ids(commander.step(at(0))) == ["siren-1-1"]


def test_the_document_is_the_interfaces() -> None:
    commander = Commander(site())
    commander.want(at(0), "siren-1", "evacuate", "co-1.level", drill=True)
    (command,) = commander.step(at(0))
    assert command_document(command) == {
        "id": "siren-1-1", "setpoint": "evacuate", "reason": "co-1.level", "issued": "2026-11-18T11:06:40.000Z",
        "expires": "2026-11-18T11:07:40.000Z", "expires_in_s": 60, "drill": True,
    }  # fmt: skip


def test_a_silent_siren_is_high_with_someone_inside_and_a_warning_without() -> None:
    commander, inside = Commander(site()), Occupancy(site())
    commander.want(at(0), "siren-1", "off", "")
    commander.step(at(0))
    commander.feedback(at(1), says("siren-1", "off", command_id="siren-1-1"))
    assert finding_of(commander, 60, inside, "siren-1").beyond is False
    silent = finding_of(commander, 62, inside, "siren-1")
    assert (silent.condition, silent.beyond, silent.priority) == ("siren_failed", True, Priority.HIGH)
    counted_empty(inside, at(62), "frente-1")
    assert finding_of(commander, 63, inside, "siren-1").priority is Priority.WARNING
    commander.alive(at(64), "siren-1")
    assert finding_of(commander, 65, inside, "siren-1").beyond is False


def test_a_retained_word_is_no_sign_of_life() -> None:
    commander, inside = Commander(site()), Occupancy(site())
    commander.want(at(0), "siren-1", "off", "")
    commander.step(at(0))
    commander.feedback(at(50), says("siren-1", "off", retained=True))
    assert finding_of(commander, 61, inside, "siren-1").beyond is True


def test_a_siren_that_does_not_obey_or_whose_will_spoke_has_failed() -> None:
    commander, inside = Commander(site()), Occupancy(site())
    commander.want(at(0), "siren-1", "evacuate", "gas")
    for second in range(32):
        for command in commander.step(at(second)):
            commander.feedback(at(second), says("siren-1", "off", command_id=command.id))
    assert finding_of(commander, 31, inside, "siren-1").beyond is True
    commander.node(at(32), "siren-2", online=False)
    assert finding_of(commander, 32, inside, "siren-2").beyond is True


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("want"), st.sampled_from(["off", "warn", "evacuate"])),
        st.tuples(st.just("says"), st.sampled_from(["off", "warn", "evacuate"])),
        st.tuples(st.just("wait"), st.integers(1, 25)),
        st.tuples(st.just("node"), st.booleans()),
    ),
    max_size=20,
)


def run(commander: Commander, steps: list[tuple[str, object]], start: float) -> list[Command]:
    now, out = start, []
    for kind, what in steps:
        if kind == "want":
            commander.want(at(now), "siren-1", str(what), "")
        elif kind == "says":
            commander.feedback(at(now), says("siren-1", str(what)))
        elif kind == "node":
            commander.node(at(now), "siren-1", online=bool(what))
        else:
            now += int(str(what))
        out += commander.step(at(now))
    return out


@given(STEPS, STEPS)
def test_a_restart_between_two_events_changes_nothing(
    before: list[tuple[str, object]], after: list[tuple[str, object]]
) -> None:
    lasting, restarted = Commander(site()), Commander(site())
    run(lasting, before, 0)
    restarted.load(msgspec.msgpack.decode(msgspec.msgpack.encode(lasting.dump())))
    assert run(lasting, after, 1000) == run(restarted, after, 1000)


@given(STEPS)
def test_an_evacuation_that_nobody_confirmed_is_said_every_ten_seconds(before: list[tuple[str, object]]) -> None:
    commander = Commander(site())
    run(commander, before, 0)
    commander.want(at(1000), "siren-1", "evacuate", "gas")
    commander.feedback(at(1000), says("siren-1", "off"))
    said = [second for second in range(1000, 1031) for _ in commander.step(at(second))]
    assert said[0] <= 1001
    assert all(b - a <= 10 for a, b in pairwise(said))


@given(STEPS)
def test_no_id_is_used_twice(steps: list[tuple[str, object]]) -> None:
    used = ids(run(Commander(site()), steps, 0))
    assert len(used) == len(set(used))
