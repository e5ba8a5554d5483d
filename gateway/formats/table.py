"""All MQTT payload formats, written out: adding one is a file and a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.domain.measurement import NamedValue
from gateway.formats.airgradient import decode_airgradient
from gateway.formats.airrohr import decode_airrohr
from gateway.formats.esphome import EspHome
from gateway.formats.lorawan import decode_chirpstack, decode_ttn
from gateway.formats.senml import decode_senml_cbor, decode_senml_json
from gateway.formats.sparkplug_b import SparkplugHost
from gateway.formats.tasmota import Tasmota

Decode = Callable[[str, bytes, float], list[NamedValue]]
"""decode(topic, payload, now_s) → values in the payload's order; raises FormatError."""


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """A format. `session()` gives a decoder that may remember earlier messages of its source (births, aliases).

    A decoder that has more to say than values is a `Session`. tells_node: each value names the node that speaks, and
    the topic need not. server_times: its times are those of a server with a clock of its own, so that an old one tells
    a reading that came late, and not a node whose clock is wrong.
    """

    name: str
    session: Callable[[], Decode]
    tells_node: bool = False
    server_times: bool = False


def _stateless(decode: Callable[[bytes, float], list[NamedValue]]) -> Callable[[], Decode]:
    return lambda: lambda _topic, payload, now_s: decode(payload, now_s)


FORMATS: Final[Mapping[str, FormatSpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            FormatSpec("senml-json", _stateless(decode_senml_json)),
            FormatSpec("senml-cbor", _stateless(decode_senml_cbor)),
            FormatSpec("sparkplug-b", SparkplugHost, tells_node=True),
            FormatSpec("chirpstack", lambda: decode_chirpstack, tells_node=True, server_times=True),
            FormatSpec("ttn", lambda: decode_ttn, tells_node=True, server_times=True),
            FormatSpec("tasmota", Tasmota, tells_node=True),
            FormatSpec("esphome", EspHome, tells_node=True),
            FormatSpec("airrohr", lambda: decode_airrohr, tells_node=True),
            FormatSpec("airgradient", lambda: decode_airgradient, tells_node=True),
        )
    }
)
