"""Sent messages of which the network will still say what became of them. Pure; memory is bounded."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from gateway.drivers.modem_events import Reported
from gateway.formats.sms_pdu import StatusReport

MOST_REPORTS: Final = 256
"""References are one octet: no more can be told apart (23.040, 9.2.2.3)."""


@dataclass(slots=True)
class _Awaited:
    """One message; the references of its parts that were not reported yet."""

    ident: str
    references: set[int] = field(default_factory=set)


class Reports:
    """By the reference that the network gave each part."""

    def __init__(self) -> None:
        self._by_reference: OrderedDict[int, _Awaited] = OrderedDict()
        self._sending: _Awaited | None = None

    def expect(self, ident: str, reference: int) -> None:
        """A part of this message was taken under this reference."""
        if self._sending is None or self._sending.ident != ident:
            self._sending = _Awaited(ident)
        self._sending.references.add(reference)
        self._by_reference[reference] = self._sending
        self._by_reference.move_to_end(reference)
        if len(self._by_reference) > MOST_REPORTS:
            self._by_reference.popitem(last=False)

    def heard(self, report: StatusReport) -> Reported | None:
        """What is known of a message now; None while parts of it are on their way."""
        message = self._by_reference.get(report.reference)
        if message is None or report.delivered is None:
            return None
        del self._by_reference[report.reference]
        message.references.discard(report.reference)
        if not report.delivered:
            for other in message.references:
                self._by_reference.pop(other, None)
            return Reported(message.ident, False, f"not delivered (status {report.status:#04x})")
        return None if message.references else Reported(message.ident, True)
