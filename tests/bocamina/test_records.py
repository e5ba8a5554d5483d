"""Records to replay: what is a row, and what is a sentence."""

import math

import pytest

from bocamina.records import RecordRow, rows
from gateway.domain.errors import ConfigError
from gateway.domain.moment import SECOND_US, parse_rfc3339
from gateway.domain.quality import Quality, Reason

T = parse_rfc3339("2026-11-23T07:00:00.250Z")


def read(tmp_path, text: str) -> list[RecordRow]:
    path = tmp_path / "record.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(rows(path, {"co-1": "ppm"}))


def test_columns_are_found_by_name_and_extra_ones_ignored(tmp_path) -> None:
    text = "quality,unit,value,sensor,time,reason\nuncertain,ppm,4.5,co-1,2026-11-23T02:00:00.250-05:00,over_range\n"
    assert read(tmp_path, text) == [RecordRow(T, "co-1", 4.5, Quality.UNCERTAIN, Reason.OVER_RANGE)]


def test_a_spreadsheets_mark_at_the_beginning_is_no_part_of_a_name(tmp_path) -> None:
    assert read(tmp_path, "\ufefftime,sensor,value\r\n2026-11-23T07:00:00.250Z,co-1,1\r\n")[0].time_us == T


@pytest.mark.parametrize("text", ["2026-11-23T07:00:00.250Z", "2026-11-23T02:00:00.250-05:00", f"{T / SECOND_US:.3f}"])
def test_a_time_is_rfc_3339_or_seconds_since_1970(tmp_path, text) -> None:
    assert read(tmp_path, f"time,sensor,value\n{text},co-1,1\n")[0].time_us == T


def test_an_empty_value_is_missing_and_an_empty_quality_good(tmp_path) -> None:
    (row,) = read(tmp_path, f"time,sensor,value,quality\n{T // SECOND_US},co-1,,\n")
    assert math.isnan(row.value)
    assert row.quality is Quality.GOOD


def test_a_row_that_is_too_short_has_no_value(tmp_path) -> None:
    assert math.isnan(read(tmp_path, f"time,sensor,value\n{T // SECOND_US},co-1\n")[0].value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sensor,value\n", "no column time"),
        ("time,sensor,value\n,co-1,1\n", "line 2"),
        ("time,sensor,value\n2026-11-23T07:00:00,co-1,1\n", "zone"),
        ("time,sensor,value\n1e12,co-1,1\n", "time"),
        ("time,sensor,value\nnan,co-1,1\n", "time"),
        ("time,sensor,value\n5,co-1,1\n5,co-1,one\n", "line 3"),
        ("time,sensor,value,quality\n5,co-1,1,perfect\n", "good, uncertain, bad, late"),
        ("time,sensor,value,reason\n5,co-1,1,\n5,co-1,1,moon\n", "line 3: reason 'moon' is unknown; expected one of"),
        ("time,sensor,value,unit\n5,co-1,1,\n5,co-1,1,mg/m3\n", "line 3: unit 'mg/m3' is not that of co-1"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_what_was_expected(tmp_path, text, words) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    (problem,) = caught.value.problems
    assert problem.startswith(str(tmp_path / "record.csv"))
    assert words in problem
    assert "\n" not in problem


def test_bytes_that_are_no_text_are_a_sentence_or_strangers(tmp_path) -> None:
    (row,) = read(tmp_path, b"time,sensor,value\n5,co-\xff,1\n")
    assert row.sensor == "co-\ufffd"


def test_parquet_rows_are_named_by_number(tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "r.parquet"
    parquet.write_table(pa.table({"time": [5.0, None], "sensor": ["a", "b"], "value": [1.0, None]}), path)
    found = rows(path)
    assert next(found) == RecordRow(5 * SECOND_US, "a", 1.0, Quality.GOOD, Reason.NONE)
    with pytest.raises(ConfigError, match="row 2: time None is out of range"):
        next(found)
    parquet.write_table(pa.table({"time": [5.0], "value": [1.0]}), path)
    with pytest.raises(ConfigError, match="no column sensor"):
        next(rows(path))


def test_a_parquet_file_that_was_cut_off_is_a_sentence(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "r.parquet"
    path.write_bytes(b"PAR1" + b"\x00" * 30)
    with pytest.raises(ConfigError, match="no readable Parquet file"):
        next(rows(path))
