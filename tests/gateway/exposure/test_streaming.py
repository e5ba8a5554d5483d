"""The live exposure core against its slow twin, and the stories that it must get right."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.domain.limits import Limit, all_limits
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import Quality, Reason
from gateway.exposure import layout
from gateway.exposure.rolling import Samples, rolling_means
from gateway.exposure.streaming import Line, Streaming, hold_s_for, window_minutes
from gateway.exposure.twin import Twin

S = 1_000_000
T0 = 1_764_000_000 * S
GOOD, UNCERTAIN, BAD, LATE = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.LATE


def limit(kind="STEL", minutes=15, value=100.0, quantity="co", regime="eu", table="EU_IOELV", unit="ppm"):
    return Limit(regime, table, quantity, quantity, kind, minutes, value, unit, "a source", "V")


def one(hold_s=30.0, full_scale=1000.0, resolution=0.0, **options):
    return Streaming([Line(hold_s, full_scale, resolution)], **options)


def only(streaming, now, *limits):
    return streaming.limit_figures(0, now, limits)[0]


def same(ours, theirs):
    for name, a, b in zip(ours._fields, ours, theirs, strict=True):
        assert (math.isnan(a) and math.isnan(b)) or a == pytest.approx(b, rel=1e-9, abs=1e-12), name


# --- properties ----------------------------------------------------------------------------------------------------

qualities = st.sampled_from([(0, 0)] * 6 + [(1, 4), (1, 1), (2, 6), (2, 10), (3, 13)])
values = st.one_of(
    st.floats(-5.0, 1e5),
    st.floats(1e-3, 1e-2),
    st.sampled_from([0.0, 1e9, 1e17, -1e17, math.inf, math.nan, 1e308]),
)
steps = st.one_of(st.integers(0, 3 * S), st.sampled_from([-S, 0, S, 29 * S, 30 * S, 31 * S, 70 * S, 1000 * S]))
series = st.lists(st.tuples(steps, values, qualities), min_size=1, max_size=60)


def rows_of(samples):
    t = T0
    rows = []
    for step, value, (quality, reason) in samples:
        t += step
        rows.append((t, value, quality, reason))
    return rows


@settings(max_examples=100, deadline=None)
@given(series, st.integers(0, 1_000 * S), st.sampled_from([1000.0, math.nan]))
def test_streaming_equals_the_slow_twin(samples, wait, full_scale):
    live, twin = one(full_scale=full_scale), Twin([30.0], [full_scale])
    rows = rows_of(samples)
    for t, value, quality, reason in rows:
        live.feed(0, t, value, quality, reason)
        twin.feed(0, t, value, quality, reason)
    for now in (rows[-1][0], rows[-1][0] + wait):
        same(live.figures(0, now), twin.figures(0, now))
        for hours in (8, 10):
            long, exact = live.long_window(0, now, hours), twin.long_window(0, now, hours)
            assert long.total == pytest.approx(float(exact.total) / S, rel=1e-9, abs=1e-9)
            assert long.covered_s == pytest.approx(exact.covered_us / S)
            assert [long.over_s > 0, long.doubt_s > 0, long.absurd_s > 0] == [
                exact.over_us > 0, exact.doubt_us > 0, exact.absurd_us > 0,
            ]  # fmt: skip
        for minutes in (10, 60):
            exact = twin.sums(0, now, now - minutes * 60 * S)
            figure = only(live, now, limit(minutes=minutes))
            low = max(0.0, float(exact.total) / (minutes * 60 * S))
            if exact.absurd_us and not math.isnan(full_scale):
                low = max(low, full_scale)
            assert figure.low == pytest.approx(low, rel=1e-9, abs=1e-12)
            assert figure.coverage == pytest.approx(exact.covered_us / (minutes * 60 * S))


@settings(max_examples=60, deadline=None)
@given(series, st.lists(st.integers(0, 59), max_size=8))
def test_looking_in_between_and_cutting_into_batches_changes_nothing(samples, looks):
    rows = rows_of(samples)
    plain, watched, batched = one(), one(), one()
    for streaming in (plain, watched, batched):
        streaming.start_shift(T0)
    for n, row in enumerate(rows):
        plain.feed(0, *row)
        watched.feed(0, *row)
        if n in looks and row[2] != LATE:  # a late sample's time is no present that anybody could look at
            watched.figures(0, row[0])
            watched.advance(row[0])
            watched.limit_figures(0, row[0], [limit(minutes=60)])
    cut = len(rows) // 2
    for part in (rows[:cut], rows[cut:]):
        if part:
            batched.feed_many([0] * len(part), *zip(*part, strict=True))
    now = max(t for t, *_ in rows) + 5 * S
    assert repr(plain.figures(0, now)) == repr(watched.figures(0, now)) == repr(batched.figures(0, now))
    assert plain.long_window(0, now) == watched.long_window(0, now) == batched.long_window(0, now)
    assert plain.dump_small() == watched.dump_small() == batched.dump_small()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40 * S), st.floats(0.0, 1e4)), min_size=1, max_size=40), st.floats(1e-3, 1e3))
def test_scaling_values_scales_results_and_shifting_time_changes_nothing(samples, factor):
    plain, scaled, later = one(full_scale=math.nan), one(full_scale=math.nan), one(full_scale=math.nan)
    t, ahead = T0, 7_777_777_777
    for step, value in samples:
        t += step
        plain.feed(0, t, value, GOOD)
        scaled.feed(0, t, value * factor, GOOD)
        later.feed(0, t + ahead, value, GOOD)
    a, b, c = plain.figures(0, t + S), scaled.figures(0, t + S), later.figures(0, t + ahead + S)
    assert b.low_15min == pytest.approx(a.low_15min * factor, rel=1e-9, abs=1e-9)
    assert b.e8 == pytest.approx(a.e8 * factor, rel=1e-9, abs=1e-9)
    assert repr(c[5:]) == repr(a[5:])


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30 * S), st.floats(0.0, 1000.0)), min_size=1, max_size=60),
    st.lists(st.integers(0, 59), max_size=30),
    st.floats(0.5, 900.0),
)
def test_losing_samples_never_makes_an_exceeded_limit_compliant_and_bounds_hold_the_truth(samples, lost, bound):
    whole, torn = one(), one()
    t = T0
    for n, (step, value) in enumerate(samples):
        t += step
        whole.feed(0, t, value, GOOD)
        torn.feed(0, t, value, BAD if n in lost else GOOD, Reason.FAULT if n in lost else 0)
    rows = [limit(value=bound), limit("TWA", 480, bound), limit("CEILING", 0, bound)]
    for truth, seen in zip(whole.limit_figures(0, t + S, rows), torn.limit_figures(0, t + S, rows), strict=True):
        if truth.verdict == "exceeded":
            assert seen.verdict != "compliant"
        assert seen.low <= truth.low * (1 + 1e-12) + 1e-12
        assert seen.high is not None
        # a gap of a microsecond, at full scale over the shortest window, is the resolution of a time in µs
        assert truth.low <= seen.high * (1 + 1e-12) + 1e-6 * 1000.0 / 900.0
        assert seen.value is None or seen.low <= seen.value


# --- stories -------------------------------------------------------------------------------------------------------


def test_before_the_first_sample_nothing_is_known():
    figures = one().figures(0, T0)
    assert (figures.quality, figures.reason, figures.value_us) == (BAD, Reason.STALE, NO_TIME)
    assert math.isnan(figures.value)
    assert math.isnan(figures.mean_1min)
    assert only(one(), T0, limit()).verdict == "indeterminate"
    assert only(one(), T0, limit()).value is None


def test_a_sample_stands_no_longer_than_its_hold_and_then_it_is_a_gap():
    live = one(hold_s=30.0)
    live.feed(0, T0, 60.0, GOOD)
    figures = live.figures(0, T0 + 50 * S)
    assert figures.covered_1min_s == 30.0
    assert figures.mean_1min == 60.0
    assert figures.low_15min == 60.0 * 30 / 900


def test_a_bad_sample_ends_the_hold_of_the_one_before():
    live = one()
    live.feed(0, T0, 60.0, GOOD)
    live.feed(0, T0 + 10 * S, 60.0, BAD, Reason.FAULT)
    assert live.figures(0, T0 + 20 * S).covered_1min_s == 10.0


def test_vector_9_fifteen_minutes_with_a_gap_of_three():
    live = one(hold_s=720.0, full_scale=math.nan)
    live.feed(0, T0, 4.0, GOOD)
    live.set_gap_level(0, 10.0)
    figure = only(live, T0 + 900 * S, limit(value=5.0))
    assert figure.low == pytest.approx(3.2)
    assert figure.value == pytest.approx(5.2)
    assert figure.high is None
    assert figure.coverage == pytest.approx(0.8)
    assert figure.verdict == "indeterminate"


def test_the_sensor_that_dies_when_the_gas_comes_is_not_compliant():
    """6.5 h at 10 ppm, then blind: exceeded cannot be said, compliant must not be (limits reference 4.9)."""
    live = one(hold_s=60.0)
    for minute in range(390):
        live.feed(0, T0 + minute * 60 * S, 10.0, GOOD)
    figure = only(live, T0 + 480 * 60 * S, limit("TWA", 480, 25.0))
    assert figure.value == pytest.approx(10.0)
    assert figure.coverage == pytest.approx(390 / 480)
    assert figure.high == pytest.approx((390 * 10 + 90 * 1000) / 480)
    assert figure.verdict == "indeterminate"


def test_over_range_counts_as_at_least_full_scale_and_leaves_high_unknown():
    live = one(full_scale=100.0)
    live.feed(0, T0, 98.5, UNCERTAIN, Reason.OVER_RANGE)
    live.feed(0, T0 + 10 * S, 130.0, UNCERTAIN, Reason.OVER_RANGE)
    figures = live.figures(0, T0 + 20 * S)
    assert figures.over_range_15min
    assert figures.mean_1min == 115.0
    assert only(live, T0 + 20 * S, limit(value=50.0)).high is None


def test_uncertain_samples_count_but_earn_no_compliance():
    live = one(hold_s=900.0)
    live.feed(0, T0, 5.0, UNCERTAIN, Reason.CLOCK)
    figure = only(live, T0 + 900 * S, limit())
    assert (figure.low, figure.high, figure.coverage, figure.verdict) == (5.0, 5.0, 1.0, "indeterminate")
    live.feed(0, T0 + 900 * S, 500.0, UNCERTAIN, Reason.CLOCK)
    assert only(live, T0 + 1800 * S, limit()).verdict == "exceeded"


@pytest.mark.parametrize("nonsense", [1e17, -1e17, math.inf, -math.inf, math.nan, 1e308])
def test_one_absurd_value_leaves_no_trace_once_it_has_left_the_window(nonsense):
    live, clean = one(hold_s=1.0), one(hold_s=1.0)
    for second in range(2000):
        value = 0.001 * (second % 7)
        if second == 100:
            live.feed(0, T0 + second * S, nonsense, GOOD)
        else:
            live.feed(0, T0 + second * S, value, GOOD)
        clean.feed(0, T0 + second * S, value, GOOD)
        if second == 101:
            inside = only(live, T0 + 101 * S, limit())
            assert inside.high is None
            assert inside.low >= 1000.0
            assert live.figures(0, T0 + 101 * S).low_15min < 0.001
    now = T0 + 2000 * S
    assert live.figures(0, now)[5:12] == clean.figures(0, now)[5:12]
    assert only(live, now, limit()) == only(clean, now, limit())


def test_a_huge_but_possible_value_leaves_no_trace_either():
    live = one(hold_s=1.0)
    for second in range(1100):
        live.feed(0, T0 + second * S, 9.9e8 if second == 50 else 0.001, GOOD)
    assert live.figures(0, T0 + 1100 * S).low_15min == pytest.approx(0.001, rel=1e-12)


def test_equal_and_older_times_count_as_of_the_newest_and_the_last_one_stands():
    live = one()
    live.feed(0, T0, 10.0, GOOD)
    live.feed(0, T0 + 10 * S, 20.0, GOOD)
    live.feed(0, T0 + 10 * S, 30.0, GOOD)
    live.feed(0, T0 + 4 * S, 40.0, GOOD)
    figures = live.figures(0, T0 + 20 * S)
    assert figures.mean_1min == (10.0 * 10 + 40.0 * 10) / 20
    assert figures.value_us == T0 + 10 * S
    live.feed(0, T0, 40.0, GOOD)
    assert live.figures(0, T0 + 15 * S).now_us == T0 + 20 * S


def test_late_samples_are_history_only():
    live = one()
    live.feed(0, T0, 10.0, GOOD)
    live.feed(0, T0 + S, 900.0, LATE, Reason.BACKLOG)
    assert live.figures(0, T0 + 2 * S).value == 10.0


def test_a_fast_sensor_needs_no_more_memory_and_stays_exact_in_sum():
    live, exact, covered = one(hold_s=1.0), 0.0, 0
    step = S // 20
    for n in range(20 * 1300):
        value = 50.0 + 40.0 * math.sin(n / 300.0)
        bad = n % 50 == 0
        live.feed(0, T0 + n * step, value, BAD if bad else GOOD, Reason.FAULT if bad else 0)
        if n >= 20 * 400 and not bad:
            exact += value * step / S
            covered += step
    figures = live.figures(0, T0 + 20 * 1300 * step)
    assert live._ints[0, layout.MERGES] > 0
    assert figures.covered_15min_s == pytest.approx(covered / S, abs=1.0)
    assert figures.low_15min == pytest.approx(exact / 900, rel=1e-4)


@pytest.mark.parametrize("rate", [1.3, 3, 20])
def test_the_last_hour_of_a_fast_sensor_is_exact_but_for_the_place_of_an_edge(rate):
    """60 min hold 3,648 level changes; at more than one a second the old ones share 4 s."""
    live, twin = one(hold_s=1.0, full_scale=math.nan), Twin([1.0], [math.nan])
    for n in range(int(rate * 4200)):
        sample = (T0 + int(n * S / rate), 50.0 + 40.0 * math.sin(n / 97.0), *((BAD, 6) if n % 50 < 2 else (GOOD, 0)))
        live.feed(0, *sample)
        twin.feed(0, *sample)
    assert live._ints[0, layout.MERGES] > 0
    now = T0 + 4200 * S
    whole, exact = only(live, now, limit(minutes=60)), twin.sums(0, now, now - 3600 * S)
    assert whole.low == pytest.approx(float(exact.total) / (3600 * S), rel=2e-3)
    assert whole.coverage == pytest.approx(exact.covered_us / (3600 * S), abs=4 / 3600)
    if rate < 2.2:  # the last 15 min are as they came
        same(live.figures(0, now)._replace(e8=0.0), twin.figures(0, now)._replace(e8=0.0))


def test_no_drift_after_a_million_irregular_samples():
    random = np.random.default_rng(7)
    n = 1_000_000
    times = T0 + np.cumsum(random.integers(1, 2 * S, n))
    values = 10.0 ** random.uniform(-3, 5, n)
    live = one(full_scale=math.nan)
    live.feed_many(np.zeros(n, np.int64), times, values, np.zeros(n, np.int64), np.zeros(n, np.int64))
    now = int(times[-1]) + S
    inside = times > now - 950 * S
    twin = Twin([30.0], [math.nan])
    for t, value in zip(times[inside].tolist(), values[inside].tolist(), strict=True):
        twin.feed(0, t, value, GOOD)
    same(live.figures(0, now)._replace(e8=0.0), twin.figures(0, now)._replace(e8=0.0))
    ends = np.append(times[1:], now)
    whole = math.fsum((values * (ends - times) / S).tolist())
    assert live.figures(0, now).e8 == pytest.approx(whole / 28_800, rel=1e-9)


def test_a_rebuilt_state_gives_the_same_figures_bit_for_bit():
    random = np.random.default_rng(3)
    live = Streaming([Line(30.0, 1000.0), Line(30.0)])
    live.start_shift(T0)
    rows = []
    t = T0
    for _ in range(30_000):
        t += int(random.integers(1, 4 * S))
        row = (int(random.integers(2)), t, float(random.normal(20, 30)), int(random.choice([0, 0, 0, 1, 2])), 0)
        rows.append(row)
        live.feed(*row)
        if len(rows) % 999 == 0:
            live.advance(t)
    dump = live.dump_small()
    limits = [limit(), limit(minutes=60), limit("TWA", 480, 25.0), limit("CEILING", 0, 200.0)]
    newest = [row for row in rows if row[1] > t - live.reach_us(limits)]
    assert len(newest) < len(rows)
    rebuilt = Streaming(live.lines)
    rebuilt.feed_many(*zip(*newest, strict=True))
    rebuilt.load_small(dump)
    for later in (0, 10 * S, 3000 * S):
        for i in range(2):
            for hours in (8, 10):
                assert rebuilt.long_window(i, t + later, hours) == live.long_window(i, t + later, hours)
            assert repr(rebuilt.figures(i, t + later)) == repr(live.figures(i, t + later))
            assert rebuilt.limit_figures(i, t + later, limits) == live.limit_figures(i, t + later, limits)


def test_the_shift_starts_at_zero_and_the_windows_go_on():
    live = one(hold_s=900.0)
    live.feed(0, T0, 90.0, GOOD)
    live.start_shift(T0 + 300 * S)
    figures = live.figures(0, T0 + 600 * S)
    assert figures.e8 == pytest.approx(90.0 * 300 / 28_800)
    assert figures.covered_15min_s == 600.0
    assert live.shift_covered_s(0, T0 + 600 * S) == (300.0, 300.0)


def test_time_to_the_stel_is_when_it_happens():
    live = one(hold_s=30.0)
    for second in range(0, 900, 10):
        live.feed(0, T0 + second * S, 10.0 if second < 600 else 80.0, GOOD)
    now = T0 + 890 * S
    live.feed(0, now, 200.0, GOOD)
    promised = only(live, now, limit()).time_to_limit_s
    assert promised is not None
    passed = None
    for second in range(1, 900):
        live.feed(0, now + second * S, 200.0, GOOD)
        if only(live, now + second * S, limit()).verdict == "exceeded":
            passed = second
            break
    assert passed == math.floor(promised) + 1
    assert only(live, now + passed * S, limit()).time_to_limit_s == 0.0


def test_time_to_the_twa_counts_to_the_end_of_the_shift():
    live = one(hold_s=3600.0)
    live.start_shift(T0)
    live.feed(0, T0, 50.0, GOOD)
    assert only(live, T0, limit("TWA", 480, 25.0)).time_to_limit_s == pytest.approx(4 * 3600.0)
    live.feed(0, T0, 20.0, GOOD)
    assert only(live, T0, limit("TWA", 480, 25.0)).time_to_limit_s is None
    assert only(live, T0 + 7200 * S, limit("TWA", 480, 25.0)).time_to_limit_s is None


def test_niosh_divides_by_the_shift_between_eight_and_ten_hours():
    live = one(hold_s=36_000.0, shift_hours=9.0)
    live.feed(0, T0, 20.0, GOOD)
    figure = only(live, T0 + 9 * 3600 * S, limit("TWA", 600, 35.0, regime="niosh", table="NIOSH_REL"))
    assert figure.method == "niosh_10h"
    assert figure.value == pytest.approx(20.0)


def test_oxygen_is_bounded_from_both_sides():
    low, high = limit("MIN", 0, 19.5, "o2", "peru"), limit("MAX", 0, 22.5, "o2", "peru")
    live = one(full_scale=25.0)
    live.feed(0, T0, 20.9, GOOD)
    assert [f.verdict for f in live.limit_figures(0, T0, [low, high])] == ["compliant", "compliant"]
    live.feed(0, T0 + S, 19.4, GOOD)
    assert [f.verdict for f in live.limit_figures(0, T0 + S, [low, high])] == ["exceeded", "compliant"]
    gone = live.limit_figures(0, T0 + 60 * S, [low, high])
    assert [f.verdict for f in gone] == ["indeterminate", "indeterminate"]
    live.feed(0, T0 + 61 * S, 25.0, UNCERTAIN, Reason.OVER_RANGE)
    assert [f.verdict for f in live.limit_figures(0, T0 + 61 * S, [low, high])] == ["indeterminate", "exceeded"]


def test_msha_methane_is_exceeded_when_it_reaches():
    live = one(full_scale=5.0)
    live.feed(0, T0, 1.0, GOOD)
    reaches = replace(limit("ACTION", 0, 1.0, "ch4", "peru", "MSHA_CH4_CAT_VI", "%vol"), comparison="reaches")
    exceeds = limit("CEILING", 0, 1.0, "ch4", "peru", "PE_DS024_ANEXO15", "%vol")
    assert [f.verdict for f in live.limit_figures(0, T0, [reaches, exceeds])] == ["exceeded", "compliant"]


def test_a_limit_that_the_channel_cannot_resolve_is_indeterminate_but_peru_still_alarms():
    live = one(hold_s=28_800.0, full_scale=20.0, resolution=0.1)
    live.feed(0, T0, 0.25, GOOD)
    now = T0 + 28_800 * S
    assert only(live, now, limit("TWA", 480, 0.2, "no2", "acgih")).verdict == "indeterminate"
    assert only(live, now, limit("TWA", 480, 0.2, "no2", "peru")).verdict == "exceeded"
    assert only(live, now, limit("TWA", 480, 0.29, "no2", "peru")).verdict == "indeterminate"
    assert only(live, now, limit("TWA", 480, 0.5, "no2", "eu")).verdict == "compliant"


def test_signed_noise_stays_in_the_mean_and_only_the_judged_mean_is_clipped():
    live = one(hold_s=60.0)
    live.feed(0, T0, -0.4, GOOD)
    assert live.figures(0, T0 + 60 * S).mean_1min == pytest.approx(-0.4)
    assert only(live, T0 + 60 * S, limit()).low == 0.0


def test_exactly_at_the_limit_passes():
    live = one(hold_s=900.0)
    for level in (0.1, 0.2, 0.3, 4.7):
        live.feed(0, T0, level, GOOD)
        T = live.figures(0, T0).now_us + 900 * S
        assert only(live, T, limit(value=level)).verdict == "compliant"


def test_state_is_small():
    short, long, some = one(rolling_8h=False), one(), Streaming([Line(30.0)] * 3, rolling_8h=[1])
    assert short._ints.nbytes + short._floats.nbytes < 60_000
    assert long._ints.nbytes + long._floats.nbytes < 700_000
    some.feed_many([0, 1, 2], [T0] * 3, [4.0] * 3, [0] * 3, [0] * 3)
    some.advance(T0 + 31 * S)
    assert some.long_window(1, T0 + 31 * S) == (120.0, 30.0, 0.0, 0.0, 0.0, 4.0)
    with pytest.raises(RuntimeError, match="sensor 2"):
        some.long_window(2, T0 + 31 * S)
    assert some.reach_us() == (36_000 + 1 + 30) * S
    assert short.reach_us([limit(minutes=15)]) == (900 + 1 + 30) * S
    assert short.reach_us([limit(minutes=60)]) == (3600 + 1 + 30) * S


@settings(max_examples=100, deadline=None)
@given(series)
def test_a_sample_and_its_figures_in_one_call_are_the_same(samples):
    apart, together = one(), one()
    for row in rows_of(samples):
        apart.feed(0, *row)
        assert repr(together.sample(0, *row)) == repr(apart.figures(0, row[0]))
    assert together.dump_small() == apart.dump_small()
    assert [type(x) for x in apart.figures(0, T0)] == [int, float, int, int, int, *[float] * 6, bool, float]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 900 * S), st.floats(-5.0, 1e5)), min_size=2, max_size=80),
    st.integers(0, 12 * 3600 * S),
)
def test_eight_and_ten_hours_live_are_those_of_the_record_at_the_last_whole_second(samples, wait):
    """The batch's window ends at a sample: here at one more, that says nothing, where the second began."""
    live, times, values, t = one(hold_s=600.0), [], [], T0 + 123_456
    for step, value in samples:
        t += step
        times.append(t)
        values.append(value)
        live.feed(0, t, value, GOOD)
    now = t + wait
    second = now // S * S
    past = [k for k, at in enumerate(times) if at <= second]
    record = Samples(np.array([*(times[k] for k in past), second]), np.array([*(values[k] for k in past), 0.0]))
    for hours in (8, 10):
        mine, batch = live.long_window(0, now, hours), rolling_means(record, hours * 3600 * S, 600 * S)
        assert mine.total == pytest.approx(batch.low[-1] * hours * 3600, rel=1e-9, abs=1e-6)
        assert mine.covered_s == pytest.approx(batch.coverage[-1] * hours * 3600, rel=1e-12)


def test_every_limit_of_every_table_is_judged_live():
    live = one()
    for row in all_limits():
        assert window_minutes(row) is not None
        assert only(live, T0, row).verdict == "indeterminate"
    assert window_minutes(limit(minutes=240)) is None
    assert window_minutes(limit("MAX", 10)) == window_minutes(limit("TWA", 600)) == 0


def test_kernels_keep_no_reference_to_the_arrays_they_saw():
    live = one()
    times = np.arange(T0, T0 + 50 * S, S)
    held = [sys.getrefcount(array) for array in (live._ints, live._floats, times)]
    for _ in range(20):
        live.feed_many(np.zeros(50, np.int64), times, np.ones(50), np.zeros(50, np.int64), np.zeros(50, np.int64))
        live.limit_figures(0, T0 + 60 * S, [limit(), limit("TWA", 480, 25.0)])
    assert [sys.getrefcount(array) for array in (live._ints, live._floats, times)] == held


def test_wrong_use_is_refused_in_one_sentence():
    with pytest.raises(ConfigError, match="sensor 0: hold of 0"):
        Streaming([Line(0.0)])
    with pytest.raises(ConfigError, match="no live window of 240 min, expected 0 to 60"):
        only(one(), T0, limit(minutes=240))
    with pytest.raises(IndexError, match="outside 0 to 0"):
        one().feed_many([1], [T0], [1.0], [0], [0])
    with pytest.raises(ValueError, match="one length"):
        one().feed_many([0, 0], [T0], [1.0], [0], [0])
    with pytest.raises(ValueError, match="other sensors"):
        one().load_small({"version": 1, "head_us": []})
    with pytest.raises(RuntimeError, match="8 h window"):
        one(rolling_8h=False).long_window(0, T0)


def test_the_hold_is_three_periods_within_the_bounds_of_the_reference():
    assert hold_s_for(1.0) == 3.0
    assert hold_s_for(60.0) == 30.0
    assert hold_s_for(120.0, dust=True) == 180.0
    assert hold_s_for(1.0, 45.0) == 45.0
