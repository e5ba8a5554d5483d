"""The declared blast: arming, what it suppresses, what pierces it (limits reference 7.2.1)."""

import pytest

from gateway.domain.quality import Quality
from tests.fixtures.blast_heading import HIGH, MIN, Heading, shot
from tests.fixtures.small_mine import alarm, at, counted_empty


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
