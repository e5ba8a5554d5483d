"""Gas at the face, a text to the officer's telephone, and `OK 1000` back: acknowledged by that person, on record."""

import re

import pytest

from tests.end_to_end.mine import Gateway, Listener, Node, every, ready, site_text, wait_for
from tests.fixtures.mast import Mast

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(120)]

ANA, STRANGER = "+51987654321", "+51911111111"


def test_an_alarm_goes_out_by_sms_and_its_answer_comes_back(mosquitto, tmp_path) -> None:
    mast = Mast(tmp_path)
    text = site_text(mosquitto.port, extra=f'[sms]\nport = "{mast.line.link}"\n')
    site = tmp_path / "site.toml"
    site.write_text(text.replace('role = "officer"', f'role = "officer"\nnotify = ["sms:{ANA}"]'))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    node = Node(mosquitto.port)

    def sent(pattern: str) -> str | None:
        return next((one.text for one in list(mast.modem.sent) if re.search(pattern, one.text)), None)

    try:
        ready(listener, 0.0)
        for _ in every(0.5, 14):
            node.send(co=500.0)
        called = wait_for(lambda: sent(r"EVACUAR.*CO 500"), 20, "the officer is called")
        code = called[-4:]
        assert listener.newest["alarm/co-frente-1.level"]["state"] == "unack"

        mast.arrive(f"OK {code}", STRANGER)
        mast.arrive(f"OK {code}", ANA)
        acked = wait_for(
            lambda: (now := listener.newest["alarm/co-frente-1.level"])["state"] == "acked" and now, 15, "acknowledged"
        )
        assert acked["acknowledged_by"] == "ana"
        wait_for(lambda: sent(f"^OK {code}: anotado"), 15, "and told so")

        mast.arrive("GAS Frente 1 CO 12 O2 20.3", ANA)
        wait_for(lambda: sent("falta el equipo"), 15, "what is missing is told")
        mast.arrive("GAS Frente 1 CO 12 O2 20.3 EQUIPO MX1", ANA)
        wait_for(lambda: sent("^Anotado Frente 1: CO 12, O2 20.3"), 15, "a reading is on record")
        missing = wait_for(lambda: listener.newest["protocol/reentry"]["detail"]["frente-1"], 10, "the zone is closed")
        assert "portable co" not in missing["missing"]
        counts = wait_for(
            lambda: (now := listener.newest["gateway/status"]["counts"]).get("sms_reading") and now, 10, "it is counted"
        )
        assert (counts["sms_stranger"], counts["sms_answered"], counts["sms_mistake"]) == (1, 1, 1)
        assert {one.number for one in mast.modem.sent} == {ANA}, "a stranger is never answered"
    finally:
        node.close()
        gateway.stop()
        listener.close()
        mast.close()
