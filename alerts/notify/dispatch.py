"""Which channel carries which address."""

from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.console import ConsoleChannel, Result
from alerts.notify.outbox import CONSOLE, Delivery
from alerts.notify.sms_channel import SmsChannel
from gateway.formats.sms_pdu import Deliver

SMS = "sms"


class Dispatch:
    """The channels of one gateway behind one `send` and one `poll`."""

    def __init__(self, apprise: AppriseChannel | None = None) -> None:
        self._console = ConsoleChannel()
        self._apprise = apprise or AppriseChannel()
        self.sms: SmsChannel | None = None
        """Without a modem `sms:` addresses fail with a sentence, and the next person is called."""

    def send(self, delivery: Delivery) -> None:
        """Hand a delivery to its channel; never blocks."""
        scheme = delivery.address.partition(":")[0].lower()
        if scheme == SMS and self.sms is not None:
            self.sms.send(delivery)
        elif delivery.address == CONSOLE or scheme == SMS:
            self._console.send(delivery)
        else:
            self._apprise.send(delivery)

    def poll(self) -> list[Result]:
        """The answers of all channels since the last call."""
        by_sms = [] if self.sms is None else self.sms.poll()
        return self._console.poll() + by_sms + self._apprise.poll()

    def received(self) -> list[Deliver]:
        """What people wrote to the mine since the last call."""
        return [] if self.sms is None else self.sms.received()

    def close(self) -> None:
        """Stop taking messages."""
        self._apprise.close()
