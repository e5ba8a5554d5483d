"""`bocamina recompute`: the archive judged again by other limits; nothing of what is on record is changed."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer

from bocamina.recomputation import (
    COLUMNS,
    NUMBERS,
    Part,
    Place,
    Row,
    check_regimes,
    compute,
    is_limited,
    parts,
    sensors_of,
    windows,
)
from bocamina.shifts import ShiftCalendar
from bocamina.site_file import load_site
from gateway.domain.errors import BocaminaError, ConfigError, OperationFailed
from gateway.domain.limits import regimes
from gateway.domain.quantities import DUST
from gateway.domain.site import Site

_WORTH_A_PROCESS: Final = 8
"""Parts: a process takes some seconds to start."""


def recompute(
    archive: Annotated[Path, typer.Option(metavar="DIR", help="the `archive` folder of a site")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="results.csv and results.parquet go there")],
    regime: Annotated[list[str], typer.Option(metavar="R", help="Regime to judge by; may be repeated.")],
    site: Annotated[
        Path | None, typer.Option(metavar="SITE.toml", help="For its shifts, full scales and holds; else days of UTC.")
    ] = None,
    max_hold: Annotated[float, typer.Option(help="Without a site file: longest a reading stands for [s].")] = 60.0,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler to compute on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Judge every shift of sealed days by other limits. What is on record stays as it is."""
    from gateway.stores.archive import Archive

    wanted = check_regimes(regime, regimes())
    if not 0.0 < max_hold <= 86_400.0:
        raise ConfigError(f"--max-hold {max_hold:g}: expected more than 0 and at most 86400 s")
    opened = Archive(archive.absolute())
    days = opened.days()
    if not days:
        raise ConfigError(f"--archive {archive}: no sealed day there; expected the folder `archive` of a site")
    known = load_site(site) if site is not None else None
    places, unlimited = _places(sensors_of(opened), known, max_hold, wanted)
    found = windows(opened, ShiftCalendar(known) if known is not None else None)
    work = list(parts(opened.folder, found, places, wanted))
    summary: dict[str, Any] = {
        "days": len(days), "first_day": days[0], "last_day": days[-1], "regimes": list(wanted), "shifts": len(found),
        "sensors": len(places), "without_limits": unlimited, "results": 0,
        "verdicts": {"exceeded": 0, "compliant": 0, "indeterminate": 0}, "out": str(out),
    }  # fmt: skip
    verdicts: Counter[str] = Counter()
    with _computed(work, scheduler) as rows, _written(out) as write:
        for some in rows:
            write(some)
            verdicts.update(row["verdict"] for row in some)
    summary["verdicts"] |= verdicts
    summary["results"] = verdicts.total()
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    of = summary["verdicts"]
    print(f"{len(found)} shifts of {len(places)} sensors, {summary['results']} results in {out}")
    print(f"EXCEEDED {of['exceeded']}, within the limit {of['compliant']}, not enough data {of['indeterminate']}")
    print("A result that is not EXCEEDED is no permission to enter any working.")


def _places(
    sensors: dict[str, tuple[str, str, str]], site: Site | None, max_hold: float, wanted: Sequence[str]
) -> tuple[list[Place], list[str]]:
    """The sensors with a limit, and the names of the others. A site file's words count where it has the sensor."""
    from bocamina.device_ranges import full_scales
    from gateway.exposure.streaming import hold_s_for

    holds: dict[str, float] = {}
    scales: dict[str, float | None] = {}
    for one, scale in zip(site.sensors, full_scales(site), strict=True) if site is not None else ():
        holds[one.id] = hold_s_for(one.period_s, one.max_age_s, dust=one.quantity in DUST)
        scales[one.id] = scale
    places, others = [], []
    for sensor, (quantity, zone, _unit) in sensors.items():
        if is_limited(quantity, wanted):
            places.append(Place(sensor, quantity, zone, holds.get(sensor, max_hold), scales.get(sensor)))
        else:
            others.append(sensor)
    return places, others


@contextmanager
def _computed(work: list[Part], scheduler: str | None) -> Iterator[Iterable[list[Row]]]:
    """The rows of each part in order: computed by a Dask cluster, by processes, or here when there is little."""
    processes = min(os.cpu_count() or 1, len(work) // _WORTH_A_PROCESS)
    if scheduler is not None:
        with _cluster(scheduler) as client:
            futures = client.map(compute, work, pure=False)
            yield (future.result() for future in futures)
    elif processes < 2:
        yield map(compute, work)
    else:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            yield pool.map(compute, work, chunksize=4)


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    try:
        connect = import_module("distributed").Client
    except ImportError as error:
        raise OperationFailed("--scheduler needs Dask; expected `pip install distributed`, or none") from error
    try:
        client = connect(address, timeout="10s")
    except (OSError, ValueError, TimeoutError) as error:
        raise OperationFailed(f"--scheduler {address}: {' '.join(str(error).split())[:200]}") from error
    with client:
        try:
            yield client
        except BocaminaError:
            raise
        except Exception as error:  # whatever a worker lacks: the package, the archive's folder
            raise OperationFailed(f"--scheduler {address}: {type(error).__name__}: {error}") from error


@contextmanager
def _written(out: Path) -> Iterator[Any]:
    """Both files get their names once they are whole."""
    from gateway.stores.archive_files import pyarrow

    pa = pyarrow()
    names = [out / "results.csv", out / "results.parquet"]
    temporary = [path.with_name(path.name + ".part") for path in names]
    kinds = {name: pa.float64() if name in NUMBERS else pa.string() for name in COLUMNS}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (
            temporary[0].open("w", encoding="utf-8", newline="") as text,
            pa.parquet.ParquetWriter(temporary[1], pa.schema(list(kinds.items())), compression="zstd") as table,
        ):
            yield _writer(pa, text, table)
        for path, part in zip(names, temporary, strict=True):
            part.replace(path)
    except OSError as error:
        raise OperationFailed(f"--out {out}: {error.strerror or error}") from error
    finally:
        for part in temporary:
            part.unlink(missing_ok=True)


def _writer(pa: Any, text: IO[str], table: Any) -> Any:
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()

    def write(rows: list[Row]) -> None:
        lines.writerows(rows)
        columns = {name: [row[name] for row in rows] for name in COLUMNS}
        table.write_table(pa.table(columns, schema=table.schema))

    return write
