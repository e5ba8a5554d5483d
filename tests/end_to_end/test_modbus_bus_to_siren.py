"""From a register on an RS-485 line to the siren's topic, beside a dead device and after the line was pulled."""

import pytest

from tests.end_to_end.mine import Gateway, Listener, every, ready, site_text, wait_for
from tests.fixtures.modbus_line import SlaveLine

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(180)]

MODBUS = """
[[sources]]
id = "xnx-5"
kind = "modbus"
port = "{port}"
map = "honeywell-xnx"
address = 5
[[sensors]]
id = "co-modbus"
zone = "frente-1"
quantity = "co"
source = "xnx-5"
channel = "gas"
period_s = 1
full_scale = 1000
warm_up_s = 0
[[sources]]
id = "wind-9"
kind = "modbus"
port = "{port}"
map = "renke-rs-fs"
address = 9
baud = 9600
[[sensors]]
id = "wind-modbus"
zone = "frente-1"
quantity = "air_velocity"
source = "wind-9"
channel = "air_velocity"
"""


def siren(listener: Listener) -> str | None:
    document = listener.newest.get("command/siren-1")
    return document and document["setpoint"]


def test_a_register_sounds_the_siren(mosquitto, tmp_path) -> None:
    line = SlaveLine(tmp_path / "rs485", {5: "honeywell-xnx"}, {"gas": 3.0})  # nobody has address 9
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, extra=MODBUS.format(port=line.port)))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    try:
        ready(listener, 0.0)
        reading = wait_for(lambda: listener.newest.get("reading/co-modbus"), 15, "the register is read")
        assert (reading["value"], reading["unit"], reading["quality"]) == (3.0, "ppm", "good")
        lost = wait_for(lambda: listener.newest.get("alarm/wind-9.comm_lost"), 30, "the missing device is an alarm")
        assert lost["state"] == "unack"
        line.air["gas"] = 500.0
        wait_for(lambda: siren(listener) == "evacuate", 15, "the siren is commanded to evacuate")
        alarm = wait_for(lambda: listener.newest.get("alarm/co-modbus.level"), 10, "the alarm is retained")
        assert (alarm["priority"], alarm["zone"]) == ("evacuate", "frente-1")
        line.fault("unplugged")
        wait_for(lambda: any("xnx-5" in t for t in listener.newest["gateway/status"]["troubles"]), 15, "told")
        line.fault("none")
        line.air["gas"] = 2.0
        before = len(listener.documents("reading/co-modbus"))
        for _ in every(0.5, 20):
            if any(d["value"] == 2.0 for d in listener.documents("reading/co-modbus")[before:]):
                break
        assert listener.documents("reading/co-modbus")[-1]["value"] == 2.0
        assert siren(listener) == "evacuate", "clean air does not silence a siren by itself"
    finally:
        gateway.stop()
        listener.close()
        line.close()
