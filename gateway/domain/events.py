"""The events that the engine consumes. They are journaled as they stand, so a replay consumes the same."""

from enum import IntEnum
from typing import Any

import msgspec

from gateway.domain.moment import NO_TIME


class Delivery(IntEnum):
    """How a pack came: only LIVE may raise or clear; BACKLOG and RETAINED are history."""

    LIVE = 0
    BACKLOG = 1
    RETAINED = 2


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One measurement of a configured sensor, before conditioning.

    sensor: index into `Site.sensors`. value: canonical unit, NaN when there is none. source_us: the device's own
    time [µs UTC], NO_TIME without one. quality, reason: codes of the driver or format.
    """

    sensor: int
    value: float
    source_us: int = NO_TIME
    quality: int = 0
    reason: int = 0


class Pack(msgspec.Struct, frozen=True, array_like=True, tag="pack", gc=False):
    """Samples that arrived together: one MQTT message, or one serial frame.

    source: id of `[[sources]]`. node: who sent it ("" on a plain serial line). boot, seq: the node's counters,
    None when it has none. unknown: names in it that no sensor of the site file has (counted, not lost: journaled).
    """

    source: str
    node: str
    samples: tuple[Sample, ...]
    boot: int | None = None
    seq: int | None = None
    delivery: int = Delivery.LIVE
    unknown: tuple[str, ...] = ()


class Tick(msgspec.Struct, frozen=True, array_like=True, tag="tick", gc=False):
    """One a second: what must happen although nothing came."""


class Started(msgspec.Struct, frozen=True, array_like=True, tag="started", gc=False):
    """The engine was built: site_hash of the site file in use, version of the software."""

    site_hash: str
    version: str


class LinkState(msgspec.Struct, frozen=True, array_like=True, tag="link", gc=False):
    """A source's wire came or went; `detail` is one sentence."""

    source: str
    up: bool
    detail: str = ""


class NodeStatus(msgspec.Struct, frozen=True, array_like=True, tag="node", gc=False):
    """A node said online, or its last will said offline."""

    node: str
    online: bool
    retained: bool = False


class ActuatorState(msgspec.Struct, frozen=True, array_like=True, tag="actuator", gc=False):
    """What an actuator says of itself. setpoint: 0–100 [%] for fans, a word for sirens and beacons."""

    actuator: str
    setpoint: float | str | None
    running: bool | None = None
    speed_rpm: float | None = None
    command_id: str | None = None
    retained: bool = False


class Presence(msgspec.Struct, frozen=True, array_like=True, tag="presence", gc=False):
    """A tag was seen: person in zone, or outside (None)."""

    person: str
    zone: str | None
    time_us: int = NO_TIME
    retained: bool = False


class HeadCount(msgspec.Struct, frozen=True, array_like=True, tag="count", gc=False):
    """A named person counted the people in a zone."""

    zone: str
    count: int
    by: str
    time_us: int = NO_TIME
    retained: bool = False


class Request(msgspec.Struct, frozen=True, array_like=True, tag="request", gc=False):
    """A person asks for something; idempotent by `id`. action: last level of the request topic.

    Answered on `reply_to` and, where it differs, on MQTT 5's `response_topic` with its `correlation` data. malformed:
    one sentence when the request named itself but could not be read.
    """

    id: str
    action: str
    by: str
    role: str
    target: str
    args: dict[str, Any]
    reply_to: str = ""
    response_topic: str = ""
    correlation: bytes = b""
    malformed: str = ""


class Remembered(msgspec.Struct, frozen=True, array_like=True, tag="remembered", gc=False):
    """What the broker still retained of our own state when the gateway started.

    alarms: documents of `alarm/#` that are not normal. protocols: documents of `protocol/#`.
    actuators: documents of `actuator/+/state` by actuator id.
    """

    alarms: tuple[dict[str, Any], ...] = ()
    protocols: tuple[dict[str, Any], ...] = ()
    actuators: dict[str, dict[str, Any]] = {}


class Delivered(msgspec.Struct, frozen=True, array_like=True, tag="delivered", gc=False):
    """A channel's answer about one message to one person. id: of the delivery."""

    id: str
    ok: bool
    detail: str = ""


class Counted(msgspec.Struct, frozen=True, array_like=True, tag="counted", gc=False):
    """Something came that could not be read: kept for the record. kind: `garbage checksum format unknown …`."""

    source: str
    kind: str
    detail: str
    payload: bytes = b""


class Texted(msgspec.Struct, frozen=True, array_like=True, tag="texted", gc=False):
    """Somebody wrote to the mine by SMS. sender: number, `+` if international, or the name that some senders have.

    sent_us: the service centre's stamp [µs UTC], NO_TIME where the network gave none that can be read.
    """

    sender: str
    text: str
    sent_us: int = NO_TIME


class Corrected(msgspec.Struct, frozen=True, array_like=True, tag="corrected", gc=False):
    """A shift's result computed anew, because samples of it came late.

    sensor: "" for the tagged persons of a shift; then `document` has a list `persons` of theirs. asked_us: engine time
    of the question that it answers. document: as it goes on record; empty when it could not be computed, then `detail`
    says why in one sentence.
    """

    sensor: str
    shift: str
    asked_us: int
    document: dict[str, Any]
    detail: str = ""


class DiskSpace(msgspec.Struct, frozen=True, array_like=True, tag="disk_space", gc=False):
    """The room that the journal has: level 0 enough, 1 low, 2 nearly full; `detail` is one sentence."""

    level: int
    detail: str


class JournalLoss(msgspec.Struct, frozen=True, array_like=True, tag="journal_loss", gc=False):
    """The journal lost something, as its NOTICE row `n` says: people must know; `detail` is one sentence.

    what: `journal_salvaged` (a damaged file was replaced), `journal_damaged` (rows that cannot be read any more),
    `journal_overflow` (readings were refused for want of room).
    """

    n: int
    what: str
    detail: str


Event = (
    Pack
    | Tick
    | Started
    | LinkState
    | NodeStatus
    | ActuatorState
    | Presence
    | HeadCount
    | Request
    | Remembered
    | Delivered
    | Counted
    | Corrected
    | DiskSpace
    | JournalLoss
    | Texted
)
