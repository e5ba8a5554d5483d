"""What other makers' MQTT devices share: they report every so often, and have faults of their own beside the link's."""

from typing import Final

from firmware_sim.devices.connection import Message
from firmware_sim.devices.faults import Read
from firmware_sim.devices.plain_client import PlainClient

LINK_FAULTS: Final = ("none", "unplugged", "silence")


class ForeignDevice:
    """A device that greets after each connection and reports every `period_s`; its kind says what."""

    FAULTS: tuple[str, ...] = ()
    """Faults of this kind, beside those of the link."""

    def __init__(self, client: PlainClient, read: Read, period_s: float) -> None:
        self.link, self._read, self._period_s = client, read, period_s
        self._due_s = 0.0
        self.fault = "none"

    @property
    def faults(self) -> tuple[str, ...]:
        """What may be set."""
        return (*LINK_FAULTS, *self.FAULTS)

    def start(self) -> None:
        """Power on."""
        self.link.start()

    def stop(self) -> None:
        """Power off, politely."""
        self.link.stop()

    def set_fault(self, kind: str) -> None:
        """One of the link's or its own, from now on, until another is set. Raises ValueError.

        unplugged: the link drops and the last will speaks; silence: connected and mute.
        """
        if kind not in self.faults:
            raise ValueError(f"{kind!r} is no fault of it; expected one of {', '.join(self.faults)}")
        self.fault = kind
        if kind == "unplugged":
            self.link.drop()
        elif not self.link.is_on:
            self.link.start()

    def turn(self, now_s: float, utc_s: float) -> None:
        """Greet, hear, report what is due. now_s: since power-on; utc_s: of its clock [s since 1970]."""
        said: list[Message] = []
        while self.link.connections:
            self.link.connections.popleft()
            said += self.greet(utc_s)
        while self.link.heard:
            said += self.hear(self.link.heard.popleft(), utc_s)
        if self.link.up and self.fault != "silence" and now_s >= self._due_s:
            self._due_s = now_s + self._period_s
            said += self.report(utc_s)
        for message in said:
            self.link.say(message)

    def greet(self, utc_s: float) -> list[Message]:
        """What it says first on a new connection."""
        del utc_s
        return []

    def hear(self, message: Message, utc_s: float) -> list[Message]:
        """What it answers."""
        del message, utc_s
        return []

    def report(self, utc_s: float) -> list[Message]:
        """Its measurements."""
        del utc_s
        return []
