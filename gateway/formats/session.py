"""What a message may say beside its values, for formats whose senders have a life of their own."""

from typing import NamedTuple, Protocol, runtime_checkable

from gateway.domain.measurement import NamedValue


class Publication(NamedTuple):
    """A message that the format's rules ask of us. QoS 0, not retained."""

    topic: str
    payload: bytes


class Aside(NamedTuple):
    """Beside the values of one message.

    history: positions of values that are archive and never live. lost: nodes that are gone, each with everything below
    it; their values are stale from now on. publish: what is to be sent now.
    """

    history: frozenset[int] = frozenset()
    lost: tuple[str, ...] = ()
    publish: tuple[Publication, ...] = ()


@runtime_checkable
class Session(Protocol):
    """A decoder (`gateway/formats/table.py`) that has asides. Ask after every message, also after a refused one."""

    def __call__(self, topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
        """The values of a message, in its order; raises FormatError."""

    def aside(self) -> Aside:
        """What the last message said beside its values; a second call has nothing more."""
