"""How fast the exposure core is, as ratios to a plain Python deque that does the same, measured in the same run."""

import time
from collections import deque

import numpy as np
import pytest

from gateway.exposure.streaming import Line, Streaming

S = 1_000_000
T0 = 1_764_000_000 * S
READINGS = 200_000


class DequeWindow:
    """A 15 min window with coverage as one would write it at first: zero-order hold, running sums."""

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
        low = self.total / self.window_us
        high = low + (self.window_us - self.covered) * 1000.0 / self.window_us
        return low, high, low > 25.0


@pytest.fixture(scope="module")
def series():
    random = np.random.default_rng(1)
    times = T0 + np.cumsum(random.integers(S // 2, 3 * S // 2, READINGS))
    return times, random.uniform(0, 50, READINGS)


def deque_ns(times, values):
    short, long = DequeWindow(900 * S, 30 * S), DequeWindow(300 * S, 30 * S)
    began = time.perf_counter_ns()
    for t, value in zip(times.tolist(), values.tolist(), strict=True):
        short.feed(t, value)
        long.feed(t, value)
    return (time.perf_counter_ns() - began) / READINGS


def batch_ns(times, values, size, rolling_8h):
    live = Streaming([Line(30.0, 1000.0)], rolling_8h=rolling_8h)
    zeros = np.zeros(READINGS, np.int64)
    live.feed_many(zeros[:size], times[:size], values[:size], zeros[:size], zeros[:size])
    live.advance(int(times[size - 1]))
    began = time.perf_counter_ns()
    for at in range(size, READINGS, size):
        part = slice(at, at + size)
        live.feed_many(zeros[part], times[part], values[part], zeros[part], zeros[part])
        live.figures(0, int(times[min(at + size, READINGS) - 1]))
    return (time.perf_counter_ns() - began) / (READINGS - size)


def single_ns(times, values, look=False):
    live = Streaming([Line(30.0, 1000.0)])
    live.feed(0, T0, 0.0, 0)
    live.figures(0, T0)
    began = time.perf_counter_ns()
    for t, value in zip(times.tolist(), values.tolist(), strict=True):
        live.feed(0, t, value, 0)
        if look:
            live.figures(0, t)
    return (time.perf_counter_ns() - began) / READINGS


@pytest.mark.bench
def test_streaming_against_a_deque(series):
    plain = deque_ns(*series)
    batch, with_bins = batch_ns(*series, 1000, False), batch_ns(*series, 1000, True)
    single, looked_at = single_ns(*series), single_ns(*series, look=True)
    print(f"\ntwo-window deque {plain:.0f} ns a reading; kernels with four windows:")
    rows = (("batches of 1,000", batch), ("and 8 h bins", with_bins), ("one at a time", single))
    for name, ns in (*rows, ("and its figures", looked_at)):
        print(f"  {name}: {ns:.0f} ns, {plain / ns:.1f} x the deque")
    assert plain / batch > 5.0
    assert plain / single > 1.0


@pytest.mark.bench
def test_figures_of_one_sensor(series):
    live = Streaming([Line(30.0, 1000.0)])
    times = series[0].tolist()
    live.feed(0, times[0], 1.0, 0)
    began = time.perf_counter_ns()
    for t in times:
        live.figures(0, t)
    print(f"\nfigures: {(time.perf_counter_ns() - began) / READINGS:.0f} ns a call")
