"""After a shot: a witness that gets warm, or CO that rises without NO and NO2 (limits reference 7.2.1, 6)."""

from typing import Any

import msgspec

from alerts.model import Priority
from gateway.domain.quality import Quality
from tests.fixtures.blast_heading import HIGH, Heading, shot
from tests.fixtures.small_mine import site

WARM = {"id": "temp-1", "zone": "frente-1", "quantity": "temperature", "source": "nodes", "channel": "n/temp-1"}


def with_thermometer(**changes: Any) -> dict[str, Any]:
    return {"sensors": [s.model_dump() for s in site(**changes).sensors] + [WARM]}


def suspected(heading: Heading) -> bool | None:
    return heading.found("fire_suspected").beyond


def decayed(heading: Heading, until: int) -> int:
    """The fumes thin out as they should."""
    for second in range(60, until, 10):
        left = 0.5 ** ((second - 60) / 300)
        heading.air.set("co-1", 380.0 * left)
        heading.air.set("no2-1", 9.0 * left**3)
        heading.step(second)
        assert suspected(heading) is False
    return until


def test_the_fumes_of_a_shot_are_no_fire_however_long_they_take() -> None:
    decayed(shot(), 5000)


def test_co_that_rises_again_without_no2_is_suspected_after_two_minutes() -> None:
    heading = shot()
    now = decayed(heading, 2400)
    heading.air.set("co-1", 150.0)
    heading.run(now, now + 120)
    assert suspected(heading) is False
    heading.run(now + 120, now + 131)
    found = heading.found("fire_suspected")
    assert (found.beyond, found.priority, found.latch) == (True, Priority.HIGH, True)
    assert found.reason == "co-1 rises without NO or NO2"
    assert "[M]" in (found.source or "")


def test_with_no2_it_is_a_second_shot_and_no_fire() -> None:
    heading = shot()
    now = decayed(heading, 2400)
    heading.air.set("co-1", 150.0)
    heading.air.set("no2-1", 2.0)
    heading.run(now, now + 600)
    assert suspected(heading) is False
    assert heading.found("second_rise").beyond is True


def test_where_no_no2_is_watched_nobody_can_say_that_it_is_missing() -> None:
    for silent in (True, False):
        heading = shot()
        now = decayed(heading, 2400)
        if silent:
            heading.air.silence("no2-1")
        else:
            heading.air.set("no2-1", 0.0, Quality.BAD)
        heading.air.set("co-1", 150.0)
        heading.run(now, now + 300)
        assert suspected(heading) is False


def test_a_witness_that_gets_warmer_is_suspected_at_once() -> None:
    heading = shot(**with_thermometer())
    heading.air.set("temp-1", 4.9)
    heading.step(70)
    assert suspected(heading) is False
    heading.air.set("temp-1", 5.0)
    heading.step(80)
    assert suspected(heading) is True
    assert heading.found("fire_suspected").reason == "temp-1 +5.0 degC since the shot"


def test_silence_takes_no_suspicion_back_and_good_air_does() -> None:
    heading = shot(**with_thermometer())
    heading.air.set("temp-1", 9.0)
    heading.step(70)
    heading.air.silence("temp-1")
    heading.run(80, 400)
    assert suspected(heading) is True
    heading.air.set("temp-1", 1.0, Quality.UNCERTAIN)
    heading.step(400)
    assert suspected(heading) is True
    heading.air.set("temp-1", 1.0)
    heading.step(410)
    assert suspected(heading) is False


def test_without_a_shot_no_rule_says_what_co_alone_means() -> None:
    heading = Heading()
    heading.run(0, 60)
    heading.air.set("co-1", 380.0)
    heading.run(60, 600, HIGH)
    assert not [f for f in heading.blast.findings() if f.condition == "fire_suspected"]


def test_a_restart_does_not_begin_the_two_minutes_anew() -> None:
    heading, again = shot(), Heading()
    now = decayed(heading, 2400)
    heading.air.set("co-1", 150.0)
    heading.run(now, now + 60)
    again.blast.load(msgspec.msgpack.decode(msgspec.msgpack.encode(heading.blast.dump())))
    again.air.set("co-1", 150.0)
    again.run(now + 60, now + 140)
    assert suspected(again) is True
