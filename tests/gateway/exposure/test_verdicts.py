"""What may be said of a figure against a limit, and why not more."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.domain.limit import Limit
from gateway.domain.limits import limits_for
from gateway.exposure.verdicts import Channel, Instant, judge_bounds, judge_instant

LIMIT = Limit("acgih", "ACGIH_TLV", "no2", "Nitrogen dioxide", "TWA", 480, 0.2, "ppm", "ACGIH TLV 2012", "M")


def said(limit: Limit, low: float, high: float | None, **more: object) -> tuple[str, str | None]:
    options = {"coverage": 1.0} | more
    figure = judge_bounds(limit, "e8", low, low, high, **options)  # type: ignore[arg-type]
    return figure.verdict, figure.reason


def test_a_verdict_that_is_open_says_why() -> None:
    assert said(LIMIT, 0.1, 0.1) == ("compliant", None)
    assert said(LIMIT, 0.3, 0.3) == ("exceeded", None)
    assert said(LIMIT, 0.1, 0.3) == ("indeterminate", "range")
    assert said(LIMIT, 0.1, None) == ("indeterminate", "range")
    assert said(LIMIT, 0.1, 0.1, coverage=0.74) == ("indeterminate", "coverage")
    assert said(LIMIT, 0.1, 0.1, doubtful=True) == ("indeterminate", "uncertain")


def test_a_limit_below_three_times_noise_and_drift_is_not_judged() -> None:
    """Limits reference 6.7: NO2 0.2 ppm at steps of 0.1 ppm."""
    coarse, fine = Channel(resolution=0.1), Channel(resolution=0.2 / 3)
    for level in (0.1, 5.0):
        assert said(LIMIT, level, level, channel=coarse) == ("indeterminate", "resolution")
    assert said(LIMIT, 0.1, 0.1, channel=fine) == ("compliant", None)
    assert said(replace(LIMIT, value=0.3), 0.1, 0.1, channel=coarse) == ("compliant", None), "three times is enough"


@pytest.mark.parametrize(
    "limit",
    [
        replace(LIMIT, regime="peru"),
        replace(LIMIT, kind="IDLH"),
        replace(LIMIT, regime="site", confirmed_by="Ana", confirmed_on=date(2026, 11, 1)),
    ],
    ids=["peru", "idlh", "signed"],
)
def test_perus_limits_idlh_and_signed_limits_can_always_be_exceeded_never_kept(limit: Limit) -> None:
    coarse = Channel(resolution=0.1)
    assert said(limit, 0.3, 0.3, channel=coarse) == ("exceeded", None)
    assert said(limit, 0.1, 0.1, channel=coarse) == ("indeterminate", "resolution")


@pytest.mark.parametrize(
    ("kind", "comparison", "value", "verdict"),
    [
        ("CEILING", "exceeds", 1.0, "compliant"), ("CEILING", "reaches", 1.0, "exceeded"),
        ("CEILING", "reaches", 0.999, "compliant"), ("CEILING", "exceeds", 1.001, "exceeded"),
        ("MIN", "exceeds", 1.0, "compliant"), ("MIN", "reaches", 1.0, "exceeded"),
        ("MIN", "exceeds", 0.999, "exceeded"), ("MIN", "reaches", 1.001, "compliant"),
    ],
)  # fmt: skip
def test_equal_is_exceeded_where_the_row_says_reaches(kind: str, comparison: str, value: float, verdict: str) -> None:
    limit = replace(LIMIT, kind=kind, value=1.0, comparison=comparison)
    assert said(limit, value, value)[0] == verdict


def test_methane_is_exceeded_when_it_reaches_a_rung_of_msha_but_not_perus_ceiling() -> None:
    verdicts = {(row.kind, row.value): said(row, 0.5, 0.5)[0] for row in limits_for("ch4", ["peru"])}
    assert verdicts["ACTION", 0.5] == "exceeded"
    assert verdicts["CEILING", 0.5] == "compliant"


def test_the_estimate_of_an_absurd_level_is_no_lower_than_what_it_is_at_least() -> None:
    seen = Instant(lowest=0.0, highest=1.0, coverage=0.9, absurd=True)
    figure = judge_instant(replace(LIMIT, kind="CEILING", value=5.0), "instant", seen, Channel(full_scale=20.0))
    assert (figure.low, figure.value, figure.high, figure.verdict) == (20.0, 20.0, None, "exceeded")


def test_a_figure_names_who_confirmed_its_limit() -> None:
    signed = replace(LIMIT, confirmed_by="Ana Quispe", confirmed_on=date(2026, 11, 1))
    figure = judge_bounds(signed, "e8", 0.1, 0.1, 0.1, 1.0)
    assert (figure.confirmed_by, figure.confirmed_on) == ("Ana Quispe", "2026-11-01")
    assert figure.source == "ACGIH TLV 2012; confirmed by Ana Quispe on 2026-11-01"
