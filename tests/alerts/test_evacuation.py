"""Evacuation: up by itself, down only by two named persons (limits reference 6.6 and 7.4)."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Alarm, Priority, Reply, State
from alerts.occupancy import Occupancy
from alerts.protocols.evacuation import RANK, Evacuation
from tests.fixtures.small_mine import MINE, alarm, ask, at, counted_empty, graph, site

NO2 = alarm("no2-1.level", "frente-1", Priority.HIGH)
CO = alarm("co-1.level", "frente-1", Priority.EVACUATE, value=240.0)


class Mine:
    """The evacuation of the small mine with its people."""

    def __init__(self, **changes: Any) -> None:
        self.site = site(**changes)
        self.inside = Occupancy(self.site)
        self.evacuation = Evacuation(self.site, graph(self.site))
        self.airflow = True

    def known(self, zone: str) -> bool:
        return self.airflow

    def step(self, seconds: float, *alarms: Alarm, withdraw: Mapping[str, str] | None = None) -> dict[str, Any]:
        wants = self.evacuation.step(at(seconds), alarms, self.inside, self.known, withdraw)
        return {want.actuator: want.setpoint for want in wants}

    def ask(self, seconds: float, action: str, by: str = "ana", role: str = "officer", **more: Any) -> Reply:
        request = ask(more.get("kind", "evacuation"), more.get("zone", ""), by, role, action=action)
        return self.evacuation.request(at(seconds), request, self.inside, self.known)

    def empty(self, seconds: float, *zones: str) -> None:
        counted_empty(self.inside, at(seconds), *(zones or MINE))

    def document(self, seconds: float = 0) -> dict[str, Any]:
        return self.evacuation.document(at(seconds), self.inside)


QUIET = {"siren-1": "off", "siren-2": "off", "beacon-1": "off"}


def test_a_quiet_mine_is_quiet() -> None:
    mine = Mine()
    assert mine.step(0) == QUIET
    assert mine.document()["state"] == "idle"
    assert not mine.document()["since"].startswith("1970"), "idle since the first step, not since 1970"


def test_warning_lights_the_beacon_of_an_occupied_zone_and_no_siren() -> None:
    mine = Mine()
    assert mine.step(0, alarm("co-1.level", "frente-1")) == QUIET | {"beacon-1": "warn"}
    assert mine.evacuation.stage == "idle"
    mine.empty(1, "frente-1")
    assert mine.step(1, alarm("co-1.level", "frente-1")) == QUIET


def test_high_withdraws_the_affected_set_with_siren_and_beacon() -> None:
    mine = Mine()
    assert mine.step(0, NO2) == {"siren-1": "warn", "siren-2": "off", "beacon-1": "warn"}
    document = mine.document()
    assert (document["state"], document["zones"]) == ("withdraw", ["frente-1"])
    assert mine.evacuation.is_closed("frente-1")


def test_while_the_airflow_is_unknown_everything_connected_is_affected() -> None:
    mine = Mine()
    mine.airflow = False
    assert mine.step(0, NO2)["siren-2"] == "warn"
    assert mine.evacuation.zones == frozenset(MINE)


def test_evacuate_sounds_every_siren_of_a_small_mine() -> None:
    mine = Mine()
    assert mine.step(0, CO) == {"siren-1": "evacuate", "siren-2": "evacuate", "beacon-1": "evacuate"}
    assert mine.document()["whole_mine"] is True
    assert mine.document()["zones"] == sorted(MINE)


def test_in_a_verified_empty_zone_high_closes_the_access_and_sounds_no_siren() -> None:
    mine = Mine()
    mine.empty(0, "frente-1")
    assert mine.step(0, NO2) == QUIET | {"beacon-1": "warn"}
    assert mine.evacuation.stage == "idle"
    assert mine.evacuation.is_closed("frente-1")
    assert not mine.evacuation.is_closed("frente-2")


def test_it_becomes_an_evacuation_the_second_anyone_is_seen_inside() -> None:
    mine = Mine()
    mine.empty(0)
    assert mine.step(0, CO)["siren-1"] == "off"
    mine.inside.presence(at(1), "07", "frente-1")
    assert mine.step(1, CO)["siren-1"] == "evacuate"
    assert mine.document(1)["missing"] == ["07"]


def test_a_counted_out_zone_ends_its_siren_but_not_the_stage() -> None:
    mine = Mine()
    mine.step(0, NO2)
    mine.empty(60, "frente-1")
    assert mine.step(60, NO2)["siren-1"] == "off"
    assert mine.evacuation.stage == "withdraw"


def test_acknowledging_never_silences_the_siren() -> None:
    mine = Mine()
    mine.step(0, CO)
    acked = alarm("co-1.level", "frente-1", Priority.EVACUATE, state=State.ACKED, underlying=State.ACKED)
    assert mine.step(1, acked)["siren-1"] == "evacuate"


def test_the_gas_going_away_ends_nothing() -> None:
    mine = Mine()
    mine.step(0, CO)
    gone = alarm("co-1.level", "frente-1", Priority.EVACUATE, state=State.LATCHED_ACKED,
                 underlying=State.LATCHED_ACKED, beyond=False)  # fmt: skip
    assert mine.step(3600, gone)["siren-1"] == "evacuate"
    assert mine.step(7200)["siren-1"] == "evacuate"
    assert mine.evacuation.stage == "evacuate"


def test_a_suppressed_alarm_withdraws_nobody_and_a_shelved_one_does() -> None:
    for state, expected in ((State.SUPPRESSED, "idle"), (State.OUT_OF_SERVICE, "idle"), (State.SHELVED, "withdraw")):
        mine = Mine()
        mine.step(0, alarm("no2-1.level", "frente-1", Priority.HIGH, state=state))
        assert mine.evacuation.stage == expected, state


@pytest.mark.parametrize("condition", ["siren_failed", "headcount_mismatch", "misfire_hold", "tamper"])
def test_some_high_alarms_call_people_and_sound_no_siren(condition: str) -> None:
    mine = Mine()
    assert mine.step(0, alarm(f"siren-1.{condition}", "frente-1", Priority.HIGH))["siren-1"] == "off"


def test_the_workshop_never_evacuates_the_mine() -> None:
    mine = Mine()
    mine.step(0, alarm("hg.level", "taller", Priority.EVACUATE))
    assert (mine.evacuation.stage, mine.evacuation.zones) == ("withdraw", {"taller"})


def test_methane_withdraws_by_the_interlocks_word_alone() -> None:
    mine = Mine()
    assert mine.step(0, withdraw={"frente-1": "methane 0.6 %"})["siren-1"] == "warn"
    assert mine.step(1)["siren-1"] == "warn", "and does not take it back"


def test_two_separate_zones_at_evacuate_are_the_whole_mine() -> None:
    mine = Mine(site={"id": "mina", "name": "Mina", "evacuation_scope": "affected"})
    mine.step(0, CO)
    assert mine.evacuation.zones == {"frente-1"}
    mine.step(1, CO, alarm("co-2.level", "frente-2", Priority.EVACUATE))
    assert mine.evacuation.zones == frozenset(MINE)


def test_the_route_avoids_the_gas() -> None:
    mine = Mine()
    mine.step(0, alarm("co-n.level", "nivel-1", Priority.EVACUATE))
    routes = mine.document()["routes"]
    assert routes["nivel-1"] == ["nivel-1", "bocamina"]
    assert routes["frente-1"] is None, "its only way leads through the gas"


# all clear

def gone() -> Alarm:
    return alarm("co-1.level", "frente-1", Priority.EVACUATE, state=State.LATCHED_UNACK,
                 underlying=State.LATCHED_UNACK, beyond=False)  # fmt: skip


def test_the_end_takes_two_named_persons_and_is_silent_but_for_a_voice() -> None:
    mine = Mine()
    mine.step(0, CO)
    mine.empty(600)
    mine.step(600, gone())
    assert mine.ask(601, "all_clear").ok
    assert mine.step(601, gone())["siren-1"] == "off"
    assert mine.document(601)["signatures"] == ["ana"]
    assert mine.evacuation.stage == "evacuate", "one is not two"
    again = mine.ask(602, "stop")
    assert "another person's" in (again.error or "")
    assert mine.ask(603, "all_clear", "luis", "supervisor").ok
    assert mine.step(603, gone()) == {"siren-1": "all_clear", "siren-2": "all_clear", "beacon-1": "warn"}
    assert mine.evacuation.zones == frozenset()
    assert mine.step(603 + 300)["siren-1"] == "off"
    assert mine.evacuation.stage == "idle"


def test_a_first_signature_waits_half_an_hour() -> None:
    mine = Mine()
    mine.step(0, CO)
    mine.empty(600)
    mine.step(600)
    mine.ask(600, "all_clear")
    assert mine.ask(600 + 1800, "all_clear", "luis", "supervisor").ok
    assert mine.evacuation.stage == "evacuate"


def test_no_all_clear_while_gas_stands_or_anyone_is_missing_or_not_counted() -> None:
    mine = Mine()
    mine.inside.presence(at(0), "07", "frente-2")
    mine.step(0, CO)
    assert "co-1.level" in (mine.ask(1, "all_clear").error or "")
    mine.step(2, gone())
    assert "07" in (mine.ask(3, "all_clear").error or "")
    mine.inside.presence(at(4), "07", None)
    assert "counted nobody" in (mine.ask(5, "all_clear").error or "")
    mine.empty(6)
    assert mine.ask(7, "all_clear").ok


def test_suppressed_or_shelved_gas_stands_in_the_way_of_an_all_clear_too() -> None:
    mine = Mine()
    mine.step(0, CO)
    mine.empty(1)
    for state in (State.SUPPRESSED, State.SHELVED):
        mine.step(2, alarm("no2-1.level", "frente-1", Priority.HIGH, state=state))
        assert not mine.ask(3, "all_clear").ok


def test_a_new_trigger_voids_the_first_signature() -> None:
    mine = Mine()
    mine.step(0, CO)
    mine.empty(600)
    mine.step(600, gone())
    mine.ask(601, "all_clear")
    mine.inside.presence(at(602), "07", "frente-1")
    mine.step(602, alarm("no2-1.level", "frente-1", Priority.EVACUATE))
    assert mine.document(602)["signatures"] == []


@pytest.mark.parametrize("role", ["reviewer", "miner", "visitor", ""])
def test_others_may_not_end_it(role: str) -> None:
    mine = Mine()
    mine.step(0, CO)
    mine.empty(1)
    mine.step(1)
    assert not mine.ask(2, "all_clear", role=role).ok
    assert not mine.ask(2, "silence", role=role).ok


# by hand

def test_anyone_registered_inside_may_start_it_and_a_reviewer_may_not() -> None:
    mine = Mine()
    assert mine.ask(0, "start", "rosa", "miner").ok
    assert mine.step(0)["siren-2"] == "evacuate"
    assert mine.document()["commanded_by"] == "rosa"
    assert not Mine().ask(0, "start", "eva", "reviewer").ok
    assert not Mine().ask(0, "start", "", "officer").ok


def test_a_persons_order_sounds_the_siren_even_where_everyone_is_counted_out() -> None:
    mine = Mine()
    mine.empty(0)
    mine.ask(0, "evacuate")
    assert mine.step(0)["siren-1"] == "evacuate"


def test_stages_by_hand_go_up_only() -> None:
    mine = Mine()
    assert mine.ask(0, "alert", zone="frente-1").ok
    assert mine.step(0) == QUIET | {"beacon-1": "warn"}
    assert "follows" in (mine.ask(1, "muster").error or "")
    assert mine.ask(1, "withdraw", zone="frente-1").ok
    assert mine.step(1)["siren-1"] == "warn"
    assert mine.ask(2, "evacuate").ok
    assert "only an all clear" in (mine.ask(3, "withdraw").error or "")
    assert "no zone" in (mine.ask(3, "evacuate", zone="nivel-9").error or "")
    assert "no action" in (mine.ask(3, "dance").error or "")
    assert mine.ask(4, "muster").ok
    assert mine.ask(5, "refuge").ok
    assert mine.step(5)["siren-1"] == "evacuate"


def test_the_siren_is_silenced_at_the_muster_only_for_ten_minutes_and_until_the_next_trigger() -> None:
    mine = Mine()
    mine.step(0, CO)
    assert "in stage muster only" in (mine.ask(1, "silence").error or "")
    mine.ask(2, "muster")
    assert mine.step(2, CO)["siren-1"] == "evacuate"
    assert mine.ask(3, "silence").ok
    assert mine.step(3, CO)["siren-1"] == "off"
    assert mine.step(3 + 600, CO)["siren-1"] == "evacuate"
    mine.ask(700, "silence")
    assert mine.step(700, CO)["siren-1"] == "off"
    assert mine.step(701, CO, alarm("no2-1.level", "frente-1", Priority.EVACUATE))["siren-1"] == "evacuate"


def test_someone_missing_at_the_muster_is_an_alarm() -> None:
    mine = Mine()
    mine.inside.presence(at(0), "07", "frente-2")
    mine.step(0, CO)
    mine.ask(1, "muster")
    (finding,) = mine.evacuation.findings(mine.inside)
    assert (finding.condition, finding.beyond, finding.reason) == ("headcount_mismatch", True, "07")


# drills

def test_a_drill_is_marked_and_one_person_ends_it() -> None:
    mine = Mine()
    assert mine.ask(0, "start", kind="drill").ok
    wants = mine.evacuation.step(at(0), (), mine.inside, mine.known)
    assert all(want.drill for want in wants)
    assert mine.document()["drill"] is True
    assert mine.ask(1, "stop", kind="drill").ok
    assert mine.evacuation.stage == "all_clear"


def test_no_drill_while_something_real_goes_on() -> None:
    mine = Mine()
    mine.step(0, NO2)
    assert "real" in (mine.ask(1, "start", kind="drill").error or "")


def test_a_real_alarm_ends_the_drill() -> None:
    mine = Mine()
    mine.ask(0, "start", kind="drill")
    mine.step(0)
    wants = mine.evacuation.step(at(1), (CO,), mine.inside, mine.known)
    assert mine.document()["drill"] is False
    assert not any(want.drill for want in wants)
    assert "co-1.level" in (mine.ask(2, "all_clear").error or "")


# restart

def test_a_retained_evacuation_that_the_journal_lost_goes_on() -> None:
    mine = Mine()
    mine.evacuation.adopt(at(0), {"state": "evacuate", "zones": ["frente-1"], "drill": False})
    assert mine.step(0)["siren-1"] == "evacuate"
    mine.evacuation.adopt(at(1), {"state": "idle"})
    assert mine.evacuation.stage == "evacuate"


ALARMS = st.lists(
    st.builds(
        lambda zone, priority, state, beyond: alarm(
            f"x-{zone}.level", zone, priority, state=state, underlying=State.UNACK if beyond else State.RTN_UNACK,
            beyond=beyond,
        ),
        st.sampled_from([*MINE, "taller"]), st.sampled_from(list(Priority)),
        st.sampled_from([State.UNACK, State.ACKED, State.SUPPRESSED, State.SHELVED, State.RTN_UNACK]), st.booleans(),
    ),
    max_size=3,
)  # fmt: skip
COURSE = st.lists(
    st.tuples(ALARMS, st.sampled_from(["", "empty", "tag", "muster", "silence", "all_clear"]), st.integers(1, 900)),
    max_size=10,
)


def play(mine: Mine, course: list[tuple[list[Alarm], str, int]], start: int) -> list[tuple[str, dict[str, Any]]]:
    now, seen = start, []
    for alarms, act, wait in course:
        now += wait
        if act == "empty":
            for zone in MINE:
                if not mine.inside.people_in(zone):
                    mine.empty(now, zone)
        elif act == "tag":
            mine.inside.presence(at(now), "07", "frente-1")
        elif act:
            mine.ask(now, act)
        seen.append((mine.evacuation.stage, mine.step(now, *alarms)))
        seen.append((mine.evacuation.stage, {}))
    return seen


@settings(max_examples=60)
@given(COURSE)
def test_the_stage_never_goes_down_by_itself_nor_by_one_person(course: list[tuple[list[Alarm], str, int]]) -> None:
    mine = Mine()
    highest = 0
    for stage, _ in play(mine, course, 0):
        assert RANK[stage] >= min(highest, RANK["evacuate"])  # type: ignore[index]
        highest = max(highest, RANK[stage])  # type: ignore[index]


@settings(max_examples=40)
@given(COURSE, COURSE)
def test_a_restart_between_two_steps_changes_nothing(
    before: list[tuple[list[Alarm], str, int]], after: list[tuple[list[Alarm], str, int]]
) -> None:
    lasting, restarted = Mine(), Mine()
    play(lasting, before, 0)
    restarted.evacuation.load(msgspec.msgpack.decode(msgspec.msgpack.encode(lasting.evacuation.dump())))
    restarted.inside.load(lasting.inside.dump())
    assert play(lasting, after, 20_000) == play(restarted, after, 20_000)
    assert lasting.document() == restarted.document()
