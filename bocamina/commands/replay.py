"""`bocamina replay`: a record through the real engine in virtual time."""

import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from bocamina.decisions import VerdictChange
    from bocamina.virtual import Record
    from gateway.domain.site import Site

SQLITE = b"SQLite format 3\x00"
FARTHEST_US = 92 * 86_400 * 1_000_000
"""Longest silence in a record [µs]: every second of it is lived through, and a clock of 1970 would make it 56 years."""
APART = "expected rows, and the end, at most 92 days apart"
_Item = TypeVar("_Item")


def replay(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or a journal.")],
    site: Annotated[Path, typer.Option(help="Site file (TOML).")],
    out: Annotated[Path | None, typer.Option(help="Folder for alarms.csv, commands.csv and verdicts.csv.")] = None,
    until: Annotated[str | None, typer.Option(help="Let time run on until this moment (RFC 3339); no journal.")] = None,
    no_feedback: Annotated[bool, typer.Option("--no-feedback", help="Actuators say nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Replay a record: every exposure, alarm and command that it must cause."""
    from bocamina.engine import Engine
    from bocamina.input_stream import opened
    from bocamina.site_file import load_site, site_hash
    from gateway.domain.errors import ConfigError
    from gateway.domain.moment import parse_rfc3339

    model = load_site(site)
    try:
        until_us = parse_rfc3339(until) if until else None
    except ValueError as error:
        raise ConfigError(f"--until: {error}") from None
    if file.exists() and not file.is_file():
        raise ConfigError(f"{file}: not a file; expected a record to replay")
    with opened(str(file)) as stream:
        head = stream.read(16)
    if not head:
        raise ConfigError(f"{file}: empty; expected a record to replay")
    if head == SQLITE and until is not None:
        raise ConfigError(f"--until: {file} is a journal, which ends with its last event; expected with CSV or Parquet")
    if out is not None:
        _refuse_no_folder(out)
    Engine.warm_up()  # before the engine takes hold of kernels that this machine may not be able to compile
    started = time.monotonic()
    engine = Engine(model, site_hash(site))
    if head == SQLITE:
        record, readings, rejected = _journal(engine, file, site)
    else:
        record, readings, rejected = _rows(engine, model, file, until_us, obedient=not no_feedback)
    alarms = record.alarms_json()
    result: dict[str, Any] = {
        "readings": readings,
        "rejected": rejected,
        "exposures": len(record.verdicts),
        "alarms": alarms,
        "commands": record.commands_json(),
        "seconds": round(time.monotonic() - started, 3),
    }
    if out is not None:
        _write(out, record, result)
    if as_json:
        print(json.dumps(result))
    else:
        print(f"{readings} readings, {rejected} rejected, {len(record.verdicts)} changes of a verdict")
        for alarm in alarms:
            print("{time}  {priority:<8}  {alarm}  {transition}".format(**alarm))
    return 0


def _rows(
    engine: Any, site: "Site", file: Path, until_us: int | None, *, obedient: bool
) -> "tuple[Record, int, int]":
    from bocamina.records import in_order
    from bocamina.virtual import Record, VirtualRun
    from gateway.domain.errors import ConfigError
    from gateway.domain.events import Delivery, Pack, Sample
    from gateway.domain.moment import rfc3339
    from gateway.domain.quality import Quality
    from gateway.domain.quantities import unit_of

    places = {sensor.id: i for i, sensor in enumerate(site.sensors)}
    units = {sensor.id: unit for sensor in site.sensors if (unit := unit_of(sensor.quantity))}
    sources = [sensor.source for sensor in site.sensors]
    run: VirtualRun | None = None
    readings = rejected = 0
    for row in _shown(in_order(file, units)):
        place = places.get(row.sensor)
        if place is None:
            rejected += 1
            continue
        readings += 1
        run = run or VirtualRun(engine, row.time_us, obedient=obedient)
        late = row.quality is Quality.LATE
        if row.time_us > run.now_us + FARTHEST_US:
            raise ConfigError(f"{file}: {rfc3339(row.time_us)} follows {rfc3339(run.now_us)}; {APART}")
        run.advance(row.time_us)
        quality = Quality.GOOD if row.quality is Quality.LATE else row.quality
        sample = Sample(place, row.value, row.time_us, quality, row.reason)
        delivery = Delivery.BACKLOG if late else Delivery.LIVE
        run.feed(row.time_us, [Pack(sources[place], "", (sample,), delivery=delivery)])
    if run is None:
        return Record(), readings, rejected
    if until_us is not None and until_us > run.now_us + FARTHEST_US:
        raise ConfigError(f"--until: {rfc3339(until_us)} is long after the last row; {APART}")
    run.finish(max(until_us or 0, run.now_us))
    return run.record, readings, rejected


def _journal(engine: Any, file: Path, site_file: Path) -> "tuple[Record, int, int]":
    from bocamina.virtual import relive
    from gateway.stores.journal import Journal
    from gateway.stores.rows import TRIMMED, Kind

    with Journal.reader(file) as journal:
        recorded = [row.document() for row in journal.scan(0, [Kind.SITE])]
        _refuse_another_site(engine.site, file, recorded)
        relived = relive(engine, journal, _shown)
        lacks = []
        if any(one["site_hash"] != engine.site_hash for one in recorded) or not recorded:
            lacks.append(f"not all of it was recorded under {site_file} as it is now")
        if journal.damaged:
            lacks.append(f"{len(journal.damaged)} damaged rows are left out")
        notices = [row.document() for row in journal.scan(0, [Kind.NOTICE])]
        if any(notice.get("what") == TRIMMED and notice.get("kind") == Kind.STEPS.word for notice in notices):
            lacks.append("its oldest readings have left it for the archive")
        if any(notice.get("what") == "journal_overflow" for notice in notices):
            lacks.append("readings were refused while the disk was full")
        for lack in lacks:
            print(f"remark: {file}: {lack}: the live run may have decided otherwise", file=sys.stderr)
    return relived


def _refuse_another_site(site: "Site", file: Path, recorded: list[dict[str, Any]]) -> None:
    """recorded: documents of SITE rows. The first versions wrote no id: there a sensor in common is what counts."""
    from gateway.domain.errors import ConfigError

    names = sorted({str(one["site"]) for one in recorded if "site" in one})
    if names and site.site.id not in names:
        raise ConfigError(f"{file}: a journal of site {names[0]!r}; expected one of {site.site.id!r}, as in --site")
    sensors = {sensor[0] for one in recorded for sensor in one["sensors"]}
    if not names and sensors and sensors.isdisjoint(sensor.id for sensor in site.sensors):
        raise ConfigError(f"{file}: has no sensor of site {site.site.id!r}; expected a journal of the site in --site")


def _refuse_no_folder(out: Path) -> None:
    """Before the work, not after it."""
    from gateway.domain.errors import ConfigError

    there = next((one for one in (out, *out.parents) if one.exists()), out)
    if not there.is_dir():
        raise ConfigError(f"--out {out}: {there} is no folder; expected a folder for the tables")


def _shown(items: Iterable[_Item]) -> Iterator[_Item]:
    """A progress line on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(iter(items), total=None)


def _write(out: Path, record: "Record", result: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    _table(out / "alarms.csv", result["alarms"])
    _table(out / "commands.csv", result["commands"])
    _table(out / "verdicts.csv", [_verdict(verdict) for verdict in record.verdicts])


def _verdict(change: "VerdictChange") -> dict[str, Any]:
    from bocamina.documents import rfc3339

    row = change._asdict()
    return {"time": rfc3339(row.pop("utc_us"))} | row


def _table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys() if rows else ["time"])
        writer.writeheader()
        for row in rows:  # truth as JSON and `export` write it
            writer.writerow({key: str(cell).lower() if isinstance(cell, bool) else cell for key, cell in row.items()})
