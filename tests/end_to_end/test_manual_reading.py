"""A portable reading from the command line through a real gateway: on record, and never in a fixed sensor's place."""

import json
import subprocess
import sys

import pytest

from tests.end_to_end.mine import Gateway, Listener, Node, every, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(120)]

LUIS = '[[people]]\nid = "luis"\nname = "Luis"\nrole = "miner"\n'


def manual(*arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "bocamina", "manual", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_portable_reading_is_recorded_and_overwrites_no_fixed_sensor(mosquitto, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, extra=LUIS))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    node = Node(mosquitto.port)
    try:
        ready(listener, 0.0)
        for _ in every(0.5, 14):
            node.send(co=500.0)
        wait_for(lambda: listener.newest.get("alarm/co-frente-1.level"), 10, "gas is an alarm")
        status, out, err = manual(
            str(site), "GAS Frente 1 CO 0 NO2 0,1 CO2 900 O2 20.8", "--by", "ana", "--instrument", "MX4-1", "--people",
            "luis", "--bump", "today",
        )  # fmt: skip
        assert (status, err) == (0, "")
        assert out == "recorded: frente-1: co 0 ppm, no2 0.1 ppm, co2 900 ppm, o2 20.8 %vol; by ana, luis\n"
        node.send(co=501.0)
        wait_for(lambda: listener.newest["reading/co-frente-1"]["value"] == 501.0, 10, "the fixed sensor goes on")
        assert {document["value"] for document in listener.documents("reading/co-frente-1")[1:]} == {500.0, 501.0}
        assert listener.newest["alarm/co-frente-1.level"]["state"] == "unack", "a clean portable clears nothing"
        missing = wait_for(lambda: listener.newest["protocol/reentry"]["detail"]["frente-1"], 10, "the zone is closed")
        assert "portable co" not in missing["missing"], "but it is the reading that re-entry asks for"

        status, out, err = manual(str(site), "GAS", "F1", "CO", "5", "--by", "ana", "--instrument", "X", "--json")
        assert (status, out) == (2, "")
        assert "'F1' is no zone" in err
    finally:
        node.close()
        gateway.stop()
        listener.close()
    status, out, err = manual(str(site), "GAS frente-1 CO 5 EQUIPO X", "--by", "ana", "--within", "1")
    assert (status, out) == (1, "")
    assert "did not answer" in err
    mosquitto.stop()
    status, out, err = manual(str(site), "GAS frente-1 CO 5 EQUIPO X", "--by", "ana", "--within", "1", "--json")
    assert (status, out) == (1, "")
    assert err.startswith("not sent: ")
    mosquitto.start()


def test_all_mistakes_of_a_command_are_told_at_once(tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(1))
    status, out, err = manual(str(site), "GAS F9 CO doce", "--by", "anna", "--people", "zoe", "--bump", "2999-01-01")
    assert (status, out) == (2, "")
    assert [line.split(";")[0] for line in err.splitlines()] == [
        "--by: 'anna' is nobody in [[people]]",
        "'F9' is no zone",
        "CO: 'doce' is no number",
        "the bump test '2999-01-01' lies in the future",
        "--people: 'zoe' is nobody in [[people]]",
        "--instrument is missing",
    ]


def test_the_answer_as_json_is_one_object(mosquitto, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    try:
        ready(listener, 0.0)
        status, out, _ = manual(str(site), "GAS frente-1 O2 20.3 EQUIPO MX4-1", "--by", "ana", "--json")
        assert (status, json.loads(out)) == (
            0, {"ok": True, "zone": "frente-1", "by": "ana", "gases": {"o2": 20.3}, "instrument": "MX4-1"},
        )  # fmt: skip
    finally:
        gateway.stop()
        listener.close()
