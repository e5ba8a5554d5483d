"""What every back end that holds readings promises of steps and of blind time. A subclass gives the fixture `past`."""

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.history import every
from gateway.domain.quality import Quality, Reason
from tests.contracts.history import CO, NO2, T0, Past, S

M0 = T0 - T0 % (60 * S)


class StepsContract:
    """Sensors hold a reading for 10 s."""

    def test_a_step_has_mean_extremes_coverage_and_counts(self, past: Past) -> None:
        past.site("a", [CO])
        past.readings("a", [(0, M0, 10.0), (0, M0 + 10 * S, 40.0), (0, M0 + 15 * S, 20.0)])
        past.readings("a", [(0, M0 + 20 * S, None)], Quality.BAD, Reason.FAULT)
        (step,) = past.history.rollups(60 * S).items
        assert (step.time_us, step.sensor, step.unit) == (M0, "co-1", "ppm")
        assert step.mean == pytest.approx((10 * 10 + 40 * 5 + 20 * 5) / 20)
        assert (step.low, step.high, step.coverage) == (10.0, 40.0, pytest.approx(20 / 60))
        assert (step.good, step.uncertain, step.bad, step.late) == (3, 0, 1, 0)

    def test_a_reading_stands_over_the_edge_of_a_step_and_no_longer_than_its_hold(self, past: Past) -> None:
        past.site("a", [CO])
        past.readings("a", [(0, M0 + 56 * S, 8.0)])
        first, second = past.history.rollups(60 * S).items
        assert (first.coverage, second.coverage) == (pytest.approx(4 / 60), pytest.approx(6 / 60))
        assert (second.mean, second.high, second.good) == (8.0, 8.0, 0)

    def test_an_hour_is_its_minutes(self, past: Past) -> None:
        past.site("a", [CO, NO2])
        past.readings("a", [(i % 2, M0 + i * 7 * S, float(i * 37 % 101)) for i in range(2000)])
        minutes = list(every(lambda cursor: past.history.rollups(60 * S, limit=97, cursor=cursor)))
        for step_s in (600, 3600, 86_400):
            found = past.history.rollups(step_s * S).items
            assert [(r.time_us, r.sensor) for r in found] == sorted((r.time_us, r.sensor) for r in found)
            for step in found:
                mine = [m for m in minutes if m.sensor == step.sensor and 0 <= m.time_us - step.time_us < step_s * S]
                covered = sum(m.coverage for m in mine)
                weighted = sum(m.mean * m.coverage for m in mine if m.mean is not None)
                assert step.coverage * step_s == pytest.approx(covered * 60)
                assert step.mean == pytest.approx(weighted / covered)
                assert step.high == max(m.high for m in mine if m.high is not None)
                assert step.good == sum(m.good for m in mine)

    def test_steps_come_in_pages_of_a_range_and_of_the_named_sensors(self, past: Past) -> None:
        past.site("a", [CO, NO2])
        past.readings("a", [(i % 2, M0 + i * 30 * S, float(i)) for i in range(40)])
        whole = past.history.rollups(60 * S).items
        assert len(whole) == 40
        for limit in (1, 2, 7, 40):
            assert list(every(lambda c: past.history.rollups(60 * S, limit=limit, cursor=c))) == whole  # noqa: B023
        mine = past.history.rollups(60 * S, ["no2-1"], M0 + 60 * S, M0 + 180 * S).items
        assert [(r.time_us - M0, r.sensor) for r in mine] == [(60 * S, "no2-1"), (120 * S, "no2-1")]

    @pytest.mark.parametrize("step_us", [0, -60 * S, 7 * S, S // 2, 2 * 86_400 * S])
    def test_a_step_that_does_not_divide_a_day_is_refused(self, past: Past, step_us: int) -> None:
        with pytest.raises(ConfigError, match="whole part of a day"):
            past.history.rollups(step_us)

    def test_blind_time_is_what_no_value_covers(self, past: Past) -> None:
        past.site("a", [CO, NO2])
        past.readings("a", [(0, M0 + i * 10 * S, 1.0) for i in range(60)])
        past.readings("a", [(1, M0, 1.0)])
        past.readings("a", [(1, M0 + 10 * S, None)], Quality.BAD, Reason.FAULT)
        found = past.history.blind_time(M0, M0 + 1200 * S)
        assert found == [("co-1", 1200 * S, 600 * S, 0), ("no2-1", 1200 * S, 1190 * S, 1)]
        assert past.history.blind_time(M0, M0 + 1200 * S, ["co-1"]) == found[:1]
