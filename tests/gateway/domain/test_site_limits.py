"""A mine signs its limits: it confirms rows or sets stricter ones, and never a laxer one."""

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.domain.limit import Limit
from gateway.domain.limits import idlh, limits_for
from gateway.domain.site import Site, SiteLimit
from gateway.domain.site_limits import all_limits_for_site, limits_for_site, resolve

SIGNED = {"confirmed_by": "ana", "confirmed_on": "2026-11-01"}


def entry(quantity: str = "co", kind: str = "TWA", value: float = 25.0, **more: Any) -> SiteLimit:
    return SiteLimit.model_validate({"quantity": quantity, "kind": kind, "value": value, **SIGNED, **more})


def mine(*entries: SiteLimit, **info: Any) -> Site:
    return Site.model_validate({
        "site": {"id": "mina", "name": "Mina", **info},
        "people": [{"id": "ana", "name": "Ana Quispe", "role": "officer"}],
        "limits": [one.model_dump() for one in entries],
    })  # fmt: skip


def rows(site: Site, quantity: str, *regimes: str) -> list[tuple[str, str, float, str | None]]:
    found = limits_for_site(site, quantity, regimes)
    return [(limit.regime, limit.kind, limit.value, limit.confirmed_by) for limit in found]


def test_the_value_of_the_law_confirms_the_row() -> None:
    (limit,) = limits_for_site(mine(entry()), "co", ["peru"])
    assert (limit.regime, limit.confidence, limit.confirmed) == ("peru", "M", True)
    assert (limit.confirmed_by, limit.confirmed_on) == ("Ana Quispe", date(2026, 11, 1))
    assert limit.cited.endswith("; DS 015-2005-SA; confirmed by Ana Quispe on 2026-11-01")


def test_a_stricter_value_is_a_limit_of_the_mines_own_beside_the_law() -> None:
    site = mine(entry(value=20.0))
    assert rows(site, "co", "peru") == [("peru", "TWA", 25.0, None), ("site", "TWA", 20.0, "Ana Quispe")]
    assert rows(site, "no2", "peru") == [("peru", "TWA", 3.0, None), ("peru", "STEL", 5.0, None)]
    own = limits_for_site(site, "co", [])[0]
    assert (own.table, own.averaging_minutes, own.unit, own.version) == ("SITE", 480, "ppm", "2026-11-01")
    assert own.cited == "internal limit of the mine; confirmed by Ana Quispe on 2026-11-01"


def test_a_regime_that_is_only_reported_is_confirmed_by_its_name() -> None:
    site = mine(entry("h2s", "STEL", 5.0, regime="acgih"))
    assert rows(site, "h2s", "acgih") == [("acgih", "TWA", 1.0, None), ("acgih", "STEL", 5.0, "Ana Quispe")]
    own = mine(entry("h2s", "STEL", 5.0))  # without a name the mine adopts the value as its own
    assert rows(own, "h2s", "acgih")[-1] == ("site", "STEL", 5.0, "Ana Quispe")


def test_the_same_value_in_two_alarm_regimes_is_confirmed_in_both() -> None:
    site = mine(entry(), alarm_regimes=["peru", "acgih"])
    assert [row[3] for row in rows(site, "co", "peru", "acgih")] == ["Ana Quispe", "Ana Quispe"]


def test_oxygen_is_stricter_upwards_and_enrichment_downwards() -> None:
    site = mine(entry("o2", "MIN", 20.0), entry("o2", "MAX", 22.0))
    assert rows(site, "o2", "peru")[2:] == [("site", "MIN", 20.0, "Ana Quispe"), ("site", "MAX", 22.0, "Ana Quispe")]


def test_units_of_the_same_kind_are_converted() -> None:
    site = mine(entry("hg", value=0.02, unit="mg/m3"), entry("ch4", "CEILING", 4000.0, unit="ppm"))
    assert rows(site, "hg", "peru")[-1] == ("site", "TWA", 20.0, "Ana Quispe")
    assert rows(site, "ch4")[-1] == ("site", "CEILING", 0.4, "Ana Quispe")


def test_silica_is_signed_by_phase() -> None:
    site = mine(entry("silica_respirable", value=0.05, phase="quartz"))
    assert [limit.phase for limit in limits_for_site(site, "silica_respirable", ["peru"]) if limit.signed] == ["quartz"]


def test_all_limits_of_a_mine_end_with_its_own() -> None:
    found = all_limits_for_site(mine(entry(value=20.0), entry("no2", "STEL", 5.0)))
    assert (found[-1].regime, found[-1].value) == ("site", 20.0)
    assert [(limit.regime, limit.quantity, limit.kind) for limit in found if limit.signed] == [
        ("peru", "no2", "STEL"), ("site", "co", "TWA"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (entry(value=30.0), "value: 30 ppm is laxer than peru's TWA 25 ppm (DS 024-2016-EM Anexo 15 ("),
        (entry("o2", "MIN", 19.0), "value: 19 %vol is laxer than peru's MIN 19.5 %vol (DS 024-2016-EM Art. 246 b)"),
        (entry("o2", "MAX", 23.0), "value: 23 %vol is laxer than peru's MAX 22.5 %vol ("),
        (entry("co", "CEILING", 1500.0), "value: 1500 ppm is laxer than niosh's IDLH 1200 ppm ("),
        (entry("co", "IDLH", 1500.0), "value: 1500 ppm is laxer than niosh's IDLH 1200 ppm ("),
        (entry(value=20.0, regime="peru"), "value: 20 ppm is not peru's TWA, 25 ppm; expected that value to confirm"),
        (entry("o3", value=0.1, regime="peru"), "regime: 'peru' has no such TWA of o3; expected one that has"),
        (entry("ch4", "ACTION", 0.3), "kind: ACTION 0.3 cannot be a limit of the mine's own for 'ch4'; expected one"),
        (entry("ch4", "TWA", 0.1), "kind: TWA 0.1 cannot be a limit of the mine's own for 'ch4'; expected one of"),
        (entry("co", "MAX", 20.0), "kind: MAX 20 cannot be a limit of the mine's own for 'co'; expected one of"),
        (entry("co", "STEL", 50.0, averaging_minutes=30), "averaging_minutes: 30 does not fit a STEL; expected one"),
        (entry("pm10"), "quantity: 'pm10' has no limits; expected one of co, co2"),
        (entry(unit="mg/m3"), "unit: 'mg/m3' is not a unit of 'co' limits; expected one of ppm"),
        (entry("silica_respirable", value=0.04), "phase: missing: not of 'silica_respirable'; expected one of"),
        (entry(phase="quartz"), "phase: quartz: not of 'co'; expected none"),
    ],
)  # fmt: skip
def test_what_cannot_be_signed_is_one_sentence_with_both_values(one: SiteLimit, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(one, ["peru"], "Ana")
    (problem,) = caught.value.problems
    assert problem.startswith(sentence)


def test_the_sentences_end_with_what_was_expected() -> None:
    with pytest.raises(ConfigError, match=r"; expected less than 25$"):
        resolve(entry(value=30.0), ["peru"], "Ana")
    with pytest.raises(ConfigError, match=r"; expected more than 19\.5$"):
        resolve(entry("o2", "MIN", 19.0), ["peru"], "Ana")
    with pytest.raises(ConfigError, match=r"one of CEILING, or 0\.25 or 0\.5 or 1 or 2 to confirm the law's row$"):
        resolve(entry("ch4", "ACTION", 0.3), ["peru"], "Ana")


@given(
    st.sampled_from(["co", "no2", "h2s", "o2", "hg", "ch4", "co2", "hcn"]),
    st.sampled_from(["TWA", "STEL", "CEILING", "IDLH", "MIN", "MAX"]),
    st.floats(1e-3, 1e5),
    st.sampled_from([["peru"], ["peru", "eu"], ["osha"], ["niosh", "msha"]]),
)
def test_a_mines_own_limit_is_never_laxer_than_the_law(
    quantity: str, kind: str, value: float, regimes: list[str]
) -> None:
    try:
        own = resolve(entry(quantity, kind, value), regimes, "Ana").own
    except ConfigError:
        return
    if own is None:
        return
    law: list[Limit] = [row for row in limits_for(quantity, regimes) if row.kind == kind]
    for row in law:
        if row.averaging_minutes == own.averaging_minutes:
            assert own.value > row.value if kind == "MIN" else own.value < row.value
    danger = idlh(quantity)
    assert danger is None or kind == "MIN" or own.value < danger.value
    assert math.isfinite(own.value)
