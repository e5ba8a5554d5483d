"""Where a lagging cell is heading (limits reference 4.4)."""

import json
import math
import random

import pytest

from gateway.domain.moment import SECOND_US
from gateway.exposure.predictor import LEAST_SAMPLES, Slope, Trend, ahead, least_squares


def trend(levels, *, t90_s=15.0, period_s=1.0):
    found = Trend(t90_s, round(3 * period_s * SECOND_US))
    for n, level in enumerate(levels):
        found.add(round(n * period_s * SECOND_US), level)
    return found, round((len(levels) - 1) * period_s * SECOND_US)


def test_vector_14_thirty_ppm_rising_one_a_second():
    assert ahead(30.0, 1.0, 15.0) == pytest.approx(36.5, abs=0.05)
    found, now = trend([15.0 + n for n in range(16)])
    assert found.predict(now, 30.0) == pytest.approx(36.5, abs=0.05)


def test_the_prediction_of_a_first_order_cell_in_a_steady_rise_is_the_gas():
    t90_s, lag = 15.0, 15.0 / math.log(10)
    gas = [2.0 * n for n in range(200)]
    cell = [2.0 * (n - lag + lag * math.exp(-n / lag)) for n in range(200)]
    found, now = trend(cell, t90_s=t90_s)
    assert found.predict(now, cell[-1]) == pytest.approx(gas[-1], rel=1e-6)


def test_steady_and_falling_air_predict_nothing():
    for levels in ([20.0] * 40, [40.0 - n for n in range(40)]):
        found, now = trend(levels)
        assert found.predict(now, levels[-1]) is None


def test_noise_is_no_slope():
    rng = random.Random(4)
    raised = 0
    for _ in range(200):
        found, now = trend([50.0 + rng.gauss(0, 2) for _ in range(16)])
        raised += found.predict(now, 50.0) is not None
    assert raised <= 4  # 3 standard errors, one side, 14 degrees of freedom: 0.5 %


def test_it_looks_back_over_the_t90_and_at_least_ten_seconds():
    found, now = trend([float(n) for n in range(10)], t90_s=5.0)
    assert found.predict(now, 9.0) is None  # 9 s only
    found, now = trend([float(n) for n in range(11)], t90_s=5.0)
    assert found.predict(now, 10.0) is not None
    found, now = trend([float(n) for n in range(30)], t90_s=30.0)
    assert found.predict(now, 29.0) is None
    found, now = trend([float(n) for n in range(31)], t90_s=30.0)
    assert found.predict(now, 30.0) is not None


def test_a_pause_breaks_the_trend_and_a_slow_sensor_has_one():
    found, now = trend([float(n) for n in range(16)])
    later = now + 10 * SECOND_US
    found.add(later, 40.0)
    assert found.predict(later, 40.0) is None
    slow, now = trend([10.0, 20.0, 30.5, 40.0], t90_s=30.0, period_s=30.0)
    assert slow.predict(now, 40.0) is not None


def test_a_fast_sensor_keeps_two_samples_a_second():
    found, _ = trend([0.0] * 10_000, period_s=0.01)
    assert len(found.dump()[1]) <= 2 * 15 + LEAST_SAMPLES


def test_a_rebuilt_trend_goes_on_alike():
    one, now = trend([float(n) for n in range(12)])
    other = Trend(15.0, 3 * SECOND_US)
    other.load(json.loads(json.dumps(one.dump())))
    for n in range(12, 40):
        at = n * SECOND_US
        for each in (one, other):
            each.add(at, n * 1.5)
        assert one.predict(at, n * 1.5) == other.predict(at, n * 1.5)
    one.forget()
    assert one.predict(now + 40 * SECOND_US, 1.0) is None


def test_least_squares_by_hand():
    """Points (0, 1), (1, 3), (2, 2), (3, 5): slope 1.1, residual sum 2.7, standard error √(2.7/2/5)."""
    found = least_squares([(0.0, 1.0), (1.0, 3.0), (2.0, 2.0), (3.0, 5.0)])
    assert found == Slope(pytest.approx(1.1), pytest.approx(math.sqrt(2.7 / 2 / 5)))
    assert least_squares([(0.0, 1.0)] * 3) is None
    assert least_squares([(1.0, 2.0)] * 6) is None
