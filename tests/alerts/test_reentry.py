"""The re-entry after gas: below the limit is not permission (limits reference 7.2)."""

import msgspec
import pytest

from alerts.model import Priority, State
from gateway.domain.quality import Quality
from tests.fixtures.blast_heading import GOOD_PORTABLE, HIGH, MIN, Heading, clean, shot
from tests.fixtures.small_mine import alarm, at, counted_empty


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


@pytest.mark.parametrize("condition", ["blast_unscheduled", "fire_suspected", "second_rise", "fan_failed"])
def test_what_is_no_gas_itself_closes_the_zone_too(condition: str) -> None:
    heading = Heading()
    heading.step(0, alarm(f"frente-1.{condition}", "frente-1", Priority.HIGH))
    assert heading.reentry.is_closed("frente-1")
    heading.run(10, 330)
    assert heading.reentry.is_closed("frente-1"), "until people have measured and someone signed"
