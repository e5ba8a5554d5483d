"""All MQTT payload formats, written out: adding one is a file and a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.domain.measurement import NamedValue
from gateway.formats.senml import decode_senml_cbor, decode_senml_json

Decode = Callable[[str, bytes, float], list[NamedValue]]
"""decode(topic, payload, now_s) → values in the payload's order; raises FormatError."""


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """A format. `session()` gives a decoder that may remember earlier messages of its source (births, aliases)."""

    name: str
    session: Callable[[], Decode]


def _stateless(decode: Callable[[bytes, float], list[NamedValue]]) -> Callable[[], Decode]:
    return lambda: lambda _topic, payload, now_s: decode(payload, now_s)


FORMATS: Final[Mapping[str, FormatSpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            FormatSpec("senml-json", _stateless(decode_senml_json)),
            FormatSpec("senml-cbor", _stateless(decode_senml_cbor)),
        )
    }
)
