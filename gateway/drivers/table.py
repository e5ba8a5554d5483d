"""All serial drivers, written out: adding one is a file and a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final

from gateway.domain.quantities import unit_of
from gateway.drivers import (
    bocamina_node,
    cubic_cm1106,
    gill_windsonic,
    honeywell_hpma115,
    nmea0183,
    nova_sds,
    plantower,
    sensirion_sps30,
    tera_nextpm,
    vaisala_wxt,
    winsen_frame,
    winsen_mh440d,
    winsen_mhz19,
    winsen_ze,
    winsen_ze03,
    winsen_zh03,
    winsen_zphs01b,
)
from gateway.drivers.items import FullScale, StreamDecoder
from gateway.drivers.scanner import FrameRules, Scanner
from gateway.drivers.shdlc import ShdlcDecoder


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """A serial device as data.

    make: builds a stream decoder; its argument is the host's request where a reply cannot be judged alone, else
    empty. warm_up_s: from power-on until values count [s]. period_s: slowest usual time between frames [s].
    full_scale: channel → end of range [canonical unit]. start_command: what to send after every opening of the port.
    units: of channels that are no identifiers of the interface and have one.
    poll_command, poll_s: what to ask, and how often [s], of a device that only answers; else empty and 0.
    text: whether the device speaks text.
    """

    name: str
    make: Callable[[bytes], StreamDecoder]
    baud: int
    period_s: float
    warm_up_s: float = 0.0
    full_scale: FullScale = field(default_factory=dict)
    start_command: bytes = b""
    poll_command: bytes = b""
    poll_s: float = 0.0
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1
    units: Mapping[str, str] = field(default_factory=dict)
    text: bool = False

    def unit_of(self, channel: str) -> str | None:
        """The unit in which a channel of this device comes, None where it is known with the reading alone."""
        return self.units.get(channel) or unit_of(channel)

    def decoder(self, request: bytes = b"") -> StreamDecoder:
        """A fresh decoder for one stream."""
        return self.make(request)


def _plantower(layout: plantower.Layout, _request: bytes) -> StreamDecoder:
    return Scanner(partial(plantower.PlantowerRules, layout))


def _hpma(model: honeywell_hpma115.Model, request: bytes) -> StreamDecoder:
    return Scanner(partial(honeywell_hpma115.HpmaRules, model, request))


def _sps30(request: bytes) -> StreamDecoder:
    return ShdlcDecoder(sensirion_sps30.Sps30(request).judge)


def _scan(begin: Callable[[], FrameRules], _request: bytes) -> StreamDecoder:
    return Scanner(begin)


def _node(_request: bytes) -> StreamDecoder:
    return bocamina_node.NodeDecoder()


_SPECS: Final = (
    *(
        DriverSpec(
            name, partial(_plantower, layout), plantower.BAUD, plantower.PERIOD_S, plantower.WARM_UP_S,
            plantower.FULL_SCALE, plantower.START_COMMAND,
            units=dict.fromkeys(("pm1_cf1", "pm2_5_cf1", "pm10_cf1"), "ug/m3"),
        )
        for name, layout in plantower.LAYOUTS.items()
    ),
    *(
        DriverSpec(
            name, partial(_hpma, model), honeywell_hpma115.BAUD, honeywell_hpma115.PERIOD_S,
            honeywell_hpma115.WARM_UP_S, dict.fromkeys(model.auto, honeywell_hpma115.FULL_SCALE_UG_M3),
            honeywell_hpma115.START_COMMAND,
        )
        for name, model in honeywell_hpma115.MODELS.items()
    ),
    *(
        DriverSpec(
            name, partial(_scan, partial(nova_sds.SdsRules, model)), nova_sds.BAUD, nova_sds.PERIOD_S,
            nova_sds.WARM_UP_S, model.full_scale, nova_sds.START_COMMAND, units={"pm100": "ug/m3"},
        )
        for name, model in nova_sds.MODELS.items()
    ),
    DriverSpec(
        "sensirion-sps30", _sps30, sensirion_sps30.BAUD, sensirion_sps30.PERIOD_S, sensirion_sps30.WARM_UP_S,
        sensirion_sps30.FULL_SCALE, sensirion_sps30.START_COMMAND, sensirion_sps30.POLL_COMMAND,
        sensirion_sps30.PERIOD_S,
    ),
    DriverSpec(
        "tera-nextpm", partial(_scan, tera_nextpm.NextPmRules), tera_nextpm.BAUD, tera_nextpm.PERIOD_S,
        tera_nextpm.WARM_UP_S, tera_nextpm.FULL_SCALE, b"", tera_nextpm.POLL_COMMAND, tera_nextpm.PERIOD_S,
        parity=tera_nextpm.PARITY,
    ),
    DriverSpec(
        "winsen-ze03", partial(_scan, winsen_ze03.ZE03Rules), winsen_frame.BAUD, winsen_ze03.PERIOD_S,
        winsen_ze03.WARM_UP_S, start_command=winsen_ze03.START_COMMAND,
    ),
    *(
        DriverSpec(
            name, partial(_scan, partial(winsen_ze.SingleGasRules, model)), winsen_frame.BAUD, winsen_ze.PERIOD_S,
            winsen_ze.WARM_UP_S, {model.gas: model.full_scale}, winsen_ze.START_COMMAND,
        )
        for name, model in winsen_ze.MODELS.items()
    ),
    DriverSpec(
        "winsen-zh03", partial(_scan, winsen_zh03.ZH03Rules), winsen_frame.BAUD, winsen_zh03.PERIOD_S,
        winsen_zh03.WARM_UP_S, winsen_zh03.FULL_SCALE, winsen_zh03.START_COMMAND,
    ),
    DriverSpec(
        "winsen-mhz19", partial(_scan, winsen_mhz19.MHZ19Rules), winsen_frame.BAUD, winsen_mhz19.POLL_S,
        winsen_mhz19.WARM_UP_S, winsen_mhz19.FULL_SCALE, winsen_mhz19.START_COMMAND, winsen_mhz19.POLL_COMMAND,
        winsen_mhz19.POLL_S,
    ),
    DriverSpec(
        "winsen-mh440d", partial(_scan, winsen_mh440d.MH440DRules), winsen_frame.BAUD, winsen_mh440d.POLL_S,
        winsen_mh440d.WARM_UP_S, winsen_mh440d.FULL_SCALE, b"", winsen_mh440d.POLL_COMMAND, winsen_mh440d.POLL_S,
    ),
    DriverSpec(
        "winsen-zphs01b", partial(_scan, winsen_zphs01b.ZPHS01BRules), winsen_frame.BAUD, winsen_zphs01b.POLL_S,
        winsen_zphs01b.WARM_UP_S, winsen_zphs01b.FULL_SCALE, b"", winsen_zphs01b.POLL_COMMAND, winsen_zphs01b.POLL_S,
    ),
    DriverSpec(
        "cubic-cm1106", partial(_scan, cubic_cm1106.CM1106Rules), cubic_cm1106.BAUD, cubic_cm1106.POLL_S,
        cubic_cm1106.WARM_UP_S, cubic_cm1106.FULL_SCALE, cubic_cm1106.START_COMMAND, cubic_cm1106.POLL_COMMAND,
        cubic_cm1106.POLL_S,
    ),
    DriverSpec(
        "nmea0183", partial(_scan, nmea0183.NmeaRules), nmea0183.BAUD, nmea0183.PERIOD_S, nmea0183.WARM_UP_S,
        units=nmea0183.UNITS, text=True,
    ),
    DriverSpec(
        "gill-windsonic", partial(_scan, gill_windsonic.WindSonicRules), gill_windsonic.BAUD, gill_windsonic.PERIOD_S,
        gill_windsonic.WARM_UP_S, gill_windsonic.FULL_SCALE, units=gill_windsonic.UNITS, text=True,
    ),
    DriverSpec(
        "vaisala-wxt", partial(_scan, vaisala_wxt.WxtRules), vaisala_wxt.BAUD, vaisala_wxt.PERIOD_S,
        vaisala_wxt.WARM_UP_S, vaisala_wxt.FULL_SCALE, units=vaisala_wxt.UNITS, text=True,
    ),
    DriverSpec("bocamina-node", _node, bocamina_node.BAUD, bocamina_node.PERIOD_S, bocamina_node.WARM_UP_S),
)  # fmt: skip

DRIVERS: Final[Mapping[str, DriverSpec]] = MappingProxyType({spec.name: spec for spec in _SPECS})
