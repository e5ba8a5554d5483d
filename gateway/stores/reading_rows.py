"""Readings as rows of numbers, on their way from the journal to whoever asks or archives them.

The order of a history is (time, journal row, place among the readings of that row and time): it is the same before and
after a day is sealed, so a cursor into it stays good.
"""

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.stores.journal import SensorRecord
from gateway.stores.packing import OUTCOME_DTYPE, unpack_outcomes
from gateway.stores.redating import Redating
from gateway.stores.rows import StoredRow

Readings = npt.NDArray[Any]
"""Rows of `READING`."""

READING: Final = np.dtype(
    [("time_us", "i8"), ("n", "i8"), ("i", "i4"), ("sensor", "i4"), ("value", "f8"), ("raw", "f8"), ("quality", "u1"),
     ("reason", "u1"), ("delivery", "u1"), ("seq", "u2"), ("trusted", "?")]
)  # fmt: skip
"""One reading. time_us: NO_TIME without one. n, i: journal row, and rank among its readings of the same time.

sensor: number in a `Catalog`. value, raw: NaN without one. trusted: the wall clock of its step was believed, or what it
said was put right.
"""

_COPIED: Final = ("value", "raw", "quality", "reason", "delivery", "seq")


class Key(NamedTuple):
    """A place in the order of a history."""

    time_us: int
    n: int
    i: int


class Catalog:
    """Sensors by number over all site files; what is not wanted has the number −1."""

    def __init__(self, sites: dict[str, tuple[SensorRecord, ...]], wanted: Collection[str] | None = None) -> None:
        self.records: list[SensorRecord] = []
        self._numbers: dict[SensorRecord, int] = {}
        self._sites = sites
        self.wanted = None if wanted is None else frozenset(wanted)
        self._by_site: dict[str, npt.NDArray[np.int32]] = {}

    def numbers(self, site_hash: str, indexes: npt.NDArray[np.uint16]) -> npt.NDArray[np.int32]:
        """The number of the sensor behind each index of a site file."""
        table = self._by_site.get(site_hash)
        if table is None or (indexes.size and int(indexes.max()) >= table.size):
            known = self._sites.get(site_hash, ())
            size = max(len(known), int(indexes.max(initial=0)) + 1)
            # without a name only when the row that names the sensors was lost: the readings are shown all the same
            nameless = (SensorRecord(f"{site_hash[:8]}#{index}", "", "", "") for index in range(len(known), size))
            numbers = [self.number(record) for record in (*known, *nameless)]
            table = self._by_site[site_hash] = np.array(numbers, np.int32)
        return table[indexes]

    def number(self, record: SensorRecord) -> int:
        """The number of a sensor."""
        if self.wanted is not None and record.id not in self.wanted:
            return -1
        if record not in self._numbers:
            self._numbers[record] = len(self.records)
            self.records.append(record)
        return self._numbers[record]


def readings_of(rows: Sequence[StoredRow], catalog: Catalog, redating: Redating) -> Readings:
    """The wanted readings of STEPS rows, in the order of arrival, their times put right where the clock was wrong."""
    unpacked = [unpack_outcomes(row.body) for row in rows]
    outcomes = np.frombuffer(b"".join(one.outcomes.tobytes() for one in unpacked), OUTCOME_DTYPE)
    sizes = [one.outcomes.size for one in unpacked]
    edges = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    found = np.empty(outcomes.size, READING)
    found["n"] = np.repeat(np.array([row.n for row in rows], np.int64), sizes)
    for name in _COPIED:
        found[name] = outcomes[name]
    found["trusted"] = True
    begin = 0
    for site_hash, same in groupby(range(len(unpacked)), lambda at: unpacked[at].site_hash):
        for at in same:
            if unpacked[at].untrusted:
                mine = slice(edges[at], edges[at + 1])
                found["trusted"][mine] = ~np.isin(outcomes["now_us"][mine], list(unpacked[at].untrusted))
            end = edges[at + 1]
        found["sensor"][begin:end] = catalog.numbers(site_hash, outcomes["sensor"][begin:end])
        begin = end
    found["time_us"], put_right = redating.correct(outcomes)
    found["trusted"] |= put_right
    _rank(found)
    wanted = found["sensor"] >= 0
    return found if wanted.all() else found[wanted]


def ordered(found: Readings) -> Readings:
    """The same by time, row and place."""
    if (found["time_us"][1:] > found["time_us"][:-1]).all():  # one sensor's readings nearly always are
        return found
    result: Readings = found[np.lexsort((found["i"], found["n"], found["time_us"]))]
    return result


def following(found: Readings, after: Key | None) -> Readings:
    """Those that stand behind a place."""
    if after is None:
        return found
    same_time, same_row = found["time_us"] == after.time_us, found["n"] == after.n
    later = (found["n"] > after.n) | (same_row & (found["i"] > after.i))
    result: Readings = found[(found["time_us"] > after.time_us) | (same_time & later)]
    return result


def _rank(found: Readings) -> None:
    """`i` of every reading: how many of its row and time came before it."""
    if not found.size:
        return
    n, time_us = found["n"], found["time_us"]
    later = (n[1:] > n[:-1]) | ((n[1:] == n[:-1]) & (time_us[1:] >= time_us[:-1]))
    order = None
    if not later.all():
        order = np.lexsort((time_us, n))  # stable: arrival decides among equals
        n, time_us = n[order], time_us[order]
    first = np.ones(found.size, np.bool_)
    first[1:] = (n[1:] != n[:-1]) | (time_us[1:] != time_us[:-1])
    places = np.arange(found.size)
    found["i"][slice(None) if order is None else order] = places - np.maximum.accumulate(np.where(first, places, 0))
