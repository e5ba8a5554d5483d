"""The channel that is always there: one line in the gateway's log."""

import logging
from typing import NamedTuple

from alerts.notify.outbox import CONSOLE, Delivery

log = logging.getLogger("bocamina.notify")


class Result(NamedTuple):
    """A channel's answer to one delivery; detail is one sentence when it failed."""

    delivery: str
    ok: bool
    detail: str = ""


class ConsoleChannel:
    """Writes messages to the log; also says that an address has no channel."""

    def __init__(self) -> None:
        self._results: list[Result] = []

    def send(self, delivery: Delivery) -> None:
        """Write it; an address other than the console's is not carried by anything and fails."""
        if delivery.address == CONSOLE:
            log.warning("%s", delivery.text)
            self._results.append(Result(delivery.id, ok=True))
        else:
            scheme = delivery.address.partition(":")[0]
            self._results.append(Result(delivery.id, ok=False, detail=f"no channel carries '{scheme}:' addresses"))

    def poll(self) -> list[Result]:
        """The answers since the last call."""
        results, self._results = self._results, []
        return results
