"""deploy/mosquitto.conf is valid for the installed Mosquitto and says what the design demands."""

import pytest

from tests.fixtures.mosquitto import CONF, Mosquitto


def test_the_broker_starts_with_it_and_without_a_complaint(mosquitto: Mosquitto):
    lines = mosquitto.log.read_text().splitlines()
    complaints = [line for line in lines if "Warning" in line or "Error" in line]
    assert [line for line in complaints if "should not be run as root" not in line] == []


@pytest.mark.parametrize(
    "line",
    [
        "max_inflight_messages 0",
        "max_queued_messages 0",
        "max_queued_bytes 268435456",
        "persistence true",
        "autosave_interval 60",
        "listener 1883 127.0.0.1",
    ],
)
def test_it_holds_back_and_throws_away_nothing(line: str):
    assert line in CONF.read_text().splitlines()
