"""What every back end of the history promises. A subclass gives the fixture `past`, an empty `Past`."""

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.history import every
from gateway.domain.moment import NO_TIME
from gateway.domain.quality import Quality, Reason
from tests.contracts.history_records import RecordsContract, command, verdict
from tests.contracts.past import CO, NO2, NO_CURSORS, ODD, T0, Past, S


class ReadingsContract:
    """The promises of every back end that holds readings, one story each."""

    def test_a_gap_reads_back_as_a_gap(self, past: Past) -> None:
        past.site("a", [CO])
        past.readings("a", [(0, T0, None)], Quality.BAD, Reason.FAULT)
        (reading,) = past.history.readings().items
        assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, Reason.FAULT)

    def test_the_range_takes_its_start_and_not_its_end(self, past: Past) -> None:
        past.site("a", [CO])
        past.readings("a", [(0, T0 + i * S, float(i)) for i in range(10)])
        found = past.history.readings(start_us=T0 + 3 * S, end_us=T0 + 6 * S).items
        assert [reading.value for reading in found] == [3.0, 4.0, 5.0]

    def test_only_the_named_sensors(self, past: Past) -> None:
        past.site("a", [CO, NO2])
        past.readings("a", [(i % 2, T0 + i * S, float(i)) for i in range(6)])
        assert [r.value for r in past.history.readings(["no2-1"]).items] == [1.0, 3.0, 5.0]
        assert past.history.readings(["nobody"]).items == []
        assert past.history.readings([]).items == []

    def test_backlog_that_came_late_stands_where_it_belongs(self, past: Past) -> None:
        past.site("a", [CO])
        for i in range(0, 3600, 10):
            past.readings("a", [(0, T0 + i * S, float(i))])
        past.readings("a", [(0, T0 + i * S, float(i)) for i in range(5, 3600, 10)], Quality.LATE, Reason.BACKLOG)
        found = list(every(lambda cursor: past.history.readings(limit=100, cursor=cursor)))
        assert [reading.value for reading in found] == [float(i) for i in range(0, 3600, 5)]
        middle = past.history.readings(start_us=T0 + 1800 * S, end_us=T0 + 1810 * S).items
        assert [reading.value for reading in middle] == [1800.0, 1805.0]

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
    def test_pages_join_without_loss_or_repetition(self, past: Past, limit: int) -> None:
        past.site("a", [CO, NO2])
        for i in range(5):
            past.readings("a", [(0, T0, 10.0 * i), (1, T0, 10.0 * i + 1), (0, T0 + S * i, 10.0 * i + 2)])
        whole = past.history.readings().items
        assert len(whole) == 15
        assert [r.time_us for r in whole] == sorted(r.time_us for r in whole)
        pages = list(every(lambda cursor: past.history.readings(limit=limit, cursor=cursor)))
        assert pages == whole
        assert past.history.readings(limit=15).next is None

    def test_a_page_stays_good_while_more_is_written(self, past: Past) -> None:
        past.site("a", [CO])
        past.readings("a", [(0, T0 + i * S, float(i)) for i in range(4)])
        first = past.history.readings(limit=2)
        past.readings("a", [(0, T0 + 9 * S, 9.0)])
        rest = past.history.readings(cursor=first.next)
        assert [r.value for r in first.items + rest.items] == [0.0, 1.0, 2.0, 3.0, 9.0]

    def test_a_site_file_that_was_edited_does_not_rename_the_past(self, past: Past) -> None:
        past.site("a", [CO, NO2])
        past.readings("a", [(0, T0, 1.0), (1, T0, 2.0)])
        past.site("b", [NO2, CO])
        past.readings("b", [(0, T0 + S, 3.0), (1, T0 + S, 4.0)])
        assert [(r.sensor, r.value) for r in past.history.readings().items] == [
            ("co-1", 1.0), ("no2-1", 2.0), ("no2-1", 3.0), ("co-1", 4.0),
        ]  # fmt: skip
        assert [r.value for r in past.history.readings(["co-1"]).items] == [1.0, 4.0]
        assert past.history.sensors() == {"co-1", "no2-1"}

    @pytest.mark.parametrize("cursor", NO_CURSORS)
    def test_a_cursor_of_something_else_is_no_place_among_readings(self, past: Past, cursor: str) -> None:
        with pytest.raises(ConfigError, match="is none of this list"):
            past.history.readings(cursor=cursor)


class HistoryContract(ReadingsContract, RecordsContract):
    """The promises of a back end that holds everything."""

    def test_an_empty_history_has_empty_lists(self, past: Past) -> None:
        for ask in (past.history.readings, past.history.audit, past.history.presence):
            assert ask() == ([], None)
        assert past.history.sensors() == frozenset()

    def test_a_reading_comes_back_with_its_unit_quality_and_raw_value(self, past: Past) -> None:
        past.site("a", [CO, ODD])
        past.readings("a", [(0, T0, 30.0)])
        past.readings("a", [(1, T0 + S, 7.0)], Quality.UNCERTAIN, Reason.OVER_RANGE)
        assert past.history.readings().items == [
            (T0, "co-1", 30.0, "ppm", Quality.GOOD, Reason.NONE, 60.0),
            (T0 + S, "odd-1", 7.0, "", Quality.UNCERTAIN, Reason.OVER_RANGE, 14.0),
        ]

    def test_readings_without_a_time_come_first_and_only_when_the_start_is_open(self, past: Past) -> None:
        past.site("a", [CO])
        past.readings("a", [(0, T0, 1.0)])
        past.readings("a", [(0, NO_TIME, 2.0), (0, NO_TIME, 3.0), (0, T0 + S, 4.0)], Quality.LATE, Reason.BACKLOG)
        assert [(r.time_us, r.value) for r in past.history.readings().items] == [
            (None, 2.0), (None, 3.0), (T0, 1.0), (T0 + S, 4.0),
        ]  # fmt: skip
        paged = list(every(lambda cursor: past.history.readings(limit=1, cursor=cursor)))
        assert [r.value for r in paged] == [2.0, 3.0, 1.0, 4.0]
        assert [r.value for r in past.history.readings(start_us=T0).items] == [1.0, 4.0]

    def test_the_audit_has_orders_requests_and_notices_and_no_verdicts(self, past: Past) -> None:
        past.document("verdict", T0, verdict("co-1", "exceeded"))
        past.document("command", T0 + S, command(100.0))
        past.document("request", T0 + 2 * S, {"id": "r1", "action": "acknowledge", "by": "ana"})
        past.document("notice", T0 + 3 * S, {"what": "journal_salvaged"})
        audit = past.history.audit().items
        assert [record.kind for record in audit] == ["command", "request", "notice"]
        assert [record.n for record in audit] == sorted({record.n for record in audit})
        assert audit[1].document["by"] == "ana"

    @pytest.mark.parametrize("cursor", NO_CURSORS)
    def test_a_cursor_of_something_else_is_no_place_in_the_audit(self, past: Past, cursor: str) -> None:
        with pytest.raises(ConfigError, match="is none of this list"):
            past.history.audit(cursor=cursor)
