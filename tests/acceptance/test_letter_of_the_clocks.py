"""A node whose clock stands in 1970, and one of 2099: what they measure is measured now, and the siren sounds."""

import json

import pytest

from tests.end_to_end.mine import Gateway, Listener, every, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(90)]

SECONDS_OF = {"1979": 2.9e8, "2099": 4.08e9}
"""The earliest and a late year that SenML can name: below 2**28 s a time counts from now (RFC 8428, 4.5.3)."""


def test_gas_of_a_clock_that_stands_in_another_century_sounds_the_siren(mosquitto, tmp_path) -> None:
    """Without counters and with the same words every half second: a standing clock is no message sent twice."""
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port))
    listener = Listener(mosquitto.port)
    gateway = Gateway(site, tmp_path / "data").start()
    try:
        ready(listener, 0.0)
        packs = [
            json.dumps([{"bn": "node7/", "bt": SECONDS_OF["2099"], "n": "co", "u": "ppm", "v": 500}]),
            json.dumps([{"bn": "node7/", "bt": SECONDS_OF["1979"], "n": "no2", "u": "ppm", "v": 15}]),
        ]
        for _ in every(0.5, 14):
            for pack in packs:
                listener.say("node/node7/senml", pack)
        for sensor, priority in (("co-frente-1", "evacuate"), ("no2-frente-1", "evacuate")):
            alarm = wait_for(lambda s=sensor: listener.newest.get(f"alarm/{s}.level"), 10, f"{sensor} is an alarm")
            assert (alarm["state"], alarm["priority"]) == ("unack", priority)
            reading = listener.newest[f"reading/{sensor}"]
            assert (reading["quality"], reading["reason"]) == ("uncertain", "clock")
        assert listener.newest["command/siren-1"]["setpoint"] == "evacuate"
        rows = wait_for(
            lambda: len(found := [row for row in gateway.export() if ",co-frente-1," in row]) == 14 and found, 10,
            "each is on record",
        )  # fmt: skip
        assert not any(row.startswith(("2099", "1979")) for row in rows)
    finally:
        gateway.stop()
        listener.close()
