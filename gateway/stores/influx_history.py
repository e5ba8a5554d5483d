"""The history out of a central InfluxDB: all but where people were, what they decided, and their figures of now."""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from gateway.domain.errors import OperationFailed
from gateway.domain.history import (
    AlarmChange,
    BlindTime,
    CommandRecord,
    Page,
    Reading,
    Rollup,
    ShiftResult,
    Verdict,
    check_step,
)
from gateway.domain.site import Influx
from gateway.stores import past_rollups
from gateway.stores.influx_past import InfluxPast
from gateway.stores.influx_query import InfluxQuery
from gateway.stores.influx_records import Asked, InfluxRecords
from gateway.stores.journal import BEGINNING_US, END_US
from gateway.stores.pages import numbers_of, page_of
from gateway.stores.past_rollups import Steps
from gateway.stores.reading_rows import Catalog


class InfluxHistory:
    """`gateway.domain.history.History` of one site in a bucket.

    holds_s: how long a reading of each sensor stands at most [s], of the site file. Lists that the store does not keep
    raise OperationFailed.
    """

    def __init__(self, config: Influx, site: str, holds_s: Mapping[str, float] | None = None) -> None:
        query = InfluxQuery(config, site)
        self._past, self._records, self._url = InfluxPast(query), InfluxRecords(query), config.url
        self._holds_s = dict(holds_s or {})

    def sensors(self) -> frozenset[str]:
        """Ids of all sensors that ever sent a reading there."""
        return frozenset(self._past.sensors())

    def readings(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Reading]:
        """Readings by time, of all sensors or the named ones; raw values stay in the journal."""
        return page_of(self._past, Catalog({}, sensors), start_us, end_us, limit, cursor)

    def rollups(
        self,
        step_us: int,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Rollup]:
        """Readings by steps of UTC, by time and sensor, computed here: the store would not weigh them by time."""
        check_step(step_us)
        begun = numbers_of(cursor, 2) if cursor is not None else None
        start_us, end_us = BEGINNING_US if start_us is None else start_us, END_US if end_us is None else end_us
        steps = Steps(self._past, None, Catalog({}, sensors), self._holds_s, step_us)
        return past_rollups.page(steps, past_rollups.Asked(start_us, end_us, limit, begun))

    def blind_time(self, start_us: int, end_us: int, sensors: Collection[str] | None = None) -> list[BlindTime]:
        """How long each sensor that has a point gave nothing to count with, by id."""
        known = self.sensors() if sensors is None else self.sensors() & set(sensors)
        return past_rollups.blind_time(
            lambda step_us: Steps(self._past, None, Catalog({}, known), self._holds_s, step_us), known, start_us, end_us
        )

    def exposures(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Verdict]:
        """Changes of verdict in the order of record, of places and of persons; with `sensors` of these alone."""
        return self._records.exposures(sensors, Asked(start_us, end_us, limit, cursor))

    def person_exposures(
        self,
        person: str,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Verdict]:
        """Changes of verdict of one person in the order of record."""
        return self._records.person_exposures(person, Asked(start_us, end_us, limit, cursor))

    def person_now(self, _person: str) -> NoReturn:
        """Not held."""
        self._not_held("the figures of persons by the minute")

    def person_shifts(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("the figures of persons by the shift")

    def shift_results(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[ShiftResult]:
        """The newest result of every shift that touches the interval, by its beginning and sensor."""
        return self._records.shift_results(sensors, Asked(start_us, end_us, limit, cursor))

    def alarms(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[AlarmChange]:
        """Transitions of alarms in the order of record."""
        return self._records.alarms(sensors, Asked(start_us, end_us, limit, cursor))

    def presence(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held: positions of people never leave the mine."""
        self._not_held("positions of people")

    def commands(
        self, start_us: int | None = None, end_us: int | None = None, limit: int = 1000, cursor: str | None = None
    ) -> Page[CommandRecord]:
        """Orders to actuators in the order of record."""
        return self._records.commands(Asked(start_us, end_us, limit, cursor))

    def audit(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("decisions and notices")

    def _not_held(self, what: str) -> NoReturn:
        raise OperationFailed(f"{self._url} is not told everything; {what} are in the gateway's own journal only")
