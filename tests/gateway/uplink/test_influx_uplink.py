"""The uplink: everything arrives once, whatever the store does meanwhile. VictoriaMetrics stands for the real store."""

import gzip
import json
import math
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.domain.errors import ConfigError, LinkLost
from gateway.domain.moment import NO_TIME, Moment
from gateway.domain.site import Influx
from gateway.stores.cursors import Cursors
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import steps_row
from gateway.uplink.influx import InfluxSink, line
from gateway.uplink.points import Point
from gateway.uplink.sink import BatchRejected
from tests.fixtures.waiting import wait_for

VICTORIA = shutil.which("victoria-metrics")
TAGS = {"quantity": "co", "sensor": "co-1", "site": "m"}
ONE = Point(1, "reading", TAGS, {"value": 1.0, "quality": 0}, 1)


def until(true):
    wait_for(true, "the uplink", 20.0)


def commit(journal, *outcomes, trusted=True):
    journal.append([steps_row("h", [Step(Moment(journal.last_n, 0, trusted), [], outcomes)])])


def cursor(journal):
    with Cursors.open(journal.path) as cursors:
        return cursors.cursor("influx")


def test_a_reading_as_a_line():
    assert line(ONE._replace(time_ns=1_000_007)) == (
        "reading,quantity=co,sensor=co-1,site=m value=1.0,quality=0i 1000007"
    )
    fault = {"quality": 2, "reason": "fault", "time_trusted": False}
    assert line(ONE._replace(fields=fault)).endswith('quality=2i,reason="fault",time_trusted=false 1')
    assert r"quantity=a\ b\,c\=d,sensor=co-1" in line(ONE._replace(tags=TAGS | {"quantity": "a b,c=d"}))
    assert line(ONE._replace(fields={"comment": 'a "b" \\ \n'})).endswith(r'comment="a \"b\" \\  " 1')


def test_the_key_is_the_time_with_the_sequence_in_its_last_three_digits(journal, courier, sink):
    commit(journal, Outcome(0, 0, 0, 0, 5, 1.0, 1.0, seq=42), Outcome(0, 0, 0, 0, 5, 2.0, 2.0, seq=42))
    commit(journal, Outcome(1, 0, 0, 0, NO_TIME, 3.0, 3.0), Outcome(0, 0, 0, 0, 6, 4.0, 4.0), trusted=False)
    courier(sink)
    until(lambda: cursor(journal) == journal.last_n)
    tags = "reading,quantity=co,sensor=co-1,site=orex-01"
    came = ("reading_untimed,quantity=no2,sensor=no2-1,site=orex-01", "93")
    assert sink.points.pop(came) == "value=3.0,quality=0i,time_trusted=false", "no place in time: under when it came"
    assert sink.points == {
        (tags, "5042"): "value=1.0,quality=0i",
        (tags, "5043"): "value=2.0,quality=0i",
        (tags, "6093"): "value=4.0,quality=0i,time_trusted=false",
    }


def test_a_store_that_is_down_is_waited_for_and_then_gets_everything_once(journal, courier, sink):
    sink.down = True
    one = courier(sink)
    for i in range(300):
        commit(journal, Outcome(0, 0, 0, 0, i, float(i), float(i)))
    until(lambda: one.status.failure is not None)
    assert "connection refused" in one.status.failure
    assert (cursor(journal) <= 1, sink.points) == (True, {}), "no further than the row of the sensors"
    sink.down = False
    until(lambda: cursor(journal) == journal.last_n)
    until(lambda: one.status.behind == 0)
    assert [sink.points[key] for key in sorted(sink.points, key=lambda key: int(key[1]))] == [
        f"value={float(i)},quality=0i" for i in range(300)
    ]
    assert one.status.failure is None


def test_poison_is_found_by_halves_and_kept_aside_once(journal, courier, sink):
    commit(journal, *(Outcome(0, 0, 0, 0, i, 0.0, float(i)) for i in range(1000)))
    sink.poison = ("value=137.0,", "value=901.0,")
    sink.fail_after = 15  # the link goes in the middle of the search
    one = courier(sink)
    until(lambda: one.status.failure is not None)
    sink.fail_after = None
    until(lambda: cursor(journal) == journal.last_n)
    assert len(sink.points) == 998
    with Cursors.open(journal.path) as cursors:
        kept = cursors.quarantined("influx")
    assert [poison.n for poison in kept] == [2, 2]
    assert ["value=137.0," in kept[0].item, "value=901.0," in kept[1].item] == [True, True]
    assert "retention" in kept[0].reason


def test_a_restart_goes_on_where_the_last_confirmed_write_was(journal, courier, sink):
    first = courier(sink)
    commit(journal, Outcome(0, 0, 0, 0, 1, 1.0, 1.0))
    until(lambda: cursor(journal) == 2)
    first.stop()
    commit(journal, Outcome(0, 0, 0, 0, 2, 2.0, 2.0))
    writes = sink.writes
    courier(sink)
    until(lambda: cursor(journal) == 3)
    assert (sink.writes - writes, len(sink.points)) == (1, 2)


def test_a_cursor_never_goes_back(journal):
    with Cursors.open(journal.path) as cursors:
        cursors.advance("x", 5)
        cursors.advance("x", 3)
        assert (cursors.cursor("x"), cursors.cursor("y")) == (5, 0)


class Moody(BaseHTTPRequestHandler):
    """An HTTP server that answers writes with what the test wants."""

    answer, deletes = 204, 204
    asked = ()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/api/v2/delete"):
            plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            type(self).asked += (json.loads(plain),)
            self.send_response(self.deletes)
            self.end_headers()
            return
        if self.answer == "reset":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(self.answer)
        self.send_header("Content-Length", "15")
        self.end_headers()
        self.wfile.write(b'{"message":"x"}')

    def log_message(self, *args):
        pass


@pytest.fixture
def moody():
    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            pass

    handler = type("Handler", (Moody,), {})
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    sink = InfluxSink(Influx(url=f"http://127.0.0.1:{server.server_port}"))
    yield handler, sink
    sink.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [(204, None), (400, BatchRejected), (413, BatchRejected), (422, BatchRejected), (401, LinkLost), (404, LinkLost),
     (429, LinkLost), (500, LinkLost), (503, LinkLost), ("reset", LinkLost)],
)  # fmt: skip
def test_each_answer_of_the_store_is_told_apart(moody, answer, error):
    handler, sink = moody
    handler.answer = answer
    if error is None:
        sink.write([ONE])
        return
    with pytest.raises(error, match=r"http://127\.0\.0\.1:\d+: ") as told:
        sink.write([ONE])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("deletes", "error"), [(204, None), (404, None), (401, LinkLost), (503, LinkLost)])
def test_what_stood_under_a_wrong_time_is_deleted(moody, deletes, error):
    handler, sink = moody
    handler.deletes = deletes
    right = Point(1, "alarm", {"alarm": "co-1.level", "site": "m"}, {"new": "unack"}, 2_000_000_000, 1_000_000_007)
    if error is not None:
        with pytest.raises(error):
            sink.write([right])
    else:
        sink.write([right])
    assert handler.asked[0] == {
        "start": "1970-01-01T00:00:01.000000007Z", "stop": "1970-01-01T00:00:01.000000008Z",
        "predicate": '_measurement="alarm" AND alarm="co-1.level" AND site="m"',
    }  # fmt: skip


def test_a_token_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"influx\.token_file: .*No such file.*expected a file that holds it"):
        InfluxSink(Influx(url="http://127.0.0.1:1", token_file=str(tmp_path / "none")))


class Victoria:
    """A real VictoriaMetrics on a fixed port, down and up again over one store."""

    def __init__(self, folder):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder, self.process = folder, None

    def up(self):
        self.process = subprocess.Popen(
            [VICTORIA, f"-httpListenAddr=127.0.0.1:{self.port}", f"-storageDataPath={self.folder}",
             "-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: self._get("/health") is not None)

    def down(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def exported(self, name):
        """sensor → {ms: value} of one field."""
        query = urllib.parse.urlencode({"match[]": f'{{__name__="{name}"}}', "start": 0})
        found = {}
        for text in (self._get(f"/api/v1/export?{query}") or b"").decode().splitlines():
            series = json.loads(text)
            values = dict(zip(series["timestamps"], series["values"], strict=True))
            assert len(values) == len(series["values"])  # each point once
            found[series["metric"]["sensor"]] = values
        return found

    def _get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.read()
        except OSError:
            return None


@pytest.mark.skipif(VICTORIA is None, reason="victoria-metrics is not installed")
def test_a_real_store_that_goes_and_comes_back_holds_everything_once(journal, courier, tmp_path):
    now_ms = int(time.time()) * 1000 - 3_600_000
    store = Victoria(tmp_path / "store")
    store.up()
    try:
        one = courier(InfluxSink(Influx(url=store.url)))
        expected = {}

        def feed(start, count):
            for i in range(start, start + count):
                at_ms = now_ms + i * 1000
                good = Outcome(0, 0, 0, 0, at_ms * 1000, 0.0, i + 0.5)
                commit(journal, good, Outcome(1, 2, 6, 0, at_ms * 1000, 0.0, math.nan))
                expected[at_ms] = i + 0.5

        feed(0, 60)
        until(lambda: cursor(journal) == journal.last_n)
        store.down()
        feed(60, 200)
        until(lambda: one.status.failure is not None)
        store.up()
        until(lambda: cursor(journal) == journal.last_n)
        until(lambda: len(store.exported("reading_quality").get("no2-1", ())) == 260)
        assert store.exported("reading_value") == {"co-1": expected}
        quality = store.exported("reading_quality")
        assert set(quality["co-1"].values()) == {0}
        assert set(quality["no2-1"].values()) == {2}
        one.stop()
    finally:
        store.down()
