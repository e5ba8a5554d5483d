"""Longer short messages put together again from their parts. Pure; memory is bounded."""

from collections import OrderedDict
from typing import Final

from gateway.domain.moment import SECOND_US
from gateway.formats.sms_pdu import Deliver

KEEP_US: Final = 3600 * SECOND_US
"""A part whose others have not come in an hour is handed on as it is."""
MOST: Final = 16
"""Messages that may be incomplete at a time; the oldest is handed on beyond it."""
_GAP: Final = " […] "

_Key = tuple[str, int, int]


class Joiner:
    """Collects parts. What never becomes whole is handed on with its gaps shown: a word may still say enough."""

    def __init__(self) -> None:
        self._open: OrderedDict[_Key, tuple[int, dict[int, Deliver]]] = OrderedDict()

    def add(self, now_us: int, message: Deliver) -> list[Deliver]:
        """The messages that this part completes or pushes out; one without parts at once."""
        if message.part is None or message.part.total == 1:
            return [message]
        key = (message.sender, message.part.reference, message.part.total)
        _, parts = self._open.setdefault(key, (now_us, {}))
        parts[message.part.number] = message
        if len(parts) == message.part.total:
            del self._open[key]
            return [_joined(parts, message.part.total)]
        return self._close(self._open.popitem(last=False)) if len(self._open) > MOST else []

    def overdue(self, now_us: int) -> list[Deliver]:
        """What has waited for too long."""
        late = [(key, one) for key, one in self._open.items() if now_us - one[0] >= KEEP_US]
        for key, _ in late:
            del self._open[key]
        return [message for item in late for message in self._close(item)]

    @staticmethod
    def _close(item: tuple[_Key, tuple[int, dict[int, Deliver]]]) -> list[Deliver]:
        (_, _, total), (_, parts) = item
        return [_joined(parts, total)]


def _joined(parts: dict[int, Deliver], total: int) -> Deliver:
    first = parts[min(parts)]
    missing = [number for number in range(1, total + 1) if number not in parts]
    text = "".join(parts[number].text if number in parts else _GAP for number in range(1, total + 1))
    problems = tuple(problem for number in sorted(parts) for problem in parts[number].problems)
    if missing:
        problems += (f"parts {', '.join(map(str, missing))} of {total} never came",)
    return first._replace(text=text, part=None, problems=problems)
