"""What a modem tells whoever uses it."""

from typing import NamedTuple

from gateway.formats.sms_pdu import Deliver


class Sent(NamedTuple):
    """The network took a message, or did not. detail: one sentence if not."""

    ident: str
    ok: bool
    detail: str = ""


class Reported(NamedTuple):
    """What became of a sent message: with its receiver, or failed for good. Delivered is not read."""

    ident: str
    delivered: bool
    detail: str = ""


class Received(NamedTuple):
    """Somebody wrote to us."""

    message: Deliver


class State(NamedTuple):
    """The modem can send, or cannot and why: one sentence."""

    up: bool
    detail: str


class PinTried(NamedTuple):
    """The PIN is about to be given (`accepted` None), then whether the card took it.

    Keep the first on record before the bytes are written: a PIN that was not accepted is never tried again, not even
    by the process that comes after this one (three tries lock the card).
    """

    accepted: bool | None


class PowerNeeded(NamedTuple):
    """The modem does not come back by itself: its power must be cut."""


Event = Sent | Reported | Received | State | PinTried | PowerNeeded


class Output(NamedTuple):
    """What to do now. events first, then write."""

    events: tuple[Event, ...]
    write: bytes
