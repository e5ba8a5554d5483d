"""One RS-485 bus: one thread owns the port and asks its devices in turn; a dead one costs the others nothing.

Every call has a deadline. A lost device is asked only in time that the others leave, ever more rarely (its
circuit breaker); one that refuses by exception 1 to 3 waits for a person. What is lost and returns is told once.
"""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import serial

from gateway.domain.errors import LinkLost
from gateway.drivers.modbus_frame import CONFIGURATION, ReadRequest, exception_words
from gateway.transports.backoff import Backoff
from gateway.transports.modbus_wire import QUIET_S, ModbusWire, NoAnswerError
from gateway.transports.port import LOOK_S, Line, open_port
from gateway.transports.port_thread import PortThread

log = logging.getLogger(__name__)

FAILURES: Final = 3
"""[D] Questions in a row without an answer after which a device counts as lost and its breaker opens; one alone is
noise, and a sensor must not be blind for it."""
ASK_AGAIN_S: Final = 0.5
MOST_APART_S: Final = 30.0
"""[D] Back-off of a lost device: from one question to the next, at first and at most."""
CONFIGURATION_S: Final = 60.0
"""[D] A device that refuses what it is asked is asked again so rarely: somebody may have set it right meanwhile."""
STARVED_S: Final = 30.0
"""[D] A full bus leaves no time: then a lost device is asked all the same, once in so long."""
TWINS_FORGOTTEN: Final = 20
"""[D] Answers without a second one after which an address counts as one device's again."""
IDLE_S: Final = 0.2
DEAF_S: Final = 30.0
"""[D] A port under which no device says anything for so long is opened anew: adapters hang."""

_SILENCE: Final = {
    "silent": "it does not answer (dead, unplugged, another address or line setting)",
    "late": "it answers too late",
    "echo": "only our own question comes back: the adapter echoes and the device does not answer",
    "checksum": "its answers are damaged (noise, termination, another line setting, two devices with its address)",
}


@dataclass(frozen=True, slots=True)
class BusDevice:
    """A device on the bus. name: for people. period_s: from question to question [s]; timeout_s: for its answer [s]."""

    source: str
    name: str
    request: ReadRequest
    period_s: float = 1.0
    timeout_s: float = 0.5


class BusReply(NamedTuple):
    """What a device answered. received_ns: monotonic. is_doubtful: two devices answer to its address."""

    words: tuple[int, ...]
    received_ns: int
    is_doubtful: bool


@dataclass(slots=True)
class BusCounters:
    """What happened so far, for health."""

    opened: int = 0
    lost: int = 0
    asked: int = 0
    answered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    callback_errors: int = 0


class _Slot:
    """One device with its due time and its breaker."""

    def __init__(self, device: BusDevice, now: float) -> None:
        self.device = device
        self.due = now
        self.asked_at = now
        self.failures = 0
        self.answers = 0
        self.twins = 0
        self.up: bool | None = None
        self.backoff = Backoff(ASK_AGAIN_S, MOST_APART_S)

    @property
    def is_broken(self) -> bool:
        """Whether the breaker is open."""
        return self.failures >= FAILURES

    @property
    def cost_s(self) -> float:
        """Time that a question without an answer takes from the others."""
        return self.device.timeout_s + QUIET_S


class ModbusBus:
    """Owns one port, its thread and its recovery; several sources share it.

    Callbacks run on the bus's thread; one that raises is counted and logged once.
    on_reply(source, reply): a device answered. on_link(source, up, detail): it came or went, with one sentence.
    on_trouble(source, kind, detail): it failed in a new way: `silent late echo checksum device address`.
    """

    def __init__(
        self,
        port: str,
        line: Line,
        devices: Sequence[BusDevice],
        *,
        on_reply: Callable[[str, BusReply], None],
        on_link: Callable[[str, bool, str], None],
        on_trouble: Callable[[str, str, str], None] = lambda *_: None,
        backoff: Backoff | None = None,
        opener: Callable[[str, Line], serial.Serial] = open_port,
    ) -> None:
        """Store; `start()` opens."""
        self._port = port
        self._line = line
        self._on_reply, self._on_link, self._on_trouble = on_reply, on_link, on_trouble
        self._where = f"serial port {port}"
        self._own = PortThread(f"modbus {port}", self._where, serve=self._open, lost=self._all_down, backoff=backoff)
        self._opener = opener
        self._slots = [_Slot(device, time.monotonic()) for device in devices]
        self._last: _Slot | None = None
        self._heard_at = 0.0
        self._troubles: dict[str, str] = {}
        self.counters = BusCounters()

    # --- For other threads -------------------------------------------------------------------------------------------

    @property
    def stuck_s(self) -> float:
        """Seconds since the thread last came round; its calls have deadlines, so more than 5 is a hung driver."""
        return self._own.stuck_s

    def start(self) -> None:
        """Start the thread; it opens the port, now or when it appears."""
        self._own.start()

    def stop(self) -> None:
        """End the thread and close the port, within 2 s."""
        self._own.stop()

    # --- The bus's own thread ----------------------------------------------------------------------------------------

    def _open(self) -> None:
        wire = ModbusWire(self._port, self._line, self._own.bell, self._own.stopping.is_set, self._opener)
        try:
            self.counters.opened += 1
            self._serve(wire)
        finally:
            with contextlib.suppress(Exception):
                wire.close()

    def _serve(self, wire: ModbusWire) -> None:
        looked_at = self._heard_at = now = time.monotonic()
        self._last = None
        for slot in self._slots:
            slot.due = slot.asked_at = now
        while not self._own.stopping.is_set():
            now = time.monotonic()
            self._own.alive(now)
            if now - looked_at >= LOOK_S:
                looked_at = now
                if not wire.is_still_there():
                    raise LinkLost(f"{self._where} is another device now; opening it again")
            if now - self._heard_at >= DEAF_S:
                raise LinkLost(f"{self._where} is open but no device on it has answered for {DEAF_S:g} s")
            turn = self._next(now)
            if turn is None:
                next_s = min((slot.due - now for slot in self._slots if slot.due > now), default=IDLE_S)
                self._own.stopping.wait(min(IDLE_S, next_s))
                continue
            if self._last is not None and wire.has_second_answer():
                self._twin(self._last)
            self._last = None
            self._ask(wire, turn, now)

    def _next(self, now: float) -> _Slot | None:
        """Whose turn it is. A lost device waits until its silence could not delay one that works."""
        due = [slot for slot in self._slots if slot.due <= now]
        working = [slot for slot in due if not slot.is_broken]
        free_s = min((slot.due - now for slot in self._slots if not slot.is_broken), default=math.inf)
        lost = [
            slot
            for slot in due
            if slot.is_broken and (slot.cost_s <= free_s or now - slot.asked_at > STARVED_S + slot.cost_s)
        ]
        return min(lost or working, key=lambda slot: slot.due, default=None)

    def _ask(self, wire: ModbusWire, slot: _Slot, now: float) -> None:
        device = slot.device
        slot.asked_at = now
        self.counters.asked += 1
        try:
            answer = wire.ask(device.request, device.timeout_s)
        except NoAnswerError as error:
            self._failed(slot, error.kind, _SILENCE[error.kind])
            return
        self._heard_at = time.monotonic()
        self._own.backoff.reset()
        if slot.failures and wire.has_second_answer():  # held back by the line: an answer to an older question
            slot.failures, slot.due = 0, now
            self._trouble(slot, "late", _SILENCE["late"])
            return
        self._last = slot
        if answer.exception in CONFIGURATION:
            what = f"it answers with {exception_words(answer.exception)}; expected another map, offset or setting"
            self._failed(slot, "device", what, for_good=True)
        elif answer.exception:
            self._failed(slot, "device", f"it answers with {exception_words(answer.exception)}")
        else:
            self._answered(slot, answer.words)

    def _answered(self, slot: _Slot, words: tuple[int, ...]) -> None:
        device, now = slot.device, time.monotonic()
        self.counters.answered += 1
        if slot.is_broken:  # again in step with the others, so that the time that they leave stays in one piece
            slot.due = min((s.due - device.period_s for s in self._slots if not s.is_broken), default=now)
        slot.failures = 0
        slot.answers += 1
        slot.twins = max(0, slot.twins - 1)
        slot.backoff.reset()
        slot.due = max(slot.due + device.period_s, now)
        if not slot.twins:
            self._troubles.pop(device.source, None)
            if slot.up is not True:
                self._link(slot, True, f"{device.name} answers")
        self._guarded(self._on_reply, device.source, BusReply(words, time.monotonic_ns(), slot.twins > 0))

    def _failed(self, slot: _Slot, kind: str, what: str, *, for_good: bool = False) -> None:
        self.counters.failed[kind] = self.counters.failed.get(kind, 0) + 1
        slot.failures += FAILURES if for_good else 1
        slot.answers = 0
        now = time.monotonic()
        if for_good:
            slot.due = now + CONFIGURATION_S
        else:
            slot.due = now + slot.backoff.next_s() if slot.is_broken else max(slot.due + slot.device.period_s, now)
        self._trouble(slot, kind, what)
        if slot.up is not False and slot.is_broken:
            self._link(slot, False, f"{slot.device.name}: {what}")

    def _twin(self, slot: _Slot) -> None:
        if slot.answers < 2:  # an answer to an earlier question, which had come too late
            return
        what = f"two devices answer to address {slot.device.request.unit}; expected each address once"
        slot.twins = TWINS_FORGOTTEN
        self._trouble(slot, "address", what)
        if slot.up is not False:
            self._link(slot, False, f"{slot.device.name}: {what}")

    # --- What is told ------------------------------------------------------------------------------------------------

    def _trouble(self, slot: _Slot, kind: str, what: str) -> None:
        if self._troubles.get(slot.device.source) != kind:
            self._troubles[slot.device.source] = kind
            self._guarded(self._on_trouble, slot.device.source, kind, f"{slot.device.name}: {what}")

    def _link(self, slot: _Slot, up: bool, detail: str) -> None:
        slot.up = up
        log.log(logging.INFO if up else logging.WARNING, "%s", detail)
        self._guarded(self._on_link, slot.device.source, up, detail)

    def _all_down(self, detail: str) -> None:
        if self._own.stopping.is_set():
            return
        fresh = [slot for slot in self._slots if slot.up is not False]
        if fresh:
            self.counters.lost += 1
            log.warning("%s", detail)
        for slot in fresh:
            slot.up = False
            self._guarded(self._on_link, slot.device.source, False, detail)

    def _guarded(self, callback: Callable[..., None], *args: object) -> None:
        self.counters.callback_errors += not self._own.tell(callback, *args)
