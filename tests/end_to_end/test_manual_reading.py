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
        assert out == "anotado: frente-1: co 0 ppm, no2 0.1 ppm, co2 900 ppm, o2 20.8 %vol; por ana, luis\n"
        node.send(co=501.0)
        wait_for(lambda: listener.newest["reading/co-frente-1"]["value"] == 501.0, 10, "the fixed sensor goes on")
        assert {document["value"] for document in listener.documents("reading/co-frente-1")[1:]} == {500.0, 501.0}
        assert listener.newest["alarm/co-frente-1.level"]["state"] == "unack", "a clean portable clears nothing"
        missing = wait_for(lambda: listener.newest["protocol/reentry"]["detail"]["frente-1"], 10, "the zone is closed")
        assert "portable co" not in missing["missing"], "but it is the reading that re-entry asks for"

        status, out, err = manual(str(site), "GAS", "F1", "CO", "5", "--by", "ana", "--instrument", "X", "--json")
        assert (status, out) == (2, "")
        assert "'F1' no es una zona" in err
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


MISTAKES = {
    "es": [
        "--by: 'anna' no está en [[people]]; se espera uno de ana",
        "'F9' no es una zona; se espera",
        "CO: 'doce' no es un numero; se espera un valor, como CO 12",
        "la prueba '2999-01-01' es del futuro; se espera hoy o antes",
        "--people: 'zoe' no está en [[people]]; se espera uno de ana",
        "--instrument falta; se espera el número de serie del portátil",
    ],
    "en": [
        "--by: 'anna' is nobody in [[people]]; expected one of ana",
        "'F9' is no zone; expected one of",
        "CO: 'doce' is no number; expected a value, as in CO 12",
        "the bump test '2999-01-01' lies in the future; expected today or earlier",
        "--people: 'zoe' is nobody in [[people]]; expected one of ana",
        "--instrument is missing; expected the serial number of the portable",
    ],
}
MISTAKES["qu"] = MISTAKES["es"]


@pytest.mark.parametrize("lang", MISTAKES)
def test_all_mistakes_of_a_command_are_told_at_once_in_the_language_of_the_site(tmp_path, lang) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(1).replace("[site]\n", f'[site]\nlanguage = "{lang}"\n'))
    status, out, err = manual(str(site), "GAS F9 CO doce", "--by", "anna", "--people", "zoe", "--bump", "2999-01-01")
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == len(MISTAKES[lang])
    for line, start in zip(err.splitlines(), MISTAKES[lang], strict=True):
        assert line.startswith(start)


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
