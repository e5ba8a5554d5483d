"""How fast a whole record passes through an 8 h window, as ratios to pandas and polars in the same run.

The rivals only average the samples in the window; ours weighs by time and says how much of the window nobody measured.
Ours writes its means into memory that it was given (`out`), theirs allocate; the line `fresh` is ours allocating too.
"""

import hashlib
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gateway.exposure.batch_kernels import CHUNK, find_tails
from gateway.exposure.rolling import Samples, rolling_means, rolling_means_of
from gateway.exposure.windows import ring_size

numba = pytest.importorskip("numba")
pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

S = 1_000_000
T0 = 1_764_000_000 * S
WINDOW, HOLD = 28_800 * S, 30 * S
CORES = min(2, len(os.sched_getaffinity(0)))
ROUNDS = 7

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


def best_of(**contestants):
    """Shortest wall time [s] of each; in every round all take their turn, so that a noisy minute hits all alike."""
    spent = {name: [] for name in contestants}
    for number in range(ROUNDS + 1):
        for name, call in contestants.items():
            began = time.perf_counter()
            call()
            if number:  # the first round fetches memory and compiles
                spent[name].append(time.perf_counter() - began)
    return {name: min(times) for name, times in spent.items()}


def gain_of_hashing():
    """What two threads gain here on work that shares neither memory nor locks: what the machine gives at all."""
    block = bytes(100_000_000)
    with ThreadPoolExecutor(CORES) as pool:
        found = best_of(
            one=lambda: [hashlib.sha256(block) for _ in range(CORES)],
            all_cores=lambda: list(pool.map(hashlib.sha256, [block] * CORES)),
        )
    return found["one"] / found["all_cores"]


def tell(title, found, samples):
    print(f"\n{title}")
    for name, seconds in found.items():
        print(f"  {name}: {seconds / samples * 1e9:.1f} ns a sample")


def compare(found, **asked):
    """The ratios, each beside what the project asks for; asserted is only what a busy machine cannot take away."""
    for rival, ratio in asked.items():
        one, all_cores = (found[rival] / found[ours] for ours in ("one_thread", "all_cores"))
        print(f"  {rival}: {one:.1f} x with one thread, {all_cores:.1f} x with {CORES} (asked for: {ratio})")


@numba.njit(nogil=True)
def plain_sums(t, v, window, ring, low):
    """The same windows from running sums of floats, which drift and never recover from one 1e17: what exactness costs.

    Without gaps, holds, order or absurd values, of which it knows nothing.
    """
    tails, mask, share = np.empty(CHUNK, np.uint32), np.uint64(ring.size - 1), 1.0 / window
    total, tail = 0.0, 0
    for begin in range(0, v.size - 1, CHUNK):
        end = min(begin + CHUNK, v.size - 1)
        products, ends = ring[begin & np.int64(mask) :][: end - begin], t[begin + 1 : end + 1]
        for j in range(end - begin):
            products[j] = v[begin + j] * (t[begin + j + 1] - t[begin + j])
        for j in range(end - begin):
            total += products[j]
            products[j] = total
        tail = find_tails(t, begin, end, window, tail, tails)
        out = low[begin + 1 : end + 1]
        for i in range(end - begin):
            k = np.uint64(tails[i])
            rest = t[k + np.uint64(1)] - (ends[i] - window)
            out[i] = (products[i] - ring[k & mask] + v[k] * rest) * share


def irregular(n, seed):
    random = np.random.default_rng(seed)
    return T0 + np.cumsum(random.integers(S // 2, 3 * S // 2, n)), random.uniform(0, 50, n)


def test_one_sensor_with_ten_million_samples():
    n = 10_000_000
    times, values = irregular(n, 1)
    samples, out = Samples(times, values), np.empty(n)
    series = pandas.Series(values, index=pandas.DatetimeIndex(times.astype("datetime64[us]")))
    clock = polars.col("t").cast(polars.Datetime("us")).set_sorted()
    frame = polars.DataFrame({"t": times, "v": values}).with_columns(clock)
    with ThreadPoolExecutor(CORES) as pool:
        found = best_of(
            one_thread=lambda: rolling_means(samples, WINDOW, HOLD, out=out),
            all_cores=lambda: rolling_means(samples, WINDOW, HOLD, run=pool.map, parts=2 * CORES, out=out),
            fresh=lambda: rolling_means(samples, WINDOW, HOLD, run=pool.map, parts=2 * CORES),
            pandas=lambda: series.rolling("8h").mean(),
            polars=lambda: frame.select(polars.col("v").rolling_mean_by("t", window_size="8h")),
        )
    tell("one sensor, 10 million samples, 8 h window", found, n)
    compare(found, pandas=3, polars=5)
    assert found["pandas"] / found["all_cores"] > 3.0
    assert found["polars"] / found["all_cores"] > 3.0


def test_exact_sums_cost_little_more_than_plain_ones():
    n = 10_000_000
    times, values = irregular(n, 1)
    samples, ring = Samples(times, values), np.zeros(ring_size(times, WINDOW))
    found = best_of(
        exact=lambda: rolling_means(samples, WINDOW, HOLD),
        plain=lambda: plain_sums(times, values, WINDOW, ring, np.empty(n)),
    )
    tell("exact sums and plain float ones, one thread", found, n)
    print(f"  exact: {found['exact'] / found['plain']:.2f} x plain (asked for: at most 1.25)")
    assert found["exact"] / found["plain"] < 1.4


def test_two_hundred_sensors_for_a_day():
    sensors, n = 200, 86_400
    records = [irregular(n, seed) for seed in range(sensors)]
    ours, out = [Samples(*record) for record in records], np.empty(sensors * n)
    theirs = [
        pandas.Series(values, index=pandas.DatetimeIndex(times.astype("datetime64[us]"))) for times, values in records
    ]
    frame = polars.DataFrame(
        {
            "sensor": np.repeat(np.arange(sensors), n),
            "t": np.concatenate([times for times, _ in records]),
            "v": np.concatenate([values for _, values in records]),
        }
    ).with_columns(polars.col("t").cast(polars.Datetime("us")), polars.col("sensor").set_sorted())
    with ThreadPoolExecutor(CORES) as pool:
        found = best_of(
            one_thread=lambda: rolling_means_of(ours, WINDOW, HOLD, out=out),
            all_cores=lambda: rolling_means_of(ours, WINDOW, HOLD, run=pool.map, out=out),
            fresh=lambda: rolling_means_of(ours, WINDOW, HOLD, run=pool.map),
            pandas=lambda: [series.rolling("8h").mean() for series in theirs],
            polars=lambda: frame.select(polars.col("v").rolling_mean_by("t", window_size="8h").over("sensor")),
        )
    tell("200 sensors for a day at 1 Hz, 8 h window", found, sensors * n)
    compare(found, pandas=3, polars=10)
    gain = found["one_thread"] / found["all_cores"]
    print(f"  {CORES} threads: {gain:.2f} x one (asked for: 1.6; SHA-256 here now: {gain_of_hashing():.2f} x)")
    assert found["pandas"] / found["all_cores"] > 3.0
    assert found["polars"] / found["all_cores"] > 4.0


def test_import_cache_and_first_call():
    code = (
        "import time; began = time.perf_counter()\n"
        "from gateway.exposure.streaming import Line, Streaming\n"
        "live = Streaming([Line(30.0)]); live.feed(0, 1_000_000, 1.0, 0); live.figures(0, 2_000_000)\n"
        "print(time.perf_counter() - began)"
    )
    spent = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(6)
    ][1:]
    median = statistics.median(spent)
    print(f"\nimport, cache and first call: {median:.2f} s (best {min(spent):.2f}; asked for: below 0.6)")
    assert min(spent) < 1.2
