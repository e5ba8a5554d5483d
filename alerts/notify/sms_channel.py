"""Short messages over a GSM modem: works without the internet, as long as the village has a mast.

Delivered means that the network says so. Where it says nothing within a minute, that it took the message is all that
can be known then; what it says later is a second result. Somebody who answers is another matter (`outbox.py` calls on
until somebody does).
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from alerts.notify.console import Result
from alerts.notify.outbox import Delivery
from alerts.notify.telephones import number_of
from gateway.drivers.modem import Modem
from gateway.drivers.modem_events import Event, PinTried, PowerNeeded, Received, Reported, Sent, State
from gateway.formats.sms_pdu import Deliver

log = logging.getLogger("bocamina.notify")

REPORT_US: Final = 60_000_000
"""How long the network's report is waited for."""
MOST_LATE: Final = 256
"""Messages whose report may come later than that and still be told; a telephone that was off makes it late."""
MOST_RECEIVED: Final = 256


class SmsChannel:
    """`send` and `poll` are called by one thread, at least once a second; `heard` and `link` by the port's.

    write: gives bytes to the port. on_pin(accepted): None before the PIN is given, to be kept on record at once; then
    whether the card took it. on_state(up, detail): the modem can send, or cannot and why.
    """

    def __init__(
        self,
        modem: Modem,
        write: Callable[[bytes], bool],
        *,
        on_pin: Callable[[bool | None], None],
        on_state: Callable[[bool, str], None],
        now_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000,
    ) -> None:
        self._modem = modem
        self._write = write
        self._on_pin = on_pin
        self._on_state = on_state
        self._now_us = now_us
        self._lock = threading.Lock()
        self._results: list[Result] = []
        self._taken: dict[str, int] = {}
        self._late: OrderedDict[str, None] = OrderedDict()
        self._received: list[Deliver] = []

    def send(self, delivery: Delivery) -> None:
        """Hand over; never blocks."""
        with self._lock:
            self._modem.send(self._now_us(), delivery.id, number_of(delivery.address), delivery.text)
        self._turn(b"")

    def poll(self) -> list[Result]:
        """The answers since the last call."""
        self._turn(b"")
        with self._lock:
            now_us = self._now_us()
            for ident in [ident for ident, since in self._taken.items() if now_us - since >= REPORT_US]:
                del self._taken[ident]
                self._late[ident] = None
                if len(self._late) > MOST_LATE:
                    self._late.popitem(last=False)
                self._results.append(Result(ident, ok=True, detail="the network took it and has not said more"))
            results, self._results = self._results, []
        return results

    def received(self) -> list[Deliver]:
        """What people wrote to the mine since the last call."""
        with self._lock:
            received, self._received = self._received, []
        return received

    def heard(self, data: bytes) -> None:
        """Bytes of the modem."""
        self._turn(data)

    def link(self, up: bool, detail: str) -> None:
        """The port came or went."""
        with self._lock:
            if up:
                self._modem.opened(self._now_us())
            else:
                self._modem.lost(self._now_us(), detail)
        self._turn(b"")

    def _turn(self, data: bytes) -> None:
        with self._lock:
            output = self._modem.advance(self._now_us(), data)
            try:
                for event in output.events:
                    self._heed(event)
            except OSError:  # it could not be kept on record that the PIN is tried, so it must not be
                log.exception("sms: the SIM card's PIN is not used")
                return
            if output.write:
                self._write(output.write)

    def _heed(self, event: Event) -> None:
        match event:
            case Sent(ident, ok, detail):
                if ok:
                    self._taken[ident] = self._now_us()
                else:
                    self._results.append(Result(ident, ok=False, detail=detail))
            case Reported(ident, delivered, detail):
                if self._taken.pop(ident, None) is not None:
                    self._results.append(Result(ident, delivered, detail))
                elif ident in self._late:
                    del self._late[ident]
                    self._results.append(Result(ident, delivered, detail or "delivered, the network said so late"))
                elif not delivered:
                    log.warning("sms %s: %s", ident, detail)
            case Received(message):
                self._received = [*self._received, message][-MOST_RECEIVED:]
            case State(up, detail):
                log.log(logging.INFO if up else logging.WARNING, "sms: %s", detail)
                self._on_state(up, detail)
            case PinTried(accepted):
                self._on_pin(accepted)
            case PowerNeeded():
                log.error("sms: the modem does not come back by itself; cut its power")
