"""After many uneven samples streaming, batch and exact sums agree to 1e-9 in every window; nothing leaves a trace."""

import math
from fractions import Fraction

import numpy as np
import pytest

from gateway.exposure.rolling import Samples, rolling_means
from gateway.exposure.streaming import Line, Streaming

S = 1_000_000
T0 = 1_764_000_000 * S
HOLD = 30 * S
WINDOWS = {"mean_1min": 60 * S, "mean_5min": 300 * S, "low_15min": 900 * S}
SIZES = [200_000, pytest.param(10_000_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]


def swinging(n):
    """~1 Hz with outages; levels that swing between 1e-3 and 1e5 within minutes and over days; a few are absurd."""
    random = np.random.default_rng(7)
    steps = random.integers(S // 2, 3 * S // 2, n)
    steps[random.random(n) < 2e-4] = 95 * S
    slow = np.sin(np.arange(n) / 40_000.0) + np.sin(np.arange(n) / 150.0)
    values = 10.0 ** np.clip(1.0 + 2.0 * slow + random.uniform(-0.5, 0.5, n), -3.0, 5.0)
    values[random.integers(0, n, 12)] = [1e17, math.inf, math.nan, -1e17] * 3
    return T0 + np.cumsum(steps), values


def exact(times, values, n, opens_us, closes_us=None):
    """∫c dt [unit·s] and covered time [s] from `opens_us` to sample n, or to `closes_us` before it, rounded once."""
    k = max(int(np.searchsorted(times, opens_us, side="right")) - 1, 0)
    usable = np.abs(values[k:n]) <= 1e9
    ends = np.minimum(times[k + 1 : n + 1], times[k:n] + HOLD)
    ends = ends if closes_us is None else np.minimum(ends, closes_us)
    lengths = np.where(usable, np.maximum(ends - np.maximum(times[k:n], opens_us), 0), 0)
    levels = np.where(usable, values[k:n], 0.0)
    if n - k < 2_000:
        products = (Fraction(v) * d for v, d in zip(levels.tolist(), lengths.tolist(), strict=True))
        total = float(sum(products, Fraction()))
    else:  # each product is rounded once, the sum never
        total = math.fsum((levels * lengths).tolist())
    return total / S, int(lengths.sum()) / S


@pytest.mark.parametrize("n", SIZES)
def test_streaming_batch_and_exact_sums_agree_to_the_end(n):
    times, values = swinging(n)
    samples, zeros = Samples(times, values), np.zeros(n, np.int64)
    batch = {window: rolling_means(samples, window, HOLD) for window in (*WINDOWS.values(), 28_800 * S)}
    live = Streaming([Line(30.0)])
    random = np.random.default_rng(11)
    looks = np.unique(np.concatenate([random.integers(30_000, n, 60), [n - 1, n - 2]]))
    fed = 0
    for at in looks.tolist():
        new = slice(fed, at + 1)
        live.feed_many(zeros[new], times[new], values[new], zeros[new], zeros[new])
        fed, t = at + 1, int(times[at])
        figures = live.figures(0, t)
        for name, window in WINDOWS.items():
            total, covered = exact(times, values, at, t - window)
            mean = total / (window / S if name == "low_15min" else covered)
            assert getattr(figures, name) == pytest.approx(mean, rel=1e-9), (at, name)
            assert batch[window].low[at] == pytest.approx(total / (window / S), rel=1e-9), (at, window)
            assert batch[window].coverage[at] == pytest.approx(covered / (window / S), rel=1e-12), (at, window)
        total, covered = exact(times, values, at, t - 28_800 * S)
        assert batch[28_800 * S].low[at] == pytest.approx(total / 28_800, rel=1e-9), at
        for hours in (8, 10):
            long, closes = live.long_window(0, t, hours), t // S * S
            total, covered = exact(times, values, at, closes - hours * 3600 * S, closes)
            assert long.total == pytest.approx(total, rel=1e-9), (at, hours)
            assert long.covered_s == pytest.approx(covered, rel=1e-12), (at, hours)
    total, _ = exact(times, values, n - 1, T0)
    assert live.figures(0, int(times[-1])).e8 == pytest.approx(total / 28_800, rel=1e-9)
