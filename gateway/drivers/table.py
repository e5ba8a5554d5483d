"""All serial drivers, written out: adding one is a file and a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final

from gateway.drivers import bocamina_node, plantower, winsen_ze03
from gateway.drivers.items import FullScale, StreamDecoder
from gateway.drivers.scanner import Scanner


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """A serial device as data.

    make: builds a stream decoder; its argument is the host's request where a reply cannot be judged alone, else
    empty. warm_up_s: from power-on until values count [s]. period_s: slowest usual time between frames [s].
    full_scale: channel → end of range [canonical unit]. start_command: what to send after every opening of the port.
    """

    name: str
    make: Callable[[bytes], StreamDecoder]
    baud: int
    period_s: float
    warm_up_s: float = 0.0
    full_scale: FullScale = field(default_factory=dict)
    start_command: bytes = b""
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1

    def decoder(self, request: bytes = b"") -> StreamDecoder:
        """A fresh decoder for one stream."""
        return self.make(request)


def _plantower(layout: plantower.Layout, _request: bytes) -> StreamDecoder:
    return Scanner(partial(plantower.PlantowerRules, layout))


def _ze03(_request: bytes) -> StreamDecoder:
    return Scanner(winsen_ze03.ZE03Rules)


def _node(_request: bytes) -> StreamDecoder:
    return bocamina_node.NodeDecoder()


_SPECS: Final = (
    *(
        DriverSpec(
            name, partial(_plantower, layout), plantower.BAUD, plantower.PERIOD_S, plantower.WARM_UP_S,
            plantower.FULL_SCALE, plantower.START_COMMAND,
        )
        for name, layout in plantower.LAYOUTS.items()
    ),
    DriverSpec(
        "winsen-ze03", _ze03, winsen_ze03.BAUD, winsen_ze03.PERIOD_S, winsen_ze03.WARM_UP_S,
        start_command=winsen_ze03.START_COMMAND,
    ),
    DriverSpec("bocamina-node", _node, bocamina_node.BAUD, bocamina_node.PERIOD_S, bocamina_node.WARM_UP_S),
)  # fmt: skip

DRIVERS: Final[Mapping[str, DriverSpec]] = MappingProxyType({spec.name: spec for spec in _SPECS})
