"""A whole record against the limits: the vectors of the limits reference, the interface's rules, the slow twin."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.exposure.batch import Question, evaluate
from gateway.exposure.conversion import molar_volume_l
from gateway.exposure.record import read_record
from gateway.exposure.twin import Twin


def judge(text, regimes=("peru",), *, max_hold_s=60.0, full_scales=None, **question):
    scales = full_scales or {}
    record = read_record(
        text.strip().splitlines(keepends=True), "turno.csv", max_hold_s=max_hold_s, molar_volume=molar_volume_l(),
        full_scales=scales,
    )  # fmt: skip
    document = evaluate(record, Question(regimes=tuple(regimes), full_scales=scales, **question))
    json.dumps(document, allow_nan=False)
    return document


def stretches(*rows, substance="co", unit="ppm"):
    lines = [f"{substance},{value},{unit},{hours * 3600}" for hours, value in rows]
    return "substance,value,unit,duration_s\n" + "\n".join(lines)


def row(document, substance, kind, method=None, regime=None):
    rows = [
        one
        for one in document["substances"][substance]["limits"]
        if one["kind"] == kind and method in (None, one["method"]) and regime in (None, one["regime"])
    ]
    assert len(rows) == 1, rows
    return rows[0]


VECTOR_1 = stretches((2, 30), (4, 10), (6, 20))


def test_vector_1_a_twelve_hour_shift():
    co = judge(VECTOR_1)["substances"]["co"]
    assert co["e8"] == pytest.approx(27.5)
    assert co["mean_shift"] == pytest.approx(18.3333, abs=1e-4)
    assert (co["covered_s"], co["gap_s"], co["samples"], co["unit"], co["peak"]) == (43200.0, 0.0, 3, "ppm", 30.0)


def test_vector_2_brief_and_scala_and_osha_both_exceeded():
    document = judge(VECTOR_1, shift_hours=12.0, week_hours=84.0)
    scaled = row(document, "co", "TWA", "brief_scala")
    assert scaled["limit"] == pytest.approx(7.8125)
    assert scaled["base_limit"] == 25.0
    assert scaled["value"] == pytest.approx(18.3333, abs=1e-4)
    assert scaled["verdict"] == "exceeded"
    assert row(document, "co", "TWA", "e8")["verdict"] == "exceeded"


def test_vector_3_the_two_conventions_are_never_combined():
    document = judge(stretches((12, 12)), shift_hours=12.0)
    e8, scaled = row(document, "co", "TWA", "e8"), row(document, "co", "TWA", "brief_scala")
    assert (e8["value"], e8["limit"], e8["verdict"]) == (18.0, 25.0, "compliant")
    assert (scaled["value"], scaled["limit"], scaled["verdict"]) == (12.0, 12.5, "compliant")


def test_vector_8_a_mixture_of_exactly_one_passes():
    text = "time,substance,value,unit,duration_s\n0,no2,1.5,ppm,28800\n0,so2,1.0,ppm,28800"
    mixture = judge(text)["mixture"]
    group = {"regime": "peru", "group": "respiratory_irritants"}
    assert {**group, "kind": "TWA", "index": 1.0, "exceeded": False} in mixture
    stel = next(one for one in mixture if one["kind"] == "STEL")
    assert stel["index"] == pytest.approx(1.5 / 5 + 1.0 / 5)
    above = judge(text.replace("1.0,ppm", "1.001,ppm"))["mixture"][0]
    assert above["exceeded"]


def test_vector_9_a_stel_window_with_a_gap():
    """12 min at 4 ppm, 3 min gap, filled with 10 ppm (percentile), limit 5 ppm."""
    text = stretches((0.2, 4.0), substance="no2")
    figure = row(judge(text, shift_hours=0.25, gap_levels={"no2": 10.0}), "no2", "STEL")
    assert (figure["low"], figure["value"], figure["high"]) == (pytest.approx(3.2), pytest.approx(5.2), None)
    assert figure["coverage"] == pytest.approx(0.8)
    assert (figure["verdict"], figure["method"]) == ("indeterminate", "rolling")


def test_the_worked_example_of_osha():
    """29 CFR 1910.1000(d)(1)(i): 2 h at 150, 2 h at 75, 4 h at 50 ppm make 81.25 ppm."""
    co = judge(stretches((2, 150), (2, 75), (4, 50)))["substances"]["co"]
    assert co["e8"] == pytest.approx(81.25)


def test_the_shift_of_which_the_worst_part_was_not_seen():
    """Limits reference 4.9: seen whole it is exceeded (30.6); blind at the end it must not be compliant."""
    whole = judge(stretches((6.5, 10), (1.5, 120)))
    assert row(whole, "co", "TWA")["low"] == pytest.approx(30.625)
    assert row(whole, "co", "TWA")["verdict"] == "exceeded"
    blind = row(judge(stretches((6.5, 10)), shift_hours=8.0, full_scales={"co": 1000.0}), "co", "TWA")
    assert blind["value"] == pytest.approx(10.0)
    assert blind["coverage"] == pytest.approx(0.8125)
    assert blind["high"] == pytest.approx((6.5 * 10 + 1.5 * 1000) / 8)
    assert blind["verdict"] == "indeterminate"


def test_niosh_divides_by_the_shift_between_eight_and_ten_hours():
    figure = row(judge(stretches((12, 20)), ["niosh"]), "co", "TWA")
    assert (figure["method"], figure["value"]) == ("niosh_10h", 24.0)
    assert row(judge(stretches((4, 20)), ["niosh"]), "co", "TWA")["value"] == 10.0
    assert row(judge(stretches((4, 20)), ["niosh"], shift_hours=9.0), "co", "TWA")["low"] == pytest.approx(80 / 9)


def test_brief_and_scala_never_touches_stel_ceiling_oxygen_or_a_shift_of_eight_hours():
    document = judge(stretches((12, 2), substance="no2"), ["peru", "osha"], shift_hours=12.0)
    methods = [(one["regime"], one["kind"], one["method"]) for one in document["substances"]["no2"]["limits"]]
    assert methods == [
        ("peru", "TWA", "e8"),
        ("peru", "TWA", "brief_scala"),
        ("peru", "STEL", "rolling"),
        ("osha", "CEILING", "instant"),
    ]
    for hours in (None, 8.0):
        rows = judge(stretches((8, 2), substance="no2"), shift_hours=hours)["substances"]["no2"]["limits"]
        assert "brief_scala" not in [one["method"] for one in rows]


def test_a_row_stands_until_the_next_one_and_at_most_max_hold():
    text = "time,substance,value,unit\n0,co,10,ppm\n30,co,20,ppm\n130,co,40,ppm\n150,co,50,ppm"
    co = judge(text)["substances"]["co"]
    # 30 s at 10, 60 s at 20, 40 s nobody knows, 20 s at 40, and the last for as long as the interval before it
    assert co["covered_s"] == 130.0
    assert co["gap_s"] == 40.0
    assert co["mean"] == pytest.approx((300 + 1200 + 800 + 1000) / 130)
    assert judge("time,substance,value,unit\n0,co,10,ppm")["substances"]["co"]["covered_s"] == 60.0
    assert judge(text, max_hold_s=5.0)["substances"]["co"]["covered_s"] == 20.0


def test_iso_times_and_seconds_since_1970_are_the_same():
    iso = judge("time,substance,value,unit\n2026-11-23T07:00:00-05:00,co,10,ppm\n2026-11-23T12:00:30.5Z,co,20,ppm")
    seconds = judge("time,substance,value,unit\n1795435200,co,10,ppm\n1795435230.5,co,20,ppm")
    assert iso == seconds


def test_times_of_excel_and_of_a_browser_are_taken():
    text = "\ufefftime,substance,value,unit\r\n0,CO,10,ppm\r\n\r\n60, co ,10, ppm \r\n"
    assert judge(text)["substances"]["co"]["samples"] == 2


def test_units_become_canonical():
    air = molar_volume_l()
    co = judge(stretches((8, 28.010 / air * 25), unit="mg/m³"))["substances"]["co"]
    assert co["e8"] == pytest.approx(25.0)
    assert co["unit"] == "ppm"
    assert judge(stretches((8, 0.03), unit="mg/m3", substance="hg"))["substances"]["hg"]["e8"] == pytest.approx(30.0)
    assert judge(stretches((8, 5000), unit="ppm", substance="ch4"))["substances"]["ch4"]["peak"] == pytest.approx(0.5)


@pytest.mark.parametrize("nonsense", ["1e17", "nan", "inf", "-inf"])
def test_an_absurd_value_enters_no_sum_and_is_not_forgotten_while_inside(nonsense):
    text = stretches((4, 10), (0.01, nonsense), (4, 10))
    co = judge(text, ["eu"], full_scales={"co": 1000.0})
    assert co["substances"]["co"]["e8"] == pytest.approx(10.0)
    assert co["substances"]["co"]["peak"] == 10.0
    for kind in ("TWA", "STEL"):
        assert row(co, "co", kind)["high"] is None
        assert row(co, "co", kind)["low"] >= 1000.0


def test_over_range_is_a_lower_bound():
    document = judge(stretches((8, 1000)), ["niosh", "peru"], full_scales={"co": 1000.0})
    assert row(document, "co", "IDLH")["verdict"] == "indeterminate"
    assert row(document, "co", "IDLH")["high"] is None
    assert row(document, "co", "TWA", regime="peru")["verdict"] == "exceeded"


def test_quality_columns_of_an_export_are_understood():
    text = (
        "time,substance,value,unit,quality,reason\n"
        "0,co,10,ppm,good,\n60,co,99,ppm,bad,fault\n120,co,,ppm,,\n180,co,12,ppm,uncertain,warming_up"
    )
    document = judge(text, full_scales={"co": 20.0})
    co = document["substances"]["co"]
    assert (co["covered_s"], co["gap_s"], co["peak"]) == (120.0, 120.0, 12.0)
    assert row(document, "co", "TWA")["verdict"] == "indeterminate"


def test_oxygen_has_a_floor_and_a_ceiling():
    low = judge(stretches((4, 20.9), (1, 19.4), substance="o2", unit="%vol"))
    assert (row(low, "o2", "MIN")["verdict"], row(low, "o2", "MIN")["value"]) == ("exceeded", 19.4)
    assert row(low, "o2", "MAX")["verdict"] == "compliant"
    gap = judge(stretches((4, 20.9), substance="o2", unit="%vol"), shift_hours=8.0)
    assert row(gap, "o2", "MIN")["verdict"] == "indeterminate"


def test_vector_11_methane_withdraws_when_it_reaches_one_per_cent():
    document = judge(stretches((0.1, 0.9), (0.1, 1.0), substance="ch4", unit="%vol"))
    ladder = {
        one["limit"]: one["verdict"] for one in document["substances"]["ch4"]["limits"] if one["kind"] == "ACTION"
    }
    assert ladder == {0.25: "exceeded", 0.5: "exceeded", 1.0: "exceeded", 2.0: "compliant"}


def test_the_ten_minute_ceiling_of_niosh_and_the_peak_of_osha():
    text = stretches((1, 1.0), (0.1, 30.0), (1, 1.0), substance="h2s")
    document = judge(text, ["niosh", "osha"])
    ten = row(document, "h2s", "CEILING", "rolling")
    assert (ten["averaging_minutes"], ten["value"]) == (10, pytest.approx((6 * 30 + 4 * 1) / 10))
    assert row(document, "h2s", "MAX")["method"] == "excursion"
    assert row(document, "h2s", "MAX")["value"] == 30.0


def test_silica_shows_the_row_of_each_phase():
    rows = judge(stretches((8, 0.04), substance="silica_respirable", unit="mg/m3"))["substances"]["silica_respirable"]
    assert [one["phase"] for one in rows["limits"]] == ["quartz", "cristobalite"]


def test_a_forced_group_and_what_belongs_in_none():
    text = "time,substance,value,unit,duration_s\n0,co,12.5,ppm,28800\n0,no2,3,ppm,28800\n0,o2,20.9,%vol,28800"
    assert judge(text)["mixture"] == []
    forced = judge(text, groups=(("co", "no2"),))["mixture"]
    assert forced == [{"regime": "peru", "group": "co+no2", "kind": "TWA", "index": 1.5, "exceeded": True}]
    with pytest.raises(ConfigError, match="o2 belongs in no mixture"):
        judge(text, groups=(("co", "o2"),))


def test_optical_dust_has_no_limits():
    document = judge(stretches((8, 400), substance="pm2_5", unit="ug/m3"), ["peru", "acgih"])
    assert document["substances"]["pm2_5"]["limits"] == []


# --- bad input: one sentence that names file, line and column --------------------------------------------------------

HEAD = "time,substance,value,unit\n"
WRONG = {
    "": "turno.csv: empty",
    HEAD: "no rows",
    "time,value\n0,1": "line 1: column substance, unit is missing",
    "substance,value,unit\nco,1,ppm": r"time \(or duration_s\) is missing",
    "time,time,substance,value,unit\n": "time stands twice",
    HEAD + "0,co,1,ppm\n1,co,1,mg/m3": "line 3, unit: 'mg/m3' after 'ppm' for co",
    HEAD + "0,kryptonite,1,ppm": "line 2, substance: 'kryptonite' is not known",
    HEAD + "0,no_2,1,ppm": "did you mean 'no2'",
    HEAD + "0,co,1,furlong": "line 2, unit: co: unit 'furlong' cannot be converted",
    HEAD + "0,pm10,1,ppm": "line 2, unit: pm10: no molar mass",
    HEAD + "0,temperature,1,ppm": "line 2, unit: temperature",
    HEAD + "5,co,1,ppm\n1,co,1,ppm": "line 3, time: 1 is before",
    HEAD + "2026-01-01T00:00:00,co,1,ppm": "line 2, time: .* has no zone",
    HEAD + "yesterday,co,1,ppm": "line 2, time: 'yesterday' is no time",
    HEAD + "1e300,co,1,ppm": "line 2, time: '1e300', expected seconds since 1970",
    HEAD + "nan,co,1,ppm": "line 2, time: 'nan'",
    HEAD + "0,co,much,ppm": "line 2, value: 'much' is no number",
    HEAD + "0,co\n": "line 2, unit",
    "substance,value,unit,duration_s\nco,1,ppm,-5": "line 2, duration_s: -5 is negative",
    "substance,value,unit,duration_s\nco,1,ppm,1e300": "line 2, duration_s: 1e300, expected 0 to 31622400 s",
    "time,substance,value,unit,duration_s\n253402300799,co,1,ppm,60": "line 2, duration_s: .* beyond the year 9999",
    HEAD + "9e11,co,1,ppm": "line 2, time: '9e11', expected seconds since 1970",
    "substance,value,unit,duration_s\nco,1,ppm,inf": "line 2, duration_s: 'inf', expected a finite number",
    "time,substance,value,unit,duration_s\n0,co,1,ppm,60\n30,co,1,ppm,60": "line 3, time: 30 lies inside",
    "substance,value,unit,duration_s\nco,1,ppm,0": "the record has no duration",
    'time,substance,value,unit\n0,"co,1,ppm': "not CSV",
    "time,substance,value,unit,quality\n0,co,1,ppm,fine": "line 2, quality: 'fine'",
}


@pytest.mark.parametrize("text", WRONG, ids=list(WRONG.values()))
def test_wrong_records_are_refused_in_one_sentence(text):
    with pytest.raises(ConfigError, match=WRONG[text]) as caught:
        judge(text)
    assert "\n" not in str(caught.value)


def test_wrong_questions_are_refused():
    with pytest.raises(ConfigError, match="--shift-hours 25"):
        judge(VECTOR_1, shift_hours=25.0)
    with pytest.raises(ConfigError, match="no such substance"):
        judge(VECTOR_1, full_scales={"no2": 20.0})
    with pytest.raises(ConfigError, match="week hours 200"):
        judge(VECTOR_1, shift_hours=12.0, week_hours=200.0)


# --- against the slow twin -------------------------------------------------------------------------------------------

values = st.one_of(st.floats(-5.0, 1e5), st.floats(1e-3, 1e-2), st.sampled_from(["", "nan", "1e17"]))
records = st.lists(st.tuples(st.integers(0, 400), values), min_size=1, max_size=40)


@settings(max_examples=100, deadline=None)
@given(records)
def test_batch_equals_the_slow_twin(samples):
    twin, lines, t = Twin([60.0], [math.nan]), [HEAD], 1_795_435_200
    times = []
    for step, value in samples:
        t += step
        lines.append(f"{t},co,{value},ppm\n")
        times.append(t)
        if value == "":
            twin.feed(0, t * 1_000_000, math.nan, 2, 6)
        else:
            twin.feed(0, t * 1_000_000, float(value), 0)
    steps = [step for step, _ in samples[1:] if step > 0]
    end = t + (min(steps[-1], 60) if steps else 60)
    if samples[-1][1] == "":
        twin.feed(0, end * 1_000_000, math.nan, 2, 6)
    co = judge("".join(lines), shift_hours=8.0)["substances"]["co"]
    first = times[0] * 1_000_000
    whole = twin.sums(0, end * 1_000_000, first)
    assert co["e8"] == pytest.approx(float(whole.total / 28_800_000_000), rel=1e-9, abs=1e-9)
    assert co["covered_s"] == pytest.approx(whole.covered_us / 1e6)
    edges = {min(one + 60, following) for one, following in zip(times, [*times[1:], end], strict=True)}
    edges = edges.union(times[1:], [times[0] + 28_800]) - {times[0]}
    highest = max(_mean_15min(twin, end, edge) for edge in edges)
    assert co["stel_max"] == pytest.approx(highest, rel=1e-9, abs=1e-9)


def _mean_15min(twin, end, edge):
    upto = twin.sums(0, end * 1_000_000, (edge - 900) * 1_000_000).total
    after = twin.sums(0, end * 1_000_000, edge * 1_000_000).total
    return float((upto - after) / 900_000_000)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.floats(0, 1000)), min_size=2, max_size=40),
    st.sets(st.integers(0, 39)),
)
def test_a_lost_row_never_makes_an_exceeded_limit_compliant_and_the_truth_stays_between(samples, lost):
    whole, torn, t = [HEAD], [HEAD], 0
    for n, (step, value) in enumerate(samples):
        t += step
        whole.append(f"{t},no2,{value},ppm\n")
        torn.append(f"{t},no2,{'' if n in lost else value},ppm\n")
    options = {"regimes": ("peru", "osha", "niosh"), "max_hold_s": 300.0, "full_scales": {"no2": 1000.1}}
    rows = zip(
        judge("".join(whole), **options)["substances"]["no2"]["limits"],
        judge("".join(torn), **options)["substances"]["no2"]["limits"],
        strict=True,
    )
    for truth, seen in rows:
        assert not (truth["verdict"] == "exceeded" and seen["verdict"] == "compliant")
        assert seen["low"] <= truth["low"] * (1 + 1e-9) + 1e-9
        assert truth["low"] <= seen["high"] * (1 + 1e-9) + 1e-9
