"""A device's channel in another unit than the sensor's quantity: value and full scale are converted, or refused."""

import math

import pytest

from bocamina.device_ranges import full_scales
from bocamina.engine import Engine
from bocamina.serial_listener import SerialListener
from bocamina.site_file import parse_site
from gateway.domain.errors import ConfigError
from gateway.domain.events import Pack
from gateway.domain.measurement import Measurement
from gateway.domain.moment import Moment
from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import Frame
from gateway.drivers.table import DRIVERS

HEAD = """
[site]
id = "orex-01"
name = "Orex"
[[zones]]
id = "frente-1"
name = "Frente 1"
kind = "face"
[[sources]]
id = "line"
kind = "serial"
port = "/dev/ttyUSB0"
driver = "%s"
"""
SENSOR = '[[sensors]]\nid = "s-%s"\nzone = "frente-1"\nquantity = "%s"\nsource = "line"\nchannel = "%s"\n'


def site_of(driver: str, *sensors: tuple[str, str], more: str = ""):
    parts = [SENSOR % (n, quantity, channel) for n, (quantity, channel) in enumerate(sensors)]
    return parse_site((HEAD % driver + "".join(parts) + more).encode())


def pms(pm10: int) -> bytes:
    """A frame of a PMS5003 in which every mass is 0 but both PM10 (data manual, appendix I)."""
    words = [28, 0, 0, pm10, 0, 0, pm10, *[100] * 6, 0x9700]
    body = b"BM" + b"".join(word.to_bytes(2, "big") for word in words)
    return body + sum(body).to_bytes(2, "big")


@pytest.mark.parametrize("channel", ["pm10", "pm10_cf1"])
def test_micrograms_for_a_quantity_in_milligrams(channel: str) -> None:
    site = site_of("plantower-pms", ("dust_inhalable", channel))
    (pack,) = SerialListener(site, site.sources[0]).events(pms(250), 0)
    assert isinstance(pack, Pack)
    assert [sample.value for sample in pack.samples] == [0.25]
    assert full_scales(site) == [1.0], "1000 ug/m3 of the data sheet"
    engine = Engine(site, "hash")
    engine.step(Moment(0, 0), [pack])
    assert engine.exposure.lines[0].full_scale == 1.0


def test_every_range_of_a_device_has_a_unit() -> None:
    for spec in DRIVERS.values():
        assert all(spec.unit_of(channel) is not None for channel in spec.full_scale), spec.name


def test_the_sites_own_full_scale_is_taken_as_it_stands() -> None:
    site = site_of("plantower-pms", ("dust_inhalable", "pm10"), more="full_scale = 0.5\n")
    assert full_scales(site) == [0.5]


def test_what_cannot_be_converted_is_an_error_of_check_and_never_a_number() -> None:
    with pytest.raises(ConfigError) as caught:
        site_of("plantower-pms", ("co", "pm10_cf1"), ("dust_inhalable", "pm10"))
    (problem,) = caught.value.problems
    assert problem == (
        "sensors[0].channel: 'pm10_cf1' comes in ug/m3, which does not make 'co' in ppm; "
        "expected a channel that measures it"
    )
    site = site_of("bocamina-node", ("co", "node7/co"))
    listener = SerialListener(site, site.sources[0])
    reading = Measurement("gas", 3.0, "Cel")
    pack = listener._pack(Frame(0, 9, (reading,), names=("node7/co",), times=(None,), node="node7"), 0)
    assert [(s.quality, s.reason, math.isnan(s.value)) for s in pack.samples] == [(Quality.BAD, Reason.FAULT, True)]
