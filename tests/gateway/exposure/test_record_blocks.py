"""A record that is read in blocks of bytes is the record that is read line by line, with the same sentences."""

import io
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import ConfigError
from gateway.exposure import record_blocks
from gateway.exposure.conversion import molar_volume_l
from gateway.exposure.record import Reading, read_record
from gateway.exposure.record_blocks import read_stream

OPTIONS = {"max_hold_s": 60.0, "molar_volume": molar_volume_l(), "full_scales": {"co": 500.0}}
HEAD = "time,substance,value,unit\n"


def in_blocks(text, block_bytes=64):
    return read_stream(io.BytesIO(text.encode()), Reading("turno.csv", **OPTIONS), block_bytes)


def by_line(text):
    return read_record(io.StringIO(text, newline=""), "turno.csv", **OPTIONS)


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except ConfigError as error:
        return str(error)


def assert_same(text, block_bytes=64):
    ours, theirs = outcome(in_blocks, text, block_bytes), outcome(by_line, text)
    if isinstance(theirs, str):
        assert ours == theirs
        return
    assert list(ours) == list(theirs)
    for quantity, series in theirs.items():
        for name, found, expected in zip(series._fields, ours[quantity], series, strict=True):
            assert np.array_equal(found, expected, equal_nan=True), (quantity, name)


@pytest.fixture(autouse=True)
def _small_blocks_too(monkeypatch):
    monkeypatch.setattr(record_blocks, "_WORTH_IT", 1)


VALUES = st.sampled_from(["1.5", "0", "-0.25", "499.9", "500", "1e17", "inf", "", "nan", " 7 ", "1_0", "x"])
ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 0.25, 1, 30, 61]),
        st.sampled_from(["co,{},ppm", "no2,{},mg/m3", "CO,{},ppm", "hg,{},mg/m³"]),
        VALUES,
        st.sampled_from([0, 10, 60.5]),
        st.sampled_from(["good", "good", "good", "", "bad"]),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from(["t", "td", "d", "tq"]), st.sampled_from(["\n", "\r\n"]), st.integers(40, 400))
def test_blocks_of_any_size_equal_the_reader_of_lines(rows, kind, feed, block_bytes):
    lines, t = [], 1_764_000_000.0
    for step, what, value, duration_s, quality in rows:
        t += step + (60.5 if "d" in kind else 0)
        cells = [repr(t)] if "t" in kind else []
        cells += [what.format(value)] + ([str(duration_s)] if "d" in kind else []) + ([quality] if "q" in kind else [])
        lines.append(",".join(cells))
    columns = ["time"] if "t" in kind else []
    columns += ["substance", "value", "unit"] + (["duration_s"] if "d" in kind else [])
    columns += ["quality"] if "q" in kind else []
    assert_same(feed.join([",".join(columns), *lines]), block_bytes)


PLAIN = "".join(f"{n},co,{n % 7}.5,ppm\n" for n in range(100))
ODD = {
    "zones": "".join(f"2026-11-23T07:{n // 60:02}:{n % 60:02}.250-05:00,co,1,ppm\n" for n in range(200)),
    "no last line feed": PLAIN[:-1],
    "quotes that hide a line": PLAIN + '100,co,"1",ppm\n101,"c\no",1,ppm\n',
    "a quote that never ends": PLAIN + '100,co,"1,ppm\n' + PLAIN,
    "lines of an old Macintosh": PLAIN.replace("\n", "\r"),
    "empty lines and empty rows": PLAIN + "\n\n,,,\n100,co,1,ppm\n",
    "spaces": PLAIN + "100 , co , 1.5 , ppm \n" * 3,
    "rows that are short": PLAIN + "100,co,1\n",
    "rows that are long": PLAIN + "100,co,1,ppm,and,more\n",
    "another unit": PLAIN + "100,co,1,mg/m3\n",
    "another unit at once": "0,no2,1,ppm\n0,no2,1,mg/m3\n" * 50,
    "not sorted": PLAIN + "5,co,1,ppm\n",
    "no zone": PLAIN + "2026-11-23T07:00:00,co,1,ppm\n",
    "times of two kinds": PLAIN + "2026-11-23T07:00:00Z,co,1,ppm\n",
    "no such substance": PLAIN + "100,kryptonite,1,ppm\n",
    "no time": PLAIN + ",co,1,ppm\n",
    "no number": PLAIN + "100,co,much,ppm\n",
    "a year too late": PLAIN + "9e11,co,1,ppm\n",
    "not UTF-8": PLAIN + "100,co,1,ppm\n",
}


@pytest.mark.parametrize("text", ODD.values(), ids=list(ODD))
@pytest.mark.parametrize("block_bytes", [50, 1 << 20])
def test_what_is_odd_is_read_or_refused_the_same(text, block_bytes):
    assert_same(HEAD + text, block_bytes)
    assert_same("\ufeff" + HEAD.replace("\n", "\r\n") + text, block_bytes)


@pytest.mark.parametrize("text", ["", "\n", HEAD, HEAD[:-1], "time,value\n0,1\n"])
def test_records_without_rows_are_refused_the_same(text):
    assert_same(text)


def test_the_line_of_a_mistake_is_counted_over_blocks():
    with pytest.raises(ConfigError, match=r"^turno\.csv line 102, time: 5 is before the row above of co, expected s"):
        in_blocks(HEAD + PLAIN + "5,co,1,ppm\n")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        read_stream(io.BytesIO((HEAD + PLAIN).encode() + b"\xff\xfe\n"), Reading("turno.csv", **OPTIONS), 100)


def test_a_file_without_lines_is_refused_in_bounded_memory():
    with pytest.raises(ConfigError, match="a line longer than 64 MB"):
        read_stream(io.BytesIO(b"0" * (65 << 20)), Reading("turno.csv", **OPTIONS))


def test_plain_blocks_do_go_through_pyarrow_and_without_it_all_go_by_line(monkeypatch):
    pytest.importorskip("pyarrow")
    taken = []
    parts = record_blocks._parts
    monkeypatch.setattr(record_blocks, "_parts", lambda *given: taken.append(parts(*given)) or taken[-1])
    with_it = in_blocks(HEAD + PLAIN, 500)
    assert len(taken) > 2
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    taken.clear()
    without = in_blocks(HEAD + PLAIN, 500)
    assert not taken
    assert np.array_equal(with_it["co"].edges, without["co"].edges)
    assert np.array_equal(with_it["co"].levels, without["co"].levels)
