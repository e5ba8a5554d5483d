"""A whole gateway beside a central broker: the record is there once, also over `kill -9` and a broker that is gone."""

import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from gateway.stores.journal import Journal
from gateway.stores.paths import journal_path
from gateway.stores.rows import Kind
from tests.end_to_end.mine import SITE, Gateway, Listener, Node, every, ready, site_text, wait_for
from tests.fixtures.mosquitto import Mosquitto
from tests.gateway.uplink.test_central_uplink import Centre


@pytest.fixture
def centre_broker(_mosquitto_installed):
    with tempfile.TemporaryDirectory(prefix="mosquitto-") as folder:
        broker = Mosquitto(Path(folder)).start()
        yield broker
        broker.stop()


@pytest.mark.xdist_group("end_to_end")
@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_central_broker_gets_the_record_once_over_kills(mosquitto, centre_broker, tmp_path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, extra=f'[central]\nhost = "127.0.0.1"\nport = {centre_broker.port}\n'))
    gateway = Gateway(site, tmp_path / "data")
    with (
        closing(Centre(centre_broker.port)) as centre,
        closing(Listener(mosquitto.port)) as listener,
        closing(Node(mosquitto.port)) as node,
    ):
        try:
            for life in range(3):
                started = time.monotonic()
                gateway.start()
                ready(listener, started)
                for count in every(0.02, 150):
                    node.send(co=2.0 if count < 50 else 500.0, no2=0.1, air_velocity=0.6)
                    if life == 1 and count == 75:
                        centre_broker.stop()
                gateway.kill()
            centre_broker.start()
            started = time.monotonic()
            gateway.start()
            ready(listener, started)
            wait_for(node.turn, 30, "every pack is durable")
            wait_for(lambda: came(centre) >= 3 * node.seq, 30, "all readings came")
            listener.newest.clear()
            told = wait_for(lambda: (listener.newest.get("gateway/status") or {}).get("uplinks"), 10, "its state")
            assert (told["central"]["quarantined"], told["central"]["failure"]) == (0, None)
            gateway.stop()
        finally:
            gateway.kill()
        with Journal.reader(journal_path(SITE, gateway.data)) as journal:
            alarms = [row.n for row in journal.scan(0, [Kind.TRANSITION])]
            readings = sum(int(row.steps().outcomes.size) for row in journal.scan(0, [Kind.STEPS]))
        assert came(centre) == readings == 3 * node.seq
        carried = [item["row"] for item in centre.once("alarm")]
        assert carried == alarms[: len(carried)]
        assert len(carried) >= 1


def came(centre: Centre) -> int:
    """Readings at the centre, each once; what waited at the broker came from a node without a clock."""
    return len(centre.once("reading")) + len(centre.once("reading_untimed"))
