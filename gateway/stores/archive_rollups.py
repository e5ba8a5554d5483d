"""A day's rollups as Parquet: one row group a sensor, by time."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gateway.stores.archive import ArchivedFile, FileKind
from gateway.stores.archive_files import archived, pyarrow, write_table
from gateway.stores.journal import SensorRecord
from gateway.stores.rollups import FIGURES, ROLLUP, Rollups


def write_rollups(
    path: Path, kind: FileKind, groups: Iterable[tuple[SensorRecord, Rollups]], through_n: int
) -> ArchivedFile:
    """The bins of each sensor, with the figures of `ROLLUP`, as a file that is on the disk on return."""
    pa = pyarrow()
    figures, words = [np.empty(0, ROLLUP)], []
    for record, made in groups:
        figures.append(made)
        words += [record] * made.size
    whole = np.concatenate(figures)
    names = ("sensor", "quantity", "zone", "unit")
    columns = {name: pa.array([record[at] for record in words], pa.string()) for at, name in enumerate(names)}
    columns |= {name: pa.array(np.ascontiguousarray(whole[name]), from_pandas=False) for name in FIGURES}
    rows = max(1, int(np.max([part.size for part in figures])))
    write_table(path, pa.table(columns), rows)
    return archived(path, kind, whole.size, through_n)
