"""The history out of a central InfluxDB: readings, steps of time and blind time; what people did is in the journal."""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from gateway.domain.errors import OperationFailed
from gateway.domain.history import BlindTime, Page, Reading, Rollup, check_step
from gateway.domain.site import Influx
from gateway.stores import past_rollups
from gateway.stores.influx_past import InfluxPast
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
        self._past, self._url = InfluxPast(config, site), config.url
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

    def exposures(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("changes of verdict")

    def person_exposures(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("the exposure of persons")

    def person_now(self, _person: str) -> NoReturn:
        """Not held."""
        self._not_held("the exposure of persons")

    def shift_results(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("results of shifts")

    def alarms(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("transitions of alarms")

    def presence(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("positions of people")

    def commands(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("orders")

    def audit(self, *_asked: Any, **_more: Any) -> NoReturn:
        """Not held."""
        self._not_held("the record of decisions")

    def _not_held(self, what: str) -> NoReturn:
        raise OperationFailed(f"{self._url} is asked for readings only; {what} are in the gateway's own journal")
