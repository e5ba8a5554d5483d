"""The worst windows of a record: the slow twin at every edge, and blocks that change nothing."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.exposure import series as series_module
from gateway.exposure.air import Air
from gateway.exposure.batch import Question, evaluate
from gateway.exposure.conversion import molar_volume_l
from gateway.exposure.extremes import Filling, worst_windows
from gateway.exposure.layout import ABSURD, OVER
from gateway.exposure.record import read_record
from gateway.exposure.series import Series
from gateway.exposure.verdicts import NOBODY

S = 1_000_000
T0 = 1_764_000_000 * S
STRETCHES = st.lists(
    st.tuples(
        st.sampled_from([1, S // 3, S, 5 * S, 60 * S, 200 * S]),
        st.one_of(st.none(), st.floats(-1.0, 1e5, allow_subnormal=False), st.sampled_from([0.0, 4.0])),
        st.sampled_from([0, 0, 0, 0, OVER, ABSURD]),
    ),
    min_size=1,
    max_size=25,
)


def series_of(stretches):
    levels = [math.nan if level is None or flag == ABSURD else level for _, level, flag in stretches]
    flags = [0 if level is None and flag == OVER else flag for _, level, flag in stretches]
    edges = T0 + np.concatenate([[0], np.cumsum([length for length, _, _ in stretches])])
    return Series(
        edges, np.array(levels), np.array(flags, np.uint8), len(levels), math.nan, math.nan, math.nan, T0,
        int(edges[-1]),
    )  # fmt: skip


def by_definition(series, opens, closes, window, filling):
    """Limits reference 4.9, with fractions, from nothing but the definitions."""
    spans = list(zip(series.edges[:-1].tolist(), series.edges[1:].tolist(), series.levels.tolist(), strict=True))
    ends = [*(series.edges.tolist() if opens < series.edges[0] else series.edges.tolist()[1:])]
    ends += [closes] if closes > series.edges[-1] else []
    lows, values, highs = [], [], []
    for end in ends:
        total, covered, spoilt = Fraction(0), 0, False
        for (start, stop, level), flag in zip(spans, series.flags.tolist(), strict=True):
            inside = min(stop, end) - max(start, end - window)
            if inside > 0:
                spoilt |= bool(flag)
                if not math.isnan(level):
                    total, covered = total + Fraction(level) * inside, covered + inside
        gap = window - max(0, opens - (end - window)) - covered
        seen = [level for _, stop, level in spans if stop <= end and not math.isnan(level)]
        fill = max([*seen[-1:], *([filling.gap_level] if not math.isnan(filling.gap_level) else [])], default=None)
        lows.append(total / window)
        filled = None if fill is None else max(lows[-1], (total + gap * Fraction(fill)) / window)
        values.append(filled if gap else lows[-1])
        full = None if math.isnan(filling.full_scale) else Fraction(filling.full_scale)
        known = not spoilt and (not gap or full is not None)
        highs.append((max(lows[-1], (total + gap * full) / window) if gap else lows[-1]) if known else None)
    return [math.nan if None in each else float(max(each)) for each in (lows, values, highs)]


@settings(max_examples=120, deadline=None)
@given(
    STRETCHES, st.sampled_from([S, 90 * S]), st.sampled_from([0, 7 * S]), st.sampled_from([0, 400 * S]),
    st.sampled_from([math.nan, 2.0]), st.sampled_from([math.nan, 1e5]), st.sampled_from([1, 2, 7, 1 << 18]),
)  # fmt: skip
def test_bounds_are_those_of_the_definition(stretches, window, early, late, gap_level, full_scale, block):
    series, filling = series_of(stretches), Filling(gap_level, full_scale)
    opens, closes = T0 - early, series.closes_us + late
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series_module, "_BLOCK", block)
        found = worst_windows(series, opens, closes, window, filling)
        doubled = worst_windows(series.scaled(0.5), opens, closes, window, filling._replace(full_scale=full_scale / 2))
    expected = by_definition(series, opens, closes, window, filling)
    size = max((abs(level) for level in series.levels.tolist() if not math.isnan(level)), default=0.0)
    assert list(found[:3]) == pytest.approx(expected, rel=1e-11, abs=1e-13 * (1 + size), nan_ok=True)
    assert doubled.low == pytest.approx(found.low / 2, rel=1e-11, abs=1e-13 * (1 + size))
    assert 0.0 <= found.coverage <= 1.0


REGIMES = ("peru", "acgih", "niosh", "osha", "msha", "eu")


@pytest.mark.parametrize("block", [3, 100])
def test_blocks_change_nothing_in_the_whole_document(monkeypatch, block):
    random = np.random.default_rng(4)
    lines, t = ["time,substance,value,unit\n"], 0.0
    for n in range(3_000):
        t += float(random.choice([1, 5, 20, 90, 700], p=[0.3, 0.4, 0.2, 0.08, 0.02]))
        substance = ("no2", "so2", "h2s", "co")[n % 4]
        value = "" if random.random() < 0.02 else f"{random.uniform(0, 12):.3f}"
        lines.append(f"{t:.1f},{substance},{value},ppm\n")
    options = {"max_hold_s": 60.0, "molar_volume": molar_volume_l(), "full_scales": {"no2": 11.0}}
    record = read_record(lines, "turno.csv", **options)
    question = Question(regimes=REGIMES, full_scales={"no2": 11.0}, shift_hours=12.0)
    whole = evaluate(record, question)
    monkeypatch.setattr(series_module, "_BLOCK", block)
    assert_close(evaluate(record, question), whole)


def assert_close(found, expected):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_close(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    else:
        assert found == (pytest.approx(expected, rel=2e-11) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("block", [1, 2, 1 << 18])
def test_condensed_stretches_keep_marks_maxima_flags_and_gaps(monkeypatch, block):
    monkeypatch.setattr(series_module, "_BLOCK", block)
    series = series_of([(S, 1.0, 0), (S, 2.0, OVER), (S, 9.0, 0), (S, None, 0), (S, 8.0, 0), (S, 1.0, 0)])
    air = Air(series, T0 - S, T0 + 8 * S, 8.0, NOBODY, math.nan)
    edges, levels, flags = air.condensed([5.0])
    merged = {}
    for end, level, flag in zip(((edges[1:] - T0) // S).tolist(), levels.tolist(), flags.tolist(), strict=True):
        merged[end] = (level, flag)
    assert edges[0] == T0 - S
    assert merged[3][0] == 9.0
    assert merged[2] == (2.0, OVER)
    assert all(math.isnan(merged[end][0]) for end in (0, 4, 8))
    assert set(merged) >= {0, 2, 3, 4, 5, 6, 8}
