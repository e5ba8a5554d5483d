"""Short exposures above the TWA: ACGIH's frequency and peak rules, 1973's factors (limits reference 4.3, 4.5)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.domain.short_term import EpisodeRule, short_term_rules
from gateway.exposure.batch import Question, evaluate
from gateway.exposure.conversion import molar_volume_l
from gateway.exposure.episodes import CLEAN, OVER, UNKNOWN, episodes_of, judge_episodes, spans_above
from gateway.exposure.record import read_record

RULE = EpisodeRule(1.0, 15, 4, 60, "test", "V")
HOUR = 3600.0


def judge(rows, *regimes, substance="h2s", full_scale=100.0, **question):
    """rows: (start [min], length [min], ppm)."""
    lines = ["time,substance,value,unit,duration_s\n"]
    lines += [f"{60 * start},{substance},{level},ppm,{60 * length}\n" for start, length, level in rows]
    scales = {substance: full_scale}
    record = read_record(lines, "r.csv", max_hold_s=60, molar_volume=molar_volume_l(), full_scales=scales)
    return evaluate(record, Question(regimes, full_scales=scales, **question))["substances"][substance]["limits"]


def shift(*peaks, level=3.0):
    """8 h of clean air with a level above TLV-TWA from each start [min] for each length [min]."""
    rows, here = [], 0.0
    for start, length in peaks:
        rows += [(here, start - here, 0.0), (start, length, level)]
        here = start + length
    return [row for row in [*rows, (here, 480 - here, 0.0)] if row[1] > 0]


def stel(rows, regime="acgih", **more):
    (row,) = [row for row in judge(rows, regime, **more) if row["kind"] == "STEL"]
    return row


def test_four_short_exposures_an_hour_apart_are_allowed():
    row = stel(shift((10, 10), (90, 10), (170, 10), (250, 10)))
    assert row["frequency"]["episodes"] == 4
    assert row["frequency"]["violations"] == []
    assert (row["verdict"], row["frequency"]["verdict"], row["method"]) == ("compliant", "compliant", "rolling")


@pytest.mark.parametrize(
    ("peaks", "violations"),
    [
        ([(10, 16)], ["too_long"]),
        ([(10, 10), (90, 10), (170, 10), (250, 10), (330, 10)], ["too_often"]),
        ([(10, 10), (50, 10)], ["too_close"]),
        ([(10, 20), (60, 5), (150, 5), (230, 5), (310, 5), (390, 5)], ["too_long", "too_often", "too_close"]),
    ],
)
def test_too_long_too_often_too_close(peaks, violations):
    row = stel(shift(*peaks))
    assert row["frequency"]["violations"] == violations
    assert row["low"] < row["limit"]
    assert (row["verdict"], row["reason"]) == ("exceeded", "frequency")


def test_only_rule_books_of_acgih_count_episodes():
    rows = judge(shift((10, 60), level=8.0), "peru", "eu", "niosh")
    assert not any("frequency" in row for row in rows)
    assert {row["verdict"] for row in rows if row["kind"] == "STEL" and row["regime"] == "peru"} == {"compliant"}


def test_a_dip_of_less_than_a_minute_does_not_end_an_episode():
    spans = spans_above(*series((0, 600, 3.0), (600, 70, 0.0), (670, 400, 3.0), (1070, 3000, 0.0)), 1.0, 100.0)
    (episode,) = episodes_of(spans)
    assert episode.certain_us == pytest.approx(1070e6 - 20e6 + 40e6)  # opens after 20 s, closes 40 s late
    assert judge_episodes(spans, RULE, doubtful=False).violations == ("too_long",)


def series(*stretches):
    """(start [s], length [s], level or None) → edges, levels."""
    edges = [0] + [round((start + length) * 1e6) for start, length, _ in stretches]
    return np.array(edges), np.array([math.nan if level is None else level for *_, level in stretches])


def test_the_minute_is_exact_between_samples():
    spans = spans_above(*series((0, 600, 0.0), (600, 600, 3.0), (1200, 600, 0.0)), 1.0, 100.0)
    assert [(span.start_us / 1e6, span.end_us / 1e6, span.state) for span in spans] == [
        (0.0, pytest.approx(620, abs=1e-5), CLEAN),
        (pytest.approx(620, abs=1e-5), pytest.approx(1240, abs=1e-5), OVER),
        (pytest.approx(1240, abs=1e-5), 1800.0, CLEAN),
    ]


def test_a_gap_neither_ends_an_episode_nor_is_one_and_never_complies():
    gap = series((0, 600, 0.0), (600, 300, 3.0), (900, 600, None), (1500, 300, 3.0), (1800, 7200, 0.0))
    spans = spans_above(*gap, 1.0, 100.0)
    assert UNKNOWN in [span.state for span in spans]
    found = judge_episodes(spans, RULE, doubtful=False)
    assert (found.verdict, found.episodes) == ("indeterminate", 1)
    assert found.longest_us < 6 * 60e6
    assert judge_episodes([spans[0]], RULE, doubtful=True).verdict == "indeterminate"


def test_a_gap_that_could_not_matter_is_no_doubt():
    spans = spans_above(*series((0, 600, 0.0), (600, 1, None), (601, 600, 0.0)), 25.0, 1000.0)
    assert {span.state for span in spans} == {CLEAN}
    spans = spans_above(*series((0, 600, 0.0), (600, 1, None), (601, 600, 0.0)), 25.0, None)
    assert UNKNOWN in {span.state for span in spans}


story = st.lists(
    st.tuples(st.integers(1, 1500), st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0, 40.0, -0.2])), min_size=1, max_size=25
)


@settings(max_examples=120, deadline=None)
@given(story, st.data())
def test_lost_stretches_never_turn_exceeded_into_compliant_nor_compliant_into_exceeded(story, data):
    stretches, here = [], 0
    for length, level in story:
        stretches.append((here, length, level))
        here += length
    whole = judge_episodes(spans_above(*series(*stretches), 1.0, 100.0), RULE, doubtful=False)
    assert whole.verdict != "indeterminate"
    lost = [(start, length, level if data.draw(st.booleans()) else None) for start, length, level in stretches]
    rest = judge_episodes(spans_above(*series(*lost), 1.0, 100.0), RULE, doubtful=False)
    assert rest.verdict in (whole.verdict, "indeterminate")
    assert set(rest.violations) <= set(whole.violations) or whole.verdict == "exceeded"


@settings(max_examples=80, deadline=None)
@given(story)
def test_the_minute_equals_a_plain_sum_at_whole_seconds(story):
    stretches, seconds = [], []
    for length, level in story:
        stretches.append((len(seconds), length, level))
        seconds += [level] * length
    spans = spans_above(*series(*stretches), 1.0, 100.0)
    state = iter(spans)
    span = next(state)
    for t in range(1, len(seconds)):
        while span.end_us <= t * 1e6:
            span = next(state)
        mean = math.fsum(seconds[max(0, t - 60) : t]) / 60
        if abs(mean - 1.0) > 1e-3 and min(t * 1e6 - span.start_us, span.end_us - t * 1e6) > 10:
            assert span.state == (OVER if mean > 1.0 else CLEAN)


def test_the_peaks_of_carbon_monoxide():
    """No STEL: above 3 × 25 = 75 ppm for a while and seldom, never above 5 × 25 = 125 ppm in 15 min (4.5)."""
    (twa, peak) = judge(shift((10, 10), level=90.0), "acgih", substance="co", full_scale=1000.0)
    assert (twa["kind"], twa["method"], twa["limit"]) == ("TWA", "e8", 25.0)
    assert (peak["kind"], peak["method"], peak["averaging_minutes"]) == ("MAX", "excursion", 15)
    assert (peak["limit"], peak["base_limit"], peak["frequency"]["above"]) == (125.0, 25.0, 75.0)
    assert peak["value"] == pytest.approx(60)
    assert peak["verdict"] == "compliant"
    assert judge(shift((10, 15), level=126.0), "acgih", substance="co")[1]["verdict"] == "exceeded"
    long = judge(shift((10, 20), level=90.0), "acgih", substance="co")[1]
    assert (long["verdict"], long["frequency"]["violations"]) == ("exceeded", ["too_long"])


def test_nitric_oxide_has_the_same_peaks_as_carbon_monoxide():
    (_, peak) = judge(shift((10, 10), level=30.0), "acgih", substance="no")
    assert (peak["limit"], peak["frequency"]["above"]) == (125.0, 75.0)


def test_a_substance_with_a_stel_or_a_ceiling_has_no_excursion_rule():
    for substance in ("nh3", "h2s", "hcn", "co2"):
        rows = judge(shift((10, 10)), "acgih", substance=substance, full_scale=1e6)
        assert not any(row["method"] == "excursion" for row in rows), substance


@pytest.mark.parametrize(("substance", "limit"), [("co", 75.0), ("no", 37.5), ("so2", 10.0), ("h2s", 20.0)])
def test_the_factors_of_1973(substance, limit):
    """By the TLV in ppm: 0–1 → 3, 1–10 → 2, 10–100 → 1.5, 100–1000 → 1.25 (S46b)."""
    for regime in ("msha", "msha_legacy"):
        (row,) = [row for row in judge(shift((10, 1), level=limit), regime, substance=substance, full_scale=1e4)
                  if row["method"] == "excursion"]  # fmt: skip
        assert (row["limit"], row["averaging_minutes"], row["verdict"]) == (limit, 0, "compliant")
        rows = judge(shift((10, 1), level=limit * 1.01), regime, substance=substance, full_scale=1e4)
        assert [row["verdict"] for row in rows if row["method"] == "excursion"] == ["exceeded"]


def test_where_the_table_of_1973_ends():
    excursion = short_term_rules("msha").excursion
    assert [excursion.factor(tlv, "ppm") for tlv in (0.1, 1, 5, 50, 500, 5000)] == [3, 3, 2, 1.5, 1.25, None]
    assert excursion.factor(0.05, "ug/m3") is None
    assert short_term_rules("peru") == (None, None, ())
    assert short_term_rules("site") == (None, None, ())


def test_over_range_below_the_level_says_nothing_of_it():
    """A cell of 50 ppm that is over its range: above 75 ppm or not, nobody knows (4.11)."""
    (_, peak) = judge([(0, 10, 60.0), (10, 470, 0.0)], "acgih", substance="co", full_scale=50.0)
    assert peak["high"] is None
    assert (peak["verdict"], peak["frequency"]["verdict"]) == ("indeterminate", "indeterminate")


def test_what_nobody_saw_of_the_shift_never_complies():
    row = stel([(0, 60, 0.1)], shift_hours=8.0)
    assert (row["verdict"], row["frequency"]["verdict"]) == ("indeterminate", "indeterminate")
    row = stel(shift((10, 20))[:2], shift_hours=8.0)
    assert (row["verdict"], row["reason"]) == ("exceeded", "frequency")


@pytest.mark.parametrize(
    "text",
    [
        "[stel_frequency]\nlongest_min = 15",
        '[excursion]\naveraging_minutes = 15\nfactors = []\nsource = "s"\nconfidence = "V"',
        """
        [excursion]
        averaging_minutes = 0
        factors = [{ up_to = 10, times = 2 }, { up_to = 1, times = 3 }]
        source = "s"
        confidence = "V"
        """,
        "[excursion",
    ],
)  # fmt: skip
def test_a_wrong_rule_file_is_named(tmp_path, monkeypatch, text):
    (tmp_path / "wrong-one.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("gateway.domain.short_term._FOLDER", tmp_path)
    with pytest.raises(ConfigError, match=r"wrong-one\.toml"):
        short_term_rules("wrong-one")
