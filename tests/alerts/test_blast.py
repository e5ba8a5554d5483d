"""The declared blast and the re-entry after gas (limits reference 7.2)."""

from typing import Any

import msgspec
import pytest

from alerts.model import Alarm, Finding, Priority, Reply, State
from alerts.occupancy import Occupancy
from alerts.protocols.blast import Blast
from alerts.protocols.portable import PortableReadings
from alerts.protocols.reentry import ReEntry
from gateway.domain.quality import Quality
from tests.fixtures.small_mine import Air, alarm, ask, at, counted_empty, graph, site

MIN = 60.0
HIGH = alarm("co-1.level", "frente-1", Priority.HIGH, value=380.0)
GOOD_PORTABLE = {"co": 11.0, "no2": 0.4, "co2": 900.0, "o2": 20.3}


class Heading:
    """Frente 1 on a day with a blast: air, people, portables, the fan's proof."""

    def __init__(self, **changes: Any) -> None:
        self.site = site(**changes)
        self.air, self.inside = Air(self.site), Occupancy(self.site)
        self.portable = PortableReadings(self.site)
        self.blast, self.reentry = Blast(self.site, graph(self.site)), ReEntry(self.site)
        self.proven: int | None = at(-3600).now_us

    def has_proof(self, zone: str) -> bool:
        return zone == "frente-1"

    def proven_since_us(self, zone: str) -> int | None:
        return self.proven

    def step(self, seconds: float, *alarms: Alarm) -> None:
        moment = self.air.moment = at(seconds)
        self.blast.step(moment, alarms, self.air, self.inside, self.reentry.is_permitted)
        self.reentry.step(
            moment, alarms, self.air, self.portable, self, self.blast.fired, self.blast.is_armed
        )

    def run(self, start: float, stop: float, *alarms: Alarm, every: float = 10) -> None:
        while start < stop:
            self.step(start, *alarms)
            start += every

    def do(self, seconds: float, action: str, by: str = "ana", role: str = "officer", **args: Any) -> Reply:
        self.air.moment = at(seconds)
        request = ask("blast", "frente-1", by, role, action=action, **args)
        return self.blast.request(at(seconds), request, self.inside, self.air, self.portable)

    def sign(self, seconds: float, by: str = "ana", role: str = "officer", action: str = "permit") -> Reply:
        return self.reentry.request(at(seconds), ask("reentry", "frente-1", by, role, action=action), self.portable)

    def measure(self, seconds: float, by: str = "luis", **gases: float) -> None:
        args = {"gases": gases or GOOD_PORTABLE, "instrument": "MX4-1", "point": "face"}
        self.portable.record(at(seconds), "frente-1", args, by)

    def found(self, condition: str, subject: str = "frente-1") -> Finding:
        return next(f for f in self.blast.findings() if (f.subject, f.condition) == (subject, condition))

    def suppressing(self, seconds: float) -> bool:
        return self.blast.suppression(at(seconds), self.inside) is not None

    @property
    def state(self) -> tuple[str | None, str]:
        return self.blast.state, self.reentry.state("frente-1")


def shot(seconds: float = 0.0, **changes: Any) -> Heading:
    """A declared blast fired at `seconds`, its fumes seen a minute later."""
    heading = Heading(**changes)
    counted_empty(heading.inside, at(seconds), "frente-1")
    assert heading.do(seconds, "arm").ok
    assert heading.do(seconds, "fire", charged=22, counted=22).ok
    heading.step(seconds)
    heading.air.set("co-1", 380.0)
    heading.air.set("no2-1", 9.0)
    heading.step(seconds + 60)
    return heading


def clean(heading: Heading) -> None:
    heading.air.set("co-1", 11.0)
    heading.air.set("no2-1", 0.4)


# arming

def test_a_blast_is_armed_only_with_the_influence_verified_empty() -> None:
    heading = Heading()
    assert heading.do(0, "plan").ok
    assert heading.blast.document(at(0), heading.inside)["influence"] == ["frente-1"]  # type: ignore[index]
    assert heading.do(1, "clear").ok
    refused = heading.do(2, "arm")
    assert "not verified empty" in (refused.error or "")
    counted_empty(heading.inside, at(3), "frente-1")
    assert heading.do(4, "arm").ok
    assert heading.blast.is_armed("frente-1")


@pytest.mark.parametrize(
    ("methane", "quality", "why"),
    [(0.5, Quality.GOOD, "no shot is fired"), (0.9, Quality.UNCERTAIN, "no shot is fired"),
     (0.0, Quality.BAD, "methane is not known"), (0.0, Quality.UNCERTAIN, "methane is not known")],
)  # fmt: skip
def test_nor_with_methane_or_without_knowing(methane: float, quality: int, why: str) -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    heading.air.set("ch4-1", methane, quality)
    assert why in (heading.do(0, "arm").error or "")


def test_nor_without_guards_nor_by_anyone() -> None:
    heading = Heading(blasts=[{"times": ["11:30"], "zones": ["frente-1"], "influence": ["frente-1"]}])
    counted_empty(heading.inside, at(0), "frente-1")
    assert "no guard" in (heading.do(0, "arm").error or "")
    assert "may not sign" in (heading.do(0, "arm", "rosa", "miner").error or "")
    assert heading.do(0, "arm", guards=["rosa"]).ok


def test_someone_who_goes_back_in_disarms_it() -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    heading.do(0, "arm")
    heading.inside.presence(at(5), "07", "frente-1")
    heading.step(5)
    assert heading.blast.state == "clearing"
    assert "does not follow" in (heading.do(6, "fire").error or "")


def test_a_cancelled_blast_suppresses_nothing() -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    heading.do(0, "arm")
    assert heading.do(1, "cancel").ok
    assert not heading.suppressing(2)
    assert "does not follow" in (heading.do(3, "fire").error or "")


@pytest.mark.parametrize("action", ["fire", "arm", "dance", "misfire_over"])
def test_what_cannot_follow_is_refused_with_a_sentence(action: str) -> None:
    assert (Heading().do(0, action).error or "").startswith("blast: ")


# suppression

def test_it_suppresses_only_after_the_shot_and_only_until_the_window_ends() -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    heading.do(0, "arm")
    heading.step(1)
    assert not heading.suppressing(1)
    heading.do(2, "fire")
    assert heading.suppressing(3)
    assert heading.suppressing(2 + 90 * MIN - 1)
    assert not heading.suppressing(2 + 90 * MIN)


def test_it_is_pierced_the_instant_anyone_is_seen_inside() -> None:
    heading = shot()
    assert heading.suppressing(60)
    heading.inside.presence(at(61), "07", "frente-1")
    assert not heading.suppressing(61)


def test_it_is_pierced_by_anything_that_makes_emptiness_doubtful() -> None:
    heading = shot()
    heading.inside.reader(at(61), up=False)
    assert not heading.suppressing(61)


def test_the_shot_that_nobody_reported_is_detected_while_armed() -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    heading.do(0, "arm")
    heading.step(10, HIGH)
    assert heading.blast.state == "fired"
    assert heading.blast.document(at(10), heading.inside)["detected"] is True  # type: ignore[index]


def test_an_undeclared_blast_suppresses_nothing() -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    heading.step(0, HIGH)
    assert not heading.suppressing(1)
    assert heading.blast.state is None


def test_gas_outside_the_influence_is_fume_escape() -> None:
    heading = shot()
    heading.step(61, alarm("co-2.level", "frente-2"))
    assert heading.found("fume_escape", "frente-2").beyond is True
    assert heading.found("fume_escape", "nivel-1").beyond is False


def test_a_shot_that_no_witness_answers_is_not_seen() -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    heading.do(0, "arm")
    heading.do(0, "fire")
    heading.run(0, 601)
    assert heading.found("blast_not_seen").beyond is True
    assert shot().found("blast_not_seen").beyond is False


def test_fewer_shots_counted_than_charged_hold_everyone_back() -> None:
    heading = Heading()
    counted_empty(heading.inside, at(0), "frente-1")
    heading.do(0, "arm")
    assert "whole number" in (heading.do(0, "fire", charged="many").error or "")
    heading.do(0, "fire", charged=22, counted=20)
    heading.step(1)
    assert heading.blast.state == "misfire_hold"
    assert heading.found("misfire_hold").beyond is True
    assert "wait after the shot" in (heading.do(60, "misfire_over").error or "")
    assert heading.do(31 * MIN, "misfire_over").ok


def test_a_second_rise_is_seen_within_two_minutes_and_the_decay_is_none() -> None:
    heading = shot()
    for second in range(60, 900, 10):
        heading.air.set("co-1", 380.0 - 0.4 * (second - 60))
        heading.step(second)
        assert heading.found("second_rise").beyond is False
    for second in range(900, 1040, 10):
        heading.air.set("co-1", 150.0)
        heading.step(second)
    assert heading.found("second_rise").beyond is True


# re-entry

def test_the_earliest_time_and_the_gas_both_keep_people_waiting() -> None:
    heading = shot()
    clean(heading)
    heading.run(60, 29 * MIN)
    assert heading.state == ("fumes", "waiting")
    heading.air.set("co-1", 26.0)
    heading.run(29 * MIN, 40 * MIN)
    assert heading.state == ("measuring", "waiting")


def test_below_the_limit_is_not_permission() -> None:
    heading = shot()
    clean(heading)
    heading.run(60, 40 * MIN)
    assert heading.reentry.state("frente-1") == "measuring"
    document = heading.reentry.document(at(40 * MIN), heading.portable)
    assert document["state"] == "measuring"
    assert document["detail"]["frente-1"]["missing"][-1] == "signature"
    assert "portable co" in document["detail"]["frente-1"]["missing"]
    assert document["detail"]["frente-1"]["words_es"] == "gases bajo el límite: falta medir con portátil y firmar"
    assert "lacks portable co" in (heading.sign(40 * MIN).error or "")
    heading.run(40 * MIN, 24 * 60 * MIN, every=600)
    assert heading.reentry.is_closed("frente-1"), "no time, no air and no sensor ever opens it"


def test_two_people_measure_and_a_named_person_signs() -> None:
    heading = shot()
    clean(heading)
    heading.run(60, 40 * MIN)
    heading.measure(40 * MIN, "luis")
    heading.step(40 * MIN)
    assert "2 people" in (heading.sign(40 * MIN).error or "")
    heading.measure(40 * MIN + 1, "rosa")
    heading.step(40 * MIN + 1)
    assert heading.state == ("measuring", "ready")
    assert "may not sign" in (heading.sign(40 * MIN + 2, "rosa", "miner").error or "")
    assert heading.sign(40 * MIN + 3).ok
    heading.step(40 * MIN + 4)
    assert heading.state == ("released", "permitted")
    detail = heading.reentry.document(at(40 * MIN + 4), heading.portable)["detail"]["frente-1"]
    assert (detail["words_es"], detail["missing"]) == ("ingreso autorizado por ana", [])
    assert not heading.suppressing(40 * MIN + 5)


def ready(heading: Heading | None = None) -> Heading:
    heading = heading or shot()
    clean(heading)
    heading.run(60, 40 * MIN)
    heading.measure(40 * MIN, "luis")
    heading.measure(40 * MIN, "rosa")
    heading.step(40 * MIN)
    return heading


def permitted() -> Heading:
    heading = ready()
    assert heading.sign(40 * MIN).ok
    heading.step(40 * MIN + 1)
    return heading


@pytest.mark.parametrize(
    ("gases", "why"),
    [({**GOOD_PORTABLE, "co": 26.0}, "26 by portable"), ({**GOOD_PORTABLE, "o2": 19.4}, "o2 19.4"),
     ({"co": 1.0, "no2": 0.1, "co2": 400.0}, "portable o2"), ({**GOOD_PORTABLE, "so2": 2.1}, "so2 2.1")],
)  # fmt: skip
def test_bad_or_missing_portable_values_are_no_permit(gases: dict[str, float], why: str) -> None:
    heading = shot()
    clean(heading)
    heading.run(60, 40 * MIN)
    heading.measure(40 * MIN, "luis", **gases)
    heading.measure(40 * MIN, "rosa", **gases)
    heading.step(40 * MIN)
    assert why in (heading.sign(40 * MIN).error or "")


def test_readings_from_before_the_time_do_not_count() -> None:
    heading = shot()
    clean(heading)
    heading.measure(20 * MIN, "luis")
    heading.measure(20 * MIN, "rosa")
    heading.run(60, 40 * MIN)
    assert "portable co" in (heading.sign(40 * MIN).error or "")


def test_the_wait_counts_from_when_the_fan_moves_air() -> None:
    heading = shot()
    clean(heading)
    heading.proven = None
    heading.run(60, 60 * MIN)
    detail = heading.reentry.document(at(60 * MIN), heading.portable)["detail"]["frente-1"]
    assert detail["hindrance"] == "fan not proven"
    heading.proven = at(60 * MIN).now_us
    heading.run(60 * MIN, 85 * MIN)
    assert heading.reentry.state("frente-1") == "waiting"
    heading.run(85 * MIN, 91 * MIN)
    assert heading.reentry.state("frente-1") == "measuring"


def test_a_missing_face_sensor_does_not_block_what_people_measured() -> None:
    heading = shot()
    heading.air.silence("co-1", "no2-1", "o2-1")
    heading.run(60, 40 * MIN)
    assert heading.reentry.state("frente-1") == "waiting", "it died above the limit: silence is no good news"
    heading.measure(40 * MIN, "luis")
    heading.measure(40 * MIN, "rosa")
    heading.step(40 * MIN)
    assert heading.reentry.state("frente-1") == "ready"


def test_a_value_above_is_above_whatever_the_portable_says() -> None:
    heading = ready()
    heading.air.set("co-1", 26.0, Quality.UNCERTAIN)
    heading.step(40 * MIN + 1)
    assert "above the limit" in (heading.sign(40 * MIN + 2).error or "")


@pytest.mark.parametrize("what", ["alarm", "fan", "blast", "person"])
def test_a_permit_ends_with_a_warning_a_fan_stop_the_next_blast_or_a_persons_word(what: str) -> None:
    heading = permitted()
    later = 45 * MIN
    if what == "alarm":
        heading.step(later, alarm("co-1.level", "frente-1"))
    elif what == "fan":
        heading.proven = None
        heading.step(later)
    elif what == "blast":
        counted_empty(heading.inside, at(later), "frente-1")
        assert heading.do(later, "arm").ok
        heading.step(later)
    else:
        assert heading.sign(later, action="revoke").ok
    assert heading.reentry.state("frente-1") == "revoked"
    assert heading.reentry.is_closed("frente-1")
    heading.proven = at(0).now_us
    heading.do(later, "cancel")
    heading.run(later + 1, later + 400)
    assert "portable" in (heading.sign(later + 400).error or ""), "people measure anew"


def test_a_permit_ends_with_the_shift() -> None:
    heading = permitted()
    heading.step(40 * MIN + 8 * 3600)
    assert heading.reentry.state("frente-1") == "idle"


def test_gas_without_a_blast_closes_the_zone_the_same_way() -> None:
    heading = Heading()
    heading.step(0, HIGH)
    assert heading.reentry.state("frente-1") == "waiting"
    clean(heading)
    latched = alarm("co-1.level", "frente-1", Priority.HIGH, state=State.LATCHED_ACKED,
                    underlying=State.LATCHED_ACKED, beyond=False)  # fmt: skip
    heading.run(10, 330, latched)
    assert heading.reentry.state("frente-1") == "measuring", "gas below the limit, alarm latched, nobody has measured"
    assert "signature" in heading.reentry.document(at(330), heading.portable)["detail"]["frente-1"]["missing"]


def test_a_suppressed_alarm_still_keeps_people_out() -> None:
    heading = Heading()
    heading.step(0, alarm("co-1.level", "frente-1", Priority.HIGH, state=State.SUPPRESSED))
    assert heading.reentry.is_closed("frente-1")


def test_a_zone_that_waits_for_nothing_cannot_be_signed() -> None:
    assert "waits for no permit" in (Heading().sign(0).error or "")


def test_state_survives_a_restart() -> None:
    heading, again = ready(), Heading()
    again.blast.load(msgspec.msgpack.decode(msgspec.msgpack.encode(heading.blast.dump())))
    again.reentry.load(msgspec.msgpack.decode(msgspec.msgpack.encode(heading.reentry.dump())))
    again.portable.load(msgspec.msgpack.decode(msgspec.msgpack.encode(heading.portable.dump())))
    again.inside.load(heading.inside.dump())
    clean(again)
    for each in (heading, again):
        each.step(41 * MIN)
    assert again.state == heading.state == ("measuring", "ready")
    assert again.blast.document(at(41 * MIN), again.inside) == heading.blast.document(at(41 * MIN), heading.inside)
    assert again.sign(41 * MIN).ok
