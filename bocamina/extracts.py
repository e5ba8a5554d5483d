"""What can be exported: the columns of each extract, and how its rows come out of the history."""

import json
from collections.abc import Callable, Collection
from enum import Enum
from typing import Any, Final, NamedTuple

from gateway.domain.history import AlarmChange, AuditRecord, CommandRecord, History, Page, Reading, Verdict

Cell = str | float | int | bool | None
Ask = Callable[[History, Collection[str] | None, int | None, int | None, int, str | None], Page[Any]]
"""One page of the history: sensors, start, end [µs UTC], limit, cursor; sensors count only in what is `by_sensor`."""


class Column(Enum):
    """What stands in a column. TIME: µs since 1970 UTC, None when unknown. FLAG: true or false."""

    TIME = "time"
    TEXT = "text"
    NUMBER = "number"
    COUNT = "count"
    FLAG = "flag"


class Extract(NamedTuple):
    """One extract."""

    columns: dict[str, Column]
    ask: Ask
    row: Callable[[Any], tuple[Cell, ...]]
    by_sensor: bool = False


def _reading(item: Reading) -> tuple[Cell, ...]:
    return item.time_us, item.sensor, item.value, item.unit, item.quality.word, item.reason.word


def _verdict(item: Verdict) -> tuple[Cell, ...]:
    return tuple(item)


def _alarm(item: AlarmChange) -> tuple[Cell, ...]:
    return (*item[:-2], item.drill)


def _command(item: CommandRecord) -> tuple[Cell, ...]:
    return item._replace(setpoint=str(item.setpoint))


def _record(item: AuditRecord) -> tuple[Cell, ...]:
    document = json.dumps(item.document, ensure_ascii=False, sort_keys=True, default=repr)
    return item.n, item.time_us, item.kind, item.document.get("by"), document


_T, _S, _N, _C, _F = Column.TIME, Column.TEXT, Column.NUMBER, Column.COUNT, Column.FLAG

EXTRACTS: Final = {
    "readings": Extract(
        {"time": _T, "sensor": _S, "value": _N, "unit": _S, "quality": _S, "reason": _S},
        lambda history, sensors, *span: history.readings(sensors, *span), _reading, by_sensor=True,
    ),
    "exposures": Extract(
        {"time": _T, "sensor": _S, "zone": _S, "quantity": _S, "regime": _S, "kind": _S, "method": _S, "limit": _N,
         "value": _N, "low": _N, "high": _N, "coverage": _N, "verdict": _S, "person": _S},
        lambda history, sensors, *span: history.exposures(sensors, *span), _verdict, by_sensor=True,
    ),
    "alarms": Extract(
        {"time": _T, "alarm": _S, "occurrence": _C, "old": _S, "new": _S, "priority": _S, "condition": _S, "zone": _S,
         "sensor": _S, "value": _N, "limit": _N, "by": _S, "comment": _S, "reason": _S, "drill": _F},
        lambda history, sensors, *span: history.alarms(sensors, *span), _alarm, by_sensor=True,
    ),
    "commands": Extract(
        {"time": _T, "id": _S, "actuator": _S, "setpoint": _S, "reason": _S, "expires_in_s": _C, "drill": _F},
        lambda history, _sensors, *span: history.commands(*span), _command,
    ),
    "audit": Extract(
        {"n": _C, "time": _T, "kind": _S, "by": _S, "document": _S},
        lambda history, _sensors, *span: history.audit(*span), _record,
    ),
}  # fmt: skip
"""By the words of `--what`."""
