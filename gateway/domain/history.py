"""The history as its readers see it: a port, and the rows that come through it. Back ends are in `gateway/stores`.

Times are µs since 1970 UTC; ranges are [start, end), None = open. Lists come in pages: pass `next` as `cursor` to go
on, None ends; `limit` is at least 1. A cursor stays good while the gateway writes. Every method raises StoreFailed
when the store cannot be read, and ConfigError for a cursor that is none of its own.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from gateway.domain.errors import ConfigError
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import Quality, Reason

DAY_US: Final = 86_400 * SECOND_US

Item = TypeVar("Item")


class Page(NamedTuple, Generic[Item]):
    """A part of a list, and the cursor of the rest."""

    items: list[Item]
    next: str | None


class Reading(NamedTuple):
    """A reading as it counts. value, raw: None when there was none. unit: canonical, "" for a device's own channel.

    time_us: its place in history, None when it has none (backlog of a node without a clock).
    raw: as the device gave it, before calibration.
    """

    time_us: int | None
    sensor: str
    value: float | None
    unit: str
    quality: Quality
    reason: Reason
    raw: float | None


class Rollup(NamedTuple):
    """A sensor's readings of one step, [time, time + step).

    mean: time-weighted over the covered part. low, high: of all values that stood in it. All three in `unit`, None
    without a value. coverage: covered part, 0 to 1. good, uncertain, bad, late: how many readings of each quality.
    """

    time_us: int
    sensor: str
    unit: str
    mean: float | None
    low: float | None
    high: float | None
    coverage: float
    good: int
    uncertain: int
    bad: int
    late: int


class BlindTime(NamedTuple):
    """How long a sensor gave no value that counts, of the time that was asked for [µs]. bad: readings without one."""

    sensor: str
    asked_us: int
    blind_us: int
    bad: int


class PresenceSeen(NamedTuple):
    """A tag was seen, or somebody said where a person is. zone: None outside."""

    time_us: int
    person: str
    zone: str | None


class Verdict(NamedTuple):
    """A limit's verdict for a sensor, or a person, became another one.

    Figures in the quantity's canonical unit, None = unknown. A person's has neither sensor nor zone.
    """

    time_us: int
    sensor: str | None
    zone: str | None
    quantity: str | None
    regime: str
    kind: str
    method: str
    limit: float | None
    value: float | None
    low: float | None
    high: float | None
    coverage: float | None
    verdict: str
    person: str | None = None


class PersonFigures(NamedTuple):
    """A person's exposure as it was at a whole minute.

    document: as recorded: `inside shift shift_over late limits`, the limits like a sensor's with their quantity. With
    `shift_over` it is a shift's result and has `start end corrected supersedes` too; late samples make a new one.
    """

    time_us: int
    person: str
    document: dict[str, Any]


class ShiftResult(NamedTuple):
    """A sensor's shift against the limits of a whole shift, as it stands now.

    time_us: when it went on record. corrected: late samples changed it. document: as recorded: `sensor zone quantity
    unit shift start end result_method mean covered_s coverage limits corrected supersedes`.
    """

    time_us: int
    sensor: str
    shift: str
    corrected: bool
    document: dict[str, Any]


class AlarmChange(NamedTuple):
    """A transition of an alarm; states are the interface's words. document: the MQTT payload that was published.

    drill: it was an exercise, of nothing that happened.
    """

    time_us: int
    alarm: str
    occurrence: int
    old: str
    new: str
    priority: str | None
    condition: str
    zone: str | None
    sensor: str | None
    value: float | None
    limit: float | None
    by: str | None
    comment: str | None
    reason: str | None
    document: dict[str, Any]
    drill: bool = False


class CommandRecord(NamedTuple):
    """An order that went to an actuator. setpoint: fan 0–100 [%], siren and beacon a word."""

    time_us: int
    id: str
    actuator: str
    setpoint: float | str
    reason: str
    expires_in_s: int | None
    drill: bool


class AuditRecord(NamedTuple):
    """What a person or the gateway decided, as recorded.

    n: its number in the record. kind: `transition command request notice`.
    """

    n: int
    time_us: int
    kind: str
    document: dict[str, Any]


class History(Protocol):
    """What can be asked about the past of one site."""

    def sensors(self) -> frozenset[str]:
        """Ids of all sensors that ever were in the site file."""
        ...

    def readings(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Reading]:
        """Readings by time, of all sensors or the named ones; those without a time come first, if start is open."""
        ...

    def rollups(
        self,
        step_us: int,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Rollup]:
        """Readings by steps of UTC, by time and sensor; a step that begins in [start, end) is whole.

        Steps without a reading are not listed. Raises ConfigError for a step that `check_step` refuses.
        """
        ...

    def blind_time(self, start_us: int, end_us: int, sensors: Collection[str] | None = None) -> list[BlindTime]:
        """How long each sensor that was or is in the site file gave nothing to count with, by id."""
        ...

    def exposures(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Verdict]:
        """Changes of verdict in the order of record, of places and of persons; with `sensors` of these alone."""
        ...

    def person_exposures(
        self,
        person: str,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[Verdict]:
        """Changes of verdict of one person in the order of record."""
        ...

    def person_now(self, person: str) -> PersonFigures | None:
        """The newest figures of a person on record, of a shift that is over as corrected; None where there are none."""
        ...

    def person_shifts(
        self,
        person: str,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[PersonFigures]:
        """A person's newest result of every shift that touches the interval, by its beginning."""
        ...

    def shift_results(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[ShiftResult]:
        """The newest result of every shift that touches the interval, by its beginning and sensor."""
        ...

    def alarms(
        self,
        sensors: Collection[str] | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[AlarmChange]:
        """Transitions of alarms in the order of record."""
        ...

    def presence(
        self,
        person: str | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> Page[PresenceSeen]:
        """Where people were, in the order of record; nothing older than positions may be kept."""
        ...

    def commands(
        self, start_us: int | None = None, end_us: int | None = None, limit: int = 1000, cursor: str | None = None
    ) -> Page[CommandRecord]:
        """Orders to actuators in the order of record."""
        ...

    def audit(
        self, start_us: int | None = None, end_us: int | None = None, limit: int = 1000, cursor: str | None = None
    ) -> Page[AuditRecord]:
        """Transitions, orders, requests of people and notices in the order of record."""
        ...


def check_step(step_us: int) -> None:
    """Raises ConfigError for a step that is no whole part of a day of whole seconds."""
    if not SECOND_US <= step_us <= DAY_US or DAY_US % step_us or step_us % SECOND_US:
        raise ConfigError(
            f"step {step_us / SECOND_US:g} s is no whole part of a day; expected for example 60, 900, 3600 or 86400 s"
        )


def every(page: Callable[[str | None], Page[Item]]) -> Iterator[Item]:
    """All items of a list: `page` fetches the part at a cursor, and no more than one part is in memory."""
    cursor: str | None = None
    while True:
        items, cursor = page(cursor)
        yield from items
        if cursor is None:
            return
