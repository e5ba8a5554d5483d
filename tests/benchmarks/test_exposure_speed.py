"""How fast the exposure core is, as ratios to a plain Python deque that does the same, measured in the same run."""

import time
from collections import deque

import numpy as np
import pytest

from gateway.exposure.streaming import Line, Streaming

S = 1_000_000
T0 = 1_764_000_000 * S
READINGS = 100_000
ROUNDS = 5
FULL_SCALE, LIMIT = 1000.0, 25.0

pytestmark = pytest.mark.bench


class DequeWindow:
    """A window with coverage, bounds and threshold as one would write it at first: zero-order hold, running sums."""

    def __init__(self, window_us, hold_us):
        self.window_us, self.hold_us = window_us, hold_us
        self.rows, self.total, self.covered = deque(), 0.0, 0
        self.last = None

    def feed(self, t, value):
        if self.last is not None:
            start, level = self.last
            length = min(t - start, self.hold_us)
            self.rows.append((start, level, length))
            self.total += level * length
            self.covered += length
            while self.rows and self.rows[0][0] < t - self.window_us:
                _, level, length = self.rows.popleft()
                self.total -= level * length
                self.covered -= length
        self.last = (t, value)
        return bounds(self.total, self.covered, self.window_us)


def bounds(total, covered, window):
    low = total / window
    return low, low + (window - covered) * FULL_SCALE / window, low > LIMIT


@pytest.fixture(scope="module")
def series():
    random = np.random.default_rng(1)
    times = T0 + np.cumsum(random.integers(S // 2, 3 * S // 2, READINGS))
    return times, random.uniform(0, 50, READINGS)


def deques():
    return DequeWindow(300 * S, 30 * S), DequeWindow(900 * S, 30 * S)


def kernels(rolling_8h=False):
    return Streaming([Line(30.0, FULL_SCALE)], rolling_8h=rolling_8h)


def plain(windows, times, values):
    """5 and 15 min in two deques."""
    short, long = windows
    for t, value in zip(times.tolist(), values.tolist(), strict=True):
        short.feed(t, value)
        long.feed(t, value)


def judge(figures):
    """The bounds of the same two windows."""
    bounds(figures.mean_5min * figures.covered_5min_s, figures.covered_5min_s, 300.0)
    bounds(figures.low_15min * 900.0, figures.covered_15min_s, 900.0)


def batches(live, times, values):
    """1,000 readings at a time, the bounds at the end of each; the kernel has 1, 5 and 15 min and the shift."""
    zeros = np.zeros(1000, np.int64)
    for at in range(0, READINGS, 1000):
        live.feed_many(zeros, times[at : at + 1000], values[at : at + 1000], zeros, zeros)
        judge(live.figures(0, int(times[at + 999])))


def singles(live, times, values):
    """One message, one reading, its figures and bounds."""
    for t, value in zip(times.tolist(), values.tolist(), strict=True):
        judge(live.sample(0, t, value, 0))


def test_streaming_against_a_deque(series):
    contestants = {
        "a deque each for 5 and 15 min": (deques, plain),
        "kernels, batches of 1,000": (kernels, batches),
        "… with bins for 8 and 10 h": (lambda: kernels(rolling_8h=True), batches),
        "kernels, one reading and its figures": (kernels, singles),
    }
    spent = {name: [] for name in contestants}
    for _ in range(ROUNDS):  # in turn, so that a noisy minute hits all alike
        for name, (make, call) in contestants.items():
            state = make()
            began = time.perf_counter_ns()
            call(state, *series)
            spent[name].append((time.perf_counter_ns() - began) / READINGS)
    (_, slow), *ours = ((name, min(found)) for name, found in spent.items())
    print(f"\nwith coverage, bounds and a threshold; two deques: {slow:.0f} ns a reading")
    asked = ("20 x and 40 ns", "nothing", "1 x")
    for (name, ns), ask in zip(ours, asked, strict=True):
        print(f"  {name}: {ns:.0f} ns, {slow / ns:.1f} x the deques (asked for: {ask})")
    assert slow / ours[0][1] > 20.0
    assert slow / ours[2][1] > 1.0


def test_figures_of_one_sensor(series):
    live = Streaming([Line(30.0, FULL_SCALE)], rolling_8h=False)
    times = series[0].tolist()
    live.feed(0, times[0], 1.0, 0)
    began = time.perf_counter_ns()
    for t in times:
        live.figures(0, t)
    print(f"\nfigures: {(time.perf_counter_ns() - began) / READINGS:.0f} ns a call")
