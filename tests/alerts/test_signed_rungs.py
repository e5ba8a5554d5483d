"""A mine's own signed limits as rungs: beside the ladder, never in its place (limits reference 6.7)."""

from functools import partial

import pytest

from alerts.ladder import Rung, rungs_for
from alerts.model import Priority
from gateway.domain.limits import limits_for
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import SensorConfig, Site, Zone
from gateway.domain.site_limits import limits_for_site


def rungs(quantity: str, *signed: tuple[str, float], alarm_regimes: tuple[str, ...] = ("peru",)) -> list[Rung]:
    """What the signatures add to the rungs of a usual cell in a gallery."""
    site = Site.model_validate({
        "site": {"id": "mina", "name": "Mina", "alarm_regimes": alarm_regimes},
        "zones": [{"id": "nivel-1", "name": "Nivel 1", "kind": "gallery"}],
        "sensors": [{"id": "s", "zone": "nivel-1", "quantity": quantity, "source": "nodes", "channel": "n/s"}],
        "limits": [
            {"quantity": quantity, "kind": kind, "value": value, "confirmed_by": "Ana", "confirmed_on": "2026-11-01"}
            for kind, value in signed
        ],
    })  # fmt: skip
    full_scale = QUANTITIES[quantity].full_scale
    sensor, zone = site.sensors[0], site.zones[0]
    before = rungs_for(sensor, zone, limits_for, alarm_regimes, full_scale)
    after = rungs_for(sensor, zone, partial(limits_for_site, site), alarm_regimes, full_scale)
    known = {rung.key for rung in before}
    assert known <= {rung.key for rung in after}
    assert {r for r in before if not r.key.startswith(("stel", "ceiling"))} <= set(after), "the ladder stays as it is"
    return [rung for rung in after if rung not in before]


def test_a_twa_warns_by_the_mean_that_the_ladder_warns_by() -> None:
    (co,) = rungs("co", ("TWA", 20.0))
    assert (co.condition, co.priority, co.statistic, co.limit) == ("level", Priority.WARNING, "1min", 20.0)
    assert (co.regime, co.rising, co.latch, round(co.clear, 9)) == ("site", True, False, 18.0)
    (mercury,) = rungs("hg", ("TWA", 20.0))
    assert mercury.statistic == "15min"
    (ozone,) = rungs("o3", ("TWA", 0.1))
    assert (ozone.condition, ozone.statistic, ozone.unit) == ("level", "1min", "ppm")


def test_oxygen_bounds_warn_in_their_direction() -> None:
    high, low = sorted(rungs("o2", ("MIN", 20.0), ("MAX", 22.0)), key=lambda rung: rung.condition)
    assert (low.condition, low.priority, low.limit, low.rising) == ("oxygen_low", Priority.WARNING, 20.0, False)
    assert low.clear == pytest.approx(20.3)
    assert (high.condition, high.priority, high.limit, high.rising) == ("oxygen_high", Priority.WARNING, 22.0, True)
    assert high.clear == pytest.approx(21.7)


def test_the_strictest_stel_drives_and_is_named() -> None:
    (stel,) = rungs("no2", ("STEL", 1.0))
    assert (stel.key, stel.limit, stel.regime) == ("stel.15min", 1.0, "site")
    assert stel.source == "internal limit of the mine; confirmed by Ana on 2026-11-01"


def test_a_methane_ceiling_of_the_mine_is_as_urgent_as_the_ladder_there() -> None:
    (ceiling,) = rungs("ch4", ("CEILING", 0.4))
    assert (ceiling.limit, ceiling.priority, ceiling.regime) == (0.4, Priority.WARNING, "site")


def test_a_foreign_limit_out_of_sight_alarms_once_it_is_signed() -> None:
    """SO2 0.25 ppm at steps of 0.1 ppm (limits reference 6.7)."""
    regimes = ("peru", "acgih")
    assert rungs("so2", alarm_regimes=regimes) == []
    (stel,) = rungs("so2", ("STEL", 0.25), alarm_regimes=regimes)
    assert (stel.limit, stel.regime) == (0.25, "acgih")


def test_dust_is_left_to_persons() -> None:
    assert rungs("dust_respirable", ("TWA", 1.0)) == []


def test_an_alarm_says_of_its_limit_whether_anybody_confirmed_it() -> None:
    (law,) = (rung for rung in _law("no2") if rung.key == "stel.15min")
    assert law.source.endswith("(unconfirmed / por confirmar)")
    (signed,) = rungs("no2", ("STEL", 5.0))
    assert signed.source.endswith("; confirmed by Ana on 2026-11-01")


def _law(quantity: str) -> tuple[Rung, ...]:
    zone = Zone(id="nivel-1", name="Nivel 1", kind="gallery")
    sensor = SensorConfig(id="s", zone="nivel-1", quantity=quantity, source="nodes", channel="n/s")
    return rungs_for(sensor, zone, limits_for, ("peru",), 20.0)
