"""What was: readings, exposures and alarms out of the record, in pages."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from api.auth import reader
from api.columns import MEDIA_TYPES, column_file, step_file
from api.csv_lines import MEDIA_TYPE as CSV
from api.csv_lines import csv_lines
from api.problems import Problem
from api.routes.alarms import active
from api.schemas import Page
from api.services import Services, Svc
from api.steps import COLUMNS, step_row, step_us
from gateway.domain.history import AlarmChange, History, PersonFigures, Reading, ShiftResult, every
from gateway.domain.history import Page as HistoryPage
from gateway.domain.moment import rfc3339

router = APIRouter(tags=["history"], dependencies=[Depends(reader)])

Start = Annotated[AwareDatetime | None, Query(description="RFC 3339; the interval is [start, end)")]
End = Annotated[AwareDatetime | None, Query(description="RFC 3339, not included")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="items a page")]
Cursor = Annotated[str | None, Query(max_length=80, description="`next` of the page before")]
Names = Annotated[list[str] | None, Query(description="ids; may be repeated")]

CSV_COLUMNS = ("time", "sensor", "value", "unit", "quality", "reason")
_ROWS_AT_ONCE = 5000


@router.get("/readings")
def read_readings(
    services: Svc,
    sensor: Names = None,
    start: Start = None,
    end: End = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    step: Annotated[str | None, Query(max_length=12, description="60, 15min, 1h, 1d: means over steps instead")] = None,
    format: Annotated[Literal["json", "csv", "parquet", "arrow"], Query()] = "json",  # noqa: A002 - the interface's name
) -> Any:
    """Readings by time. JSON in pages; CSV, Parquet and the Arrow stream bring them all.

    With `step`, of each step that begins in the interval: time-weighted mean, lowest and highest value, coverage, and
    how many readings of each quality; a step without a reading is not listed.
    """
    history, between = _history(services), _interval(start, end)
    wanted = _known_sensors(services, sensor)
    if step is not None:
        return _steps(history, step_us(step), wanted, between, limit, cursor, format)
    if format != "json":
        first = history.readings(wanted, *between, _ROWS_AT_ONCE, cursor)  # what is wrong is said before the first byte

        def more(at: str | None) -> Any:
            return first if at is None else history.readings(wanted, *between, _ROWS_AT_ONCE, at)

        if format == "csv":
            return StreamingResponse(csv_lines(CSV_COLUMNS, map(_reading, every(more))), media_type=CSV)
        return StreamingResponse(column_file(every(more), format), media_type=MEDIA_TYPES[format])
    items, following = history.readings(wanted, *between, limit, cursor)
    return Page(items=[_reading(item) for item in items], next=following)


def _steps(
    history: History, step: int, wanted: list[str] | None, between: tuple[int | None, int | None], limit: int,
    cursor: str | None, form: Literal["json", "csv", "parquet", "arrow"],
) -> Any:  # fmt: skip
    if form == "json":
        items, following = history.rollups(step, wanted, *between, limit, cursor)
        return Page(items=[step_row(item) for item in items], next=following)
    first = history.rollups(step, wanted, *between, _ROWS_AT_ONCE, cursor)

    def more(at: str | None) -> Any:
        return first if at is None else history.rollups(step, wanted, *between, _ROWS_AT_ONCE, at)

    if form == "csv":
        return StreamingResponse(csv_lines(COLUMNS, map(step_row, every(more))), media_type=CSV)
    return StreamingResponse(step_file(every(more), form), media_type=MEDIA_TYPES[form])


@router.get("/exposures")
def read_exposures(
    services: Svc,
    sensor: Names = None,
    zone: Names = None,
    substance: Names = None,
    regime: Names = None,
    start: Start = None,
    end: End = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    person: Annotated[str | None, Query(max_length=120, description="a tag: of this person, not of places")] = None,
    shifts: Annotated[bool, Query(description="results of whole shifts instead, corrected by late samples")] = False,
) -> Page:
    """Without times: every limit's figure as it stands now. With times: the changes of verdict in that interval.

    With `shifts`: the newest result of each sensor's, or of one person's, shift that touches the interval, one item a
    limit; `corrected` says that late samples changed it, `supersedes` when the former one was recorded.
    Of places, or of one person: figures of the last whole minute on record, never where they were. A filtered page may
    hold fewer items than `limit`; it ends with `next` = null.
    """
    between = _interval(start, end)
    if person is not None and sensor is not None:
        raise Problem(422, "sensor: a person carries none; ask for the person alone", kind="invalid")
    if shifts:
        items, following = _shifts(services, sensor, person, between, limit, cursor)
    elif start is None and end is None and cursor is None:
        items, following = _standing(services) if person is None else _standing_of(services, person), None
    else:
        history = _history(services)
        if person is None:
            page = history.exposures(_known_sensors(services, sensor), *between, limit, cursor)
        else:
            page = history.person_exposures(person, *between, limit, cursor)
        following = page.next
        found = [item for item in page.items if item.person == person]
        items = [{"time": rfc3339(item.time_us), **_without_time(item._asdict())} for item in found]
    wanted = {"sensor": sensor, "zone": zone, "quantity": substance, "regime": regime}
    kept = [item for item in items if all(names is None or item[key] in names for key, names in wanted.items())]
    return Page(items=kept, next=following)


@router.get("/alarms", tags=["alarms"])
def read_alarms(
    services: Svc,
    state: Annotated[Literal["active", "all"], Query()] = "active",
    sensor: Names = None,
    start: Start = None,
    end: End = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page:
    """`active`: alarms that are not normal, the most urgent first. `all`: every transition on record.

    A transition is the alarm's document as it was published, with `time`, `old`, `by` and `comment`.
    """
    between = _interval(start, end)
    if state == "active":
        return Page(items=[alarm for alarm in active(services) if sensor is None or alarm.get("sensor") in sensor])
    items, following = _history(services).alarms(sensor, *between, limit, cursor)
    return Page(items=[_transition(item) for item in items], next=following)


def _standing(services: Services) -> list[dict[str, Any]]:
    items = []
    for sensor, entry in services.live.all("exposure").items():
        shared = {key: entry.document.get(key) for key in ("time", "zone", "quantity", "unit", "quality", "reason")}
        age_s = services.live.age_s(entry)
        items += [{"sensor": sensor, **shared, "age_s": age_s, **limit} for limit in entry.document.get("limits", [])]
    return items


def _standing_of(services: Services, person: str) -> list[dict[str, Any]]:
    """A person's limits as they were at the last whole minute on record, empty for a tag that nobody saw."""
    found = _history(services).person_now(person)
    if found is None:
        return []
    row = found.document
    kept = ("inside", "shift", "shift_over", "late", *(("corrected", "supersedes") if row.get("corrected") else ()))
    shared = {"time": rfc3339(found.time_us)} | {key: row.get(key) for key in kept}
    return [{"sensor": None, "zone": None, "person": person, **shared, **limit} for limit in row.get("limits", [])]


def _shifts(
    services: Services, sensors: list[str] | None, person: str | None, between: tuple[int | None, int | None],
    limit: int, cursor: str | None,
) -> tuple[list[dict[str, Any]], str | None]:  # fmt: skip
    results: HistoryPage[ShiftResult] | HistoryPage[PersonFigures]
    if person is None:
        results = _history(services).shift_results(_known_sensors(services, sensors), *between, limit, cursor)
    else:
        results = _history(services).person_shifts(person, *between, limit, cursor)
    return [row for result in results.items for row in _limits_of(result)], results.next


def _limits_of(result: ShiftResult | PersonFigures) -> list[dict[str, Any]]:
    shared: dict[str, Any] = {"sensor": None, "zone": None, "person": None}
    shared |= {key: value for key, value in result.document.items() if key != "limits"}
    shared |= {"time": rfc3339(result.time_us)}
    return [shared | limit for limit in result.document["limits"]]


def _transition(item: AlarmChange) -> dict[str, Any]:
    """The alarm's document as published, with its keys even where the record has kept none, and what changed it."""
    row = item._asdict()
    del row["time_us"], row["new"], row["document"]
    return {
        "underlying": None, "until": None, "unit": None, "regime": None, "source": None, "since": None,
        "acknowledged_by": None, "drill": False, **row, **item.document, "state": item.new,
        "time": rfc3339(item.time_us),
    }  # fmt: skip


def _history(services: Services) -> History:
    if services.history is None:
        raise Problem(503, "this web process has no history at hand; it runs beside the gateway's data folder")
    return services.history


def _interval(start: AwareDatetime | None, end: AwareDatetime | None) -> tuple[int | None, int | None]:
    """µs since 1970 UTC."""
    if start is not None and end is not None and end <= start:
        raise Problem(422, "end: expected a time after start", kind="invalid")
    return _us(start), _us(end)


def _us(time: AwareDatetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1_000_000)


def _known_sensors(services: Services, names: list[str] | None) -> list[str] | None:
    """The names, if each is or was a sensor of this site."""
    if names is not None:
        known = {sensor.id for sensor in services.site.sensors} | _history(services).sensors()
        if strange := [name for name in names if name not in known]:
            raise Problem(422, f"sensor: {strange[0]!r} is and was no sensor of this site", kind="invalid")
    return names


def _reading(item: Reading) -> dict[str, Any]:
    return {
        "time": None if item.time_us is None else rfc3339(item.time_us), "sensor": item.sensor, "value": item.value,
        "unit": item.unit, "quality": item.quality.word, "reason": item.reason.word,
    }  # fmt: skip


def _without_time(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "time_us"}
