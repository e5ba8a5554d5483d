"""Which channel carries which address."""

from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.console import ConsoleChannel, Result
from alerts.notify.outbox import CONSOLE, Delivery

NOT_CARRIED = ("sms",)
"""Schemes that need a device this release does not drive: they fail with a sentence, and the next person is called."""


class Dispatch:
    """The channels of one gateway behind one `send` and one `poll`."""

    def __init__(self, apprise: AppriseChannel | None = None) -> None:
        self._console = ConsoleChannel()
        self._apprise = apprise or AppriseChannel()

    def send(self, delivery: Delivery) -> None:
        """Hand a delivery to its channel; never blocks."""
        scheme = delivery.address.partition(":")[0].lower()
        if delivery.address == CONSOLE or scheme in NOT_CARRIED:
            self._console.send(delivery)
        else:
            self._apprise.send(delivery)

    def poll(self) -> list[Result]:
        """The answers of all channels since the last call."""
        return self._console.poll() + self._apprise.poll()

    def close(self) -> None:
        """Stop taking messages."""
        self._apprise.close()
