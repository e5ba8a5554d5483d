"""What a central store gets of a journal row: readings, verdicts, shift results, alarms and commands, each with a key.

The key is (series, tags, time_ns). It comes from the journal alone, so a row that is carried twice is one point.
The last three digits of `time_ns` keep apart what happened in one microsecond: the node's sequence for a reading (of a
node without one, `ROW_STEP` times the journal row, and on by its place there), the number of the limit for a shift
result, the number of the journal row for everything else, each modulo 1000.
`row`, of all but readings, is the journal row: the order of record. `document`, of alarms and shift results, is the
whole of it as JSON: `gateway/stores/influx_records.py` gives it back.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from typing import Any, Final, NamedTuple

import msgspec

from gateway.domain.errors import StoreFailed
from gateway.domain.events import Pack
from gateway.domain.moment import NO_TIME, parse_rfc3339
from gateway.domain.quality import Reason
from gateway.stores.journal import SensorRecord
from gateway.stores.packing import RecordedOutcomes, unpack_steps
from gateway.stores.redating import Redating
from gateway.stores.rows import Kind, StoredRow
from gateway.uplink.dating import Label

Field = str | float | int | bool

ROW_STEP: Final = 31
"""Readings without a sequence, of one sensor with one time, have keys of their own if 31 or fewer are in a row of the
journal, over 32 rows; one a row, over 1000 rows (31 and 1000 have no divisor in common)."""

_COLUMNS: Final = ("now_us", "sensor", "seq", "value", "quality", "reason")
_REASONS: Final = {int(reason): reason.word for reason in Reason if reason.word is not None}

_encode: Final = msgspec.json.Encoder().encode


class Point(NamedTuple):
    """One point. n: the journal row it comes from. fields: without what is unknown; numbers are finite.

    replaces_ns: the time under which an alarm was sent while the clock was wrong; that point is to be deleted.
    """

    n: int
    series: str
    tags: Mapping[str, str]
    fields: Mapping[str, Field]
    time_ns: int
    replaces_ns: int | None = None


def of_readings(
    site: str, known: Sequence[SensorRecord], row: StoredRow, recorded: RecordedOutcomes, redating: Redating
) -> list[Point]:
    """The readings of a STEPS row. known: the sensors of its site file, by index.

    What a wrong clock had labelled and is put right is marked `redated`, what never was `time_trusted` false. Backlog
    without a place in time is a series of its own, at the time when it came.
    """
    points = []
    taken: set[tuple[str, int, int]] = set()
    tags: dict[int, dict[str, str]] = {}
    outcomes = recorded.outcomes
    counted = _counted(row) if (outcomes["seq"] == 0).any() else frozenset[int]()
    columns = (array.tolist() for array in (*redating.correct(outcomes), *(outcomes[name] for name in _COLUMNS)))
    for time_us, redated, now_us, index, seq, value, quality, reason in zip(*columns, strict=True):
        series = "reading"
        if time_us == NO_TIME:
            series = "reading_untimed"
            time_us = now_us + row.utc_us - row.now_us + (redating.by_us(now_us) or 0)  # noqa: PLW2901
        fields: dict[str, Field] = {}
        if value - value == 0.0:  # finite
            fields["value"] = value
        fields["quality"] = quality
        if reason in _REASONS:
            fields["reason"] = _REASONS[reason]
        if redated:
            fields["redated"] = True
        elif now_us in recorded.untrusted:
            fields["time_trusted"] = False
        digits = seq % 1000 if seq or index in counted else row.n * ROW_STEP % 1000
        time_ns = time_us * 1000 + digits
        if (series, index, time_ns) in taken:  # twice in one row with one time: the next key, on every try the same
            others = chain(range(digits + 1, 1000), range(digits), count(1000))  # only a full microsecond flows over
            time_ns = next(ns for d in others if (series, index, ns := time_us * 1000 + d) not in taken)
        taken.add((series, index, time_ns))
        if index not in tags:
            unknown = SensorRecord(f"{recorded.site_hash[:8]}#{index}", "", "", "")
            sensor = known[index] if index < len(known) else unknown
            tags[index] = {"quantity": sensor.quantity or "unknown", "sensor": sensor.id, "site": site}
        points.append(Point(row.n, series, tags[index], fields, time_ns))
    return points


def _counted(row: StoredRow) -> frozenset[int]:
    """The sensors whose packs in a STEPS row have a sequence: their 0 is one; none where events cannot be read."""
    try:
        events = (event for step in unpack_steps(row.body).steps for event in step.events)
    except StoreFailed:  # of another version of this software
        return frozenset()
    packs = (event for event in events if isinstance(event, Pack) and event.boot is not None and event.seq is not None)
    return frozenset(sample.sensor for pack in packs for sample in pack.samples)


def of_document(site: str, row: StoredRow, label: Label) -> list[Point]:
    """The points of a row that is not STEPS; none of a kind that is not carried."""
    document = row.document()
    if row.kind == Kind.SHIFT:
        return _shift(site, row, document)
    if row.kind not in _PARTS:
        return []
    series, tag_names, fields_of = _PARTS[row.kind]
    tags = {name: str(document[name]) for name in tag_names if document.get(name)} | {"site": site}
    fields = {name: value for name, value in fields_of(document).items() if value is not None} | {"row": row.n}
    time_ns = row.utc_us * 1000 + row.n % 1000
    if label.by_us is not None:
        right_ns = time_ns + label.by_us * 1000
        # only alarms did not wait for their time; a label that proved right has no other point to be deleted
        former_ns = time_ns if row.kind == Kind.TRANSITION and right_ns != time_ns else None
        return [Point(row.n, series, tags, fields | {"redated": True}, right_ns, former_ns)]
    if label.doubtful:
        fields["time_trusted"] = False
    return [Point(row.n, series, tags, fields, time_ns)]


def _shift(site: str, row: StoredRow, document: Mapping[str, Any]) -> list[Point]:
    """One point a limit, at the end of the shift; a corrected result takes the place of the one before.

    The first has the whole document. `recorded_us`: when it went on record. `start_us`: the beginning of the shift.
    """
    end_us = parse_rfc3339(document["end"])
    names = ("sensor", "zone", "quantity")
    tags = {name: str(document[name]) for name in names if document.get(name)} | {"site": site}
    points = []
    for number, limit in enumerate(document["limits"]):
        of_limit = {name: str(limit[name]) for name in ("regime", "kind", "method")}
        fields: dict[str, Field | None] = {
            name: _float(limit[name]) for name in ("limit", "value", "low", "high", "coverage")
        }
        fields |= {"verdict": limit["verdict"], "shift": document["shift"], "corrected": bool(document["corrected"])}
        kept = {name: value for name, value in fields.items() if value is not None} | {"row": row.n}
        if number == 0:
            kept |= {"start_us": parse_rfc3339(document["start"]), "recorded_us": row.utc_us}
            kept["document"] = _json(document)
        points.append(Point(row.n, "shift_result", tags | of_limit, kept, end_us * 1000 + number % 1000))
    return points


def _alarm(document: Mapping[str, Any]) -> dict[str, Field | None]:
    return {
        "occurrence": document["occurrence"], "old": document["old"], "new": document["new"],
        "priority": document.get("priority"), "value": _float(document.get("value")),
        "limit": _float(document.get("limit")), "unit": document.get("unit"), "by": document.get("by"),
        "comment": document.get("comment"), "reason": document.get("reason"), "drill": bool(document.get("drill")),
        "document": _json(document),
    }  # fmt: skip


def _verdict(document: Mapping[str, Any]) -> dict[str, Field | None]:
    numbers = ("limit", "value", "low", "high", "coverage")
    return {name: _float(document.get(name)) for name in numbers} | {"verdict": document["verdict"]}


def _command(document: Mapping[str, Any]) -> dict[str, Field | None]:
    setpoint = document["setpoint"]
    return {
        "id": document["id"], "setpoint": str(setpoint),
        "percent": None if isinstance(setpoint, str) else _float(setpoint), "reason": document["reason"],
        "expires_in_s": document.get("expires_in_s"), "drill": bool(document.get("drill")),
    }  # fmt: skip


def _json(document: Mapping[str, Any]) -> str:
    return _encode(document).decode()


def _float(value: float | None) -> float | None:
    """A finite number as a float, whatever it was: a store refuses a field that changes its type."""
    return None if value is None or value - value != 0.0 else float(value)


_PARTS: Final[Mapping[int, tuple[str, tuple[str, ...], Callable[[Mapping[str, Any]], dict[str, Field | None]]]]] = {
    Kind.TRANSITION: ("alarm", ("alarm", "condition", "sensor", "zone"), _alarm),
    Kind.VERDICT: ("exposure", ("sensor", "person", "zone", "quantity", "regime", "kind", "method"), _verdict),
    Kind.COMMAND: ("command", ("actuator",), _command),
}
"""By the kind of the row: series, tags, and the fields of its document."""
