"""A central store that is down, slow, busy, rejecting, resetting or swallowed: each reading stands in it once.

A real InfluxDB behind a front that behaves as the test wants.
"""

import gzip
import http.client
import json
import random
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.domain.moment import Moment
from gateway.domain.site import Influx
from gateway.stores.cursors import Cursors
from gateway.stores.journal import Journal
from gateway.uplink import influx as influx_uplink
from gateway.uplink.courier import Courier
from gateway.uplink.influx import InfluxSink
from tests.fixtures.bad_line import BadLine
from tests.fixtures.record import know_sensors, reading, step
from tests.fixtures.waiting import wait_for

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("influx")]

TIMEOUT_S = 1.0
POISON = "value=666.0"
BEGAN_US = 1_780_000_000_000_000
MINUTE_US = 60_000_000


class Front(ThreadingHTTPServer):
    """Hands writes on to the store, or does with them what `moods` says: one mood a request, then all is well."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = urllib.parse.urlsplit(target).netloc
        self.moods: Iterator[str] = iter(())
        self.met: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        pass  # a client that gave up


class Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mood = next(self.server.moods, "well")
        self.server.met.append(mood)
        text = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        if POISON.encode() in text:
            return self._answer(400, b'{"code":"invalid","message":"unable to parse"}')
        if mood in {"busy", "broken", "limited"}:
            return self._answer({"busy": 503, "broken": 500, "limited": 429}[mood], b'{"message":"later"}')
        if mood == "reset before":
            return self._reset()
        status, answer = self._hand_on(body)
        if mood == "reset after":  # it is stored, and nobody will know
            return self._reset()
        if mood == "slow":  # likewise
            time.sleep(TIMEOUT_S * 1.5)
        if mood == "half an answer":
            self.wfile.write(b"HTTP/1.1 2")
            return self._reset()
        return self._answer(status, answer)

    def _hand_on(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.server.target, timeout=20)
        headers = {name: self.headers[name] for name in ("Content-Encoding", "Content-Type") if self.headers.get(name)}
        connection.request("POST", self.path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def bucket(influx_server):
    name = f"faults{random.SystemRandom().randrange(10**9)}"
    influx_server.query(f"CREATE DATABASE {name}")
    yield name
    influx_server.query(f"DROP DATABASE {name}")


@pytest.fixture
def front(influx_server):
    server = Front(influx_server.url)
    yield server
    server.close()


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.db") as opened:
        know_sensors(opened)
        yield opened


@pytest.fixture
def courier(journal, bucket, monkeypatch):
    monkeypatch.setattr(influx_uplink, "TIMEOUT_S", TIMEOUT_S)
    made = []

    def make(port: int) -> Courier:
        sink = InfluxSink(Influx(url=f"http://127.0.0.1:{port}", bucket=bucket))
        made.append(Courier("influx", "orex-01", journal.path, sink, poll_s=0.02, first_retry_s=0.02))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


def feed(journal: Journal, first: int, count: int, *, rows: int = 50) -> None:
    """A reading a minute: `value` is its number."""
    for at in range(first, first + count, rows):
        numbers = range(at, min(at + rows, first + count))
        times = [BEGAN_US + n * MINUTE_US for n in numbers]
        readings = tuple(reading(at_us, n + 0.5) for n, at_us in zip(numbers, times, strict=True))
        step(journal, Moment(times[-1], times[-1]), outcomes=readings)


def carried(journal: Journal) -> bool:
    with Cursors.open(journal.path) as cursors:
        return cursors.cursor("influx") == journal.last_n


def stored(influx_server, bucket: str) -> dict[int, float]:
    """Time [µs] → value of every point of co-1; a time that comes twice fails."""
    text = f"SELECT value FROM \"{bucket}\"..reading WHERE sensor='co-1'"
    series = json.loads(influx_server.query(text))["results"][0].get("series", [{"values": []}])
    values = series[0]["values"]
    found = {_us(at): value for at, value in values}
    assert len(found) == len(values)
    return found


def _us(text: str) -> int:
    from datetime import UTC, datetime, timedelta

    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def expected(count: int) -> dict[int, float]:
    return {BEGAN_US + n * MINUTE_US: n + 0.5 for n in range(count)}


MOODS = ("busy", "broken", "limited", "reset before", "reset after", "slow", "half an answer")


@pytest.mark.parametrize("mood", MOODS)
def test_one_kind_of_trouble_at_a_time(journal, courier, front, influx_server, bucket, mood) -> None:
    front.moods = iter([mood] * 3)
    one = courier(front.server_port)
    feed(journal, 0, 300)
    wait_for(lambda: carried(journal), f"carried in spite of {mood}", 60)
    assert front.met[:3] == [mood] * 3
    assert stored(influx_server, bucket) == expected(300)
    assert (one.status.failure, one.status.quarantined) == (None, 0)


def all_kinds(journal, courier, front, influx_server, bucket, requests: int, seed: int) -> None:
    chance = random.Random(seed)
    front.moods = iter([chance.choice((*MOODS[:-2], "half an answer", "well", "well")) for _ in range(requests)])
    courier(front.server_port)
    for n in range(requests):
        feed(journal, n * 50, 50)
        time.sleep(chance.uniform(0, 0.02))
    wait_for(lambda: carried(journal), "carried in the end", 900)
    assert stored(influx_server, bucket) == expected(requests * 50)


def test_all_kinds_of_trouble_in_turn(journal, courier, front, influx_server, bucket) -> None:
    all_kinds(journal, courier, front, influx_server, bucket, 40, seed=1)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_long_day_of_all_kinds_of_trouble(journal, courier, front, influx_server, bucket) -> None:
    all_kinds(journal, courier, front, influx_server, bucket, 1500, seed=2)


def test_what_the_store_refuses_is_set_aside_and_the_rest_flows(journal, courier, front, influx_server, bucket) -> None:
    feed(journal, 0, 120)
    at_us = BEGAN_US + 500 * MINUTE_US
    step(journal, Moment(at_us, at_us), outcomes=(reading(at_us, 666.0), reading(at_us + 1, 7.0)))
    one = courier(front.server_port)
    wait_for(lambda: carried(journal), "carried", 60)
    assert stored(influx_server, bucket) == expected(120) | {at_us + 1: 7.0}
    assert one.status.quarantined == 1
    with Cursors.open(journal.path) as cursors:
        (poison,) = cursors.quarantined("influx")
    assert POISON in poison.item


def test_thirty_days_in_a_black_hole_then_an_exact_backfill(journal, courier, influx_server, bucket) -> None:
    """Packets are dropped, no socket is closed: only a deadline tells (lessons I1)."""
    with BadLine(urllib.parse.urlsplit(influx_server.url).port) as line:
        feed(journal, 0, 50)
        one = courier(line.port)
        wait_for(lambda: carried(journal), "the line is well", 30)
        line.black_hole()
        minutes = 30 * 24 * 60
        feed(journal, 50, minutes, rows=600)
        wait_for(lambda: one.status.failure, "the hole is noticed", 30)
        wait_for(lambda: line.swallowed > 10_000, "it goes on trying", 60)
        assert len(stored(influx_server, bucket)) == 50
        line.pass_on()
        wait_for(lambda: carried(journal), "carried", 120)
    assert stored(influx_server, bucket) == expected(50 + minutes)
    assert one.status.failure is None
