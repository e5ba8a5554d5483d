"""After days without network: how many times faster than real time the uplinks carry what waits in the journal.

Twelve sensors at 1 Hz; the journal is as the gateway writes it (a commit a second). VictoriaMetrics stands for the
central store, Mosquitto with deploy/mosquitto.conf for the central broker. BOCAMINA_BENCH_HOURS=72 is the whole outage.
"""

import math
import os
import time

import pytest

from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import Central, Influx
from gateway.stores.cursors import Cursors
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.uplink.central import CentralSink
from gateway.uplink.courier import Courier
from gateway.uplink.influx import InfluxSink
from tests.fixtures.waiting import wait_for
from tests.gateway.uplink.test_central_uplink import Centre
from tests.gateway.uplink.test_influx_uplink import VICTORIA, Victoria

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

HOURS = float(os.environ.get("BOCAMINA_BENCH_HOURS", "6"))
SENSORS = 12
ASKED = 20.0
"""Times real time (issue 5, Speed and size)."""


@pytest.fixture
def waiting(tmp_path):
    """A journal of HOURS without network."""
    with Journal.open(tmp_path / "journal.db") as journal:
        sensors = [(f"co-{i}", "co", "face", "ppm") for i in range(SENSORS)]
        journal.append([document_row(Kind.SITE, Moment(0, 0), {"site_hash": "h", "sensors": sensors})])
        first_us = (int(time.time()) - round(HOURS * 3600)) * SECOND_US
        for minute in range(round(HOURS * 60)):
            rows = []
            for second in range(60):
                at_us = first_us + (60 * minute + second) * SECOND_US
                values = (round(5 + 4 * math.sin(at_us / 9e8 + i), 1) for i in range(SENSORS))
                outcomes = [Outcome(i, 0, 0, 0, at_us, value, value, second) for i, value in enumerate(values)]
                rows.append(steps_row("h", [Step(Moment(at_us, at_us), [], outcomes)]))
            journal.append(rows)
        yield journal


def catch_up(journal: Journal, name: str, sink) -> None:
    """Carry all of it; prints the ratio asked beside the one measured."""
    courier = Courier(name, "orex-01", journal.path, sink)
    with Cursors.open(journal.path) as cursors:
        began, cpu = time.monotonic(), time.process_time()
        courier.start()
        wait_for(lambda: cursors.cursor(name) == journal.last_n, "everything is carried", 1500)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    courier.stop()
    ratio, count = HOURS * 3600 / seconds, courier.status.sent
    size = courier.status.month_bytes / count
    print(f"\n{name}: {HOURS:g} h, {count} readings in {seconds:.1f} s, {cpu:.1f} s of a core")
    print(f"  {ratio:.0f} x real time (asked for: {ASKED:g} x), {size:.1f} bytes a reading on the link")
    assert count == round(HOURS * 3600) * SENSORS
    assert ratio >= ASKED


@pytest.mark.skipif(VICTORIA is None, reason="victoria-metrics is not installed")
def test_the_store_catches_up(waiting, tmp_path) -> None:
    store = Victoria(tmp_path / "store")
    store.up()
    try:
        catch_up(waiting, "influx", InfluxSink(Influx(url=store.url)))
    finally:
        store.down()


@pytest.mark.parametrize("gzip", [False, True])
def test_the_central_broker_catches_up(waiting, mosquitto, gzip) -> None:
    centre = Centre(mosquitto.port)
    config = Central(host="127.0.0.1", port=mosquitto.port, gzip=gzip)
    try:
        catch_up(waiting, "central", CentralSink("orex-01", config))
        wait_for(lambda: len(centre.items) == round(HOURS * 3600) * SENSORS, "they come", 120)
    finally:
        centre.close()
