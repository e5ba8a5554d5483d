"""`bocamina export SITE.toml`: extracts of the history, also while the gateway runs."""

import csv
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer

from bocamina.extracts import EXTRACTS, Cell, Column, Extract
from bocamina.site_file import load_site
from gateway.domain.errors import ConfigError, OperationFailed
from gateway.domain.moment import parse_rfc3339, rfc3339
from gateway.domain.names import expected_one_of

Batches = Iterator[list[tuple[Cell, ...]]]

FORMATS: Final = ("csv", "parquet", "arrow", "expostats")
BATCH: Final = 10_000
"""Rows in memory at a time: a page of the history, a record batch of Arrow, a row group of Parquet."""


def export(
    site: Annotated[Path, typer.Argument(metavar="SITE.toml", help="the site file")],
    what: Annotated[str, typer.Option(metavar="WHAT", help=", ".join(EXTRACTS))] = "readings",
    sensor: Annotated[list[str] | None, typer.Option(metavar="ID", help="only this one; may be repeated")] = None,
    start: Annotated[str | None, typer.Option(metavar="T", help="from this RFC 3339 time on")] = None,
    end: Annotated[str | None, typer.Option(metavar="T", help="up to this RFC 3339 time, without it")] = None,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help=", ".join(FORMATS))] = "csv",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="instead of standard output")] = None,
) -> None:
    """Write an extract of the history, oldest first. Works while the gateway runs."""
    known = load_site(site)
    extract = _extract(what, sensor, format_, out)
    start_us, end_us = _time(start, "--start"), _time(end, "--end")
    if start_us is not None and end_us is not None and end_us <= start_us:
        raise ConfigError(f"--end {end!r} is not after --start {start!r}; the interval is [start, end)")
    from gateway.stores.embedded_history import EmbeddedHistory
    from gateway.stores.paths import journal_path

    journal = journal_path(known.site.id)
    if not journal.exists():
        where = "BOCAMINA_DATA names the data folder"
        raise ConfigError(f"{journal}: site {known.site.id!r} has no journal there; {where}")
    history = EmbeddedHistory(journal)
    _check_sensors(sensor or (), {*history.sensors(), *(one.id for one in known.sensors)})
    if format_ == "expostats":
        from bocamina.expostats import shift_lines

        lines, left_out = shift_lines(history, sensor or (), start_us, end_us)
        with _target(out) as target:
            target.write("".join(f"{line}\n" for line in lines).encode())
        for why in left_out:
            sys.stderr.write(f"{why}\n")
        return

    def batches(shown: Callable[[int], None]) -> Batches:
        cursor: str | None = None
        while True:
            page = extract.ask(history, sensor or None, start_us, end_us, BATCH, cursor)
            yield [extract.row(item) for item in page.items]
            shown(len(page.items))
            cursor = page.next
            if cursor is None:
                return

    write = {"csv": _csv, "parquet": _parquet, "arrow": _arrow}[format_]
    with _target(out) as target, _progress(out) as shown:
        write(target, extract.columns, batches(shown))


def _extract(what: str, sensors: Sequence[str] | None, format_: str, out: Path | None) -> Extract:
    """The extract asked for. Raises ConfigError with every problem of the request."""
    problems = []
    if what not in EXTRACTS:
        problems.append(f"--what {what!r} is no extract; {expected_one_of(what, EXTRACTS)}")
    elif sensors and not EXTRACTS[what].by_sensor:
        problems.append(f"--sensor does not apply to {what}; expected with readings, exposures or alarms")
    if format_ not in FORMATS:
        problems.append(f"--format {format_!r} is no format; {expected_one_of(format_, FORMATS)}")
    if format_ == "expostats" and what != "exposures":
        problems.append(
            f"--format expostats holds one result a person and shift, which {what} are not; "
            "expected csv, parquet or arrow, or --what exposures with one --sensor"
        )
    elif format_ == "expostats" and len(sensors or ()) != 1:
        problems.append("--format expostats holds results of one place and substance; expected one --sensor")
    if format_ in ("parquet", "arrow") and out is None and sys.stdout.isatty():
        problems.append(f"--format {format_} is not for a terminal; expected --out FILE or a pipe")
    if out is not None and out.is_dir():
        problems.append(f"--out {out} is a folder; expected the name of a file")
    elif out is not None and not out.parent.is_dir():
        problems.append(f"--out {out}: there is no folder {out.parent}; expected a file in a folder that is there")
    if problems:
        raise ConfigError(*problems)
    return EXTRACTS[what]


def _check_sensors(wanted: Sequence[str], known: Collection[str]) -> None:
    problems = [
        f"--sensor {one!r} is in neither the site file nor the history; {expected_one_of(one, sorted(known))}"
        for one in wanted
        if one not in known
    ]
    if problems:
        raise ConfigError(*problems)


def _time(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise ConfigError(f"{option} {text!r} is no time; expected RFC 3339 such as 2026-11-23T07:00:00Z") from None


@contextmanager
def _target(out: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that gets its name once it is whole."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    except OSError as error:
        raise OperationFailed(f"--out {out}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress(out: Path | None) -> Iterator[Callable[[int], None]]:
    """A count on a terminal that the rows themselves do not fill; nothing in a pipe."""
    if not sys.stderr.isatty() or (out is None and sys.stdout.isatty()):
        yield lambda _rows: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("export", total=None)
        yield lambda rows: progress.advance(task, rows)


def _csv(target: IO[bytes], columns: dict[str, Column], batches: Batches) -> None:
    text = TextIOWrapper(target, "utf-8", newline="")
    times = [at for at, column in enumerate(columns.values()) if column is Column.TIME]
    flags = [at for at, column in enumerate(columns.values()) if column is Column.FLAG]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for batch in batches:
        for row in batch:
            cells = list(row)
            for at in times:
                cells[at] = _shown_time(cells[at])
            for at in flags:
                cells[at] = "true" if cells[at] else "false"
            writer.writerow(cells)
        text.flush()
    text.detach()


def _shown_time(time_us: Any) -> str | None:
    try:
        return rfc3339(time_us) if time_us is not None else None
    except (ValueError, OverflowError, OSError):  # beyond the year 9999: a node's clock said so
        return None


def _parquet(target: IO[bytes], columns: dict[str, Column], batches: Batches) -> None:
    pa, schema = _arrow_schema(columns)
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_arrays(_arrays(pa, schema, batch), schema=schema))


def _arrow(target: IO[bytes], columns: dict[str, Column], batches: Batches) -> None:
    """The Arrow IPC stream format: it can be read while it is written."""
    pa, schema = _arrow_schema(columns)
    with pa.ipc.new_stream(target, schema) as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_arrays(_arrays(pa, schema, batch), schema=schema))


def _arrow_schema(columns: dict[str, Column]) -> tuple[Any, Any]:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise OperationFailed("pyarrow is not installed; expected `pip install 'bocamina[parquet]'`") from error
    types = {
        Column.TIME: pa.timestamp("us", "UTC"),
        Column.TEXT: pa.string(),
        Column.NUMBER: pa.float64(),
        Column.COUNT: pa.int64(),
        Column.FLAG: pa.bool_(),
    }
    return pa, pa.schema([(name, types[column]) for name, column in columns.items()])


def _arrays(pa: Any, schema: Any, batch: list[tuple[Cell, ...]]) -> list[Any]:
    columns = zip(*batch, strict=True) if batch else ([] for _ in schema)
    return [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
