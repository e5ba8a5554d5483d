"""A journal, couriers that are ended, and a destination in memory."""

import pytest

from gateway.domain.errors import LinkLost
from gateway.stores.journal import Journal
from gateway.uplink.courier import Courier
from gateway.uplink.influx import line
from gateway.uplink.sink import BatchRejected
from tests.fixtures.record import know_sensors


class Memory:
    """A sink that can be told to fail; keeps points by their key, as the store does, and the order they came in."""

    def __init__(self):
        self.points, self.order, self.writes, self.closed = {}, [], 0, 0
        self.down, self.poison, self.fail_after, self.sent_bytes = False, (), None, 0

    def text(self, point):
        return line(point)

    def write(self, points):
        lines = list(map(line, points))
        self.writes += 1
        self.sent_bytes += sum(map(len, lines))
        if self.down or (self.fail_after is not None and self.writes > self.fail_after):
            raise LinkLost("http://store: connection refused")
        if any(text in one for one in lines for text in self.poison):
            raise BatchRejected("http://store: 422 points beyond retention policy")
        for point, one in zip(points, lines, strict=True):
            tags, fields, time_ns = one.rsplit(" ", 2)
            self.points[tags, time_ns] = fields
            self.order.append(point)

    def close(self):
        self.closed += 1


@pytest.fixture
def sink():
    return Memory()


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.db") as opened:
        know_sensors(opened)
        yield opened


@pytest.fixture
def courier(journal):
    """Starts a courier of this journal; all are ended with the test."""
    made = []

    def make(sink, **options):
        options = {"poll_s": 0.02, "first_retry_s": 0.02} | options
        made.append(Courier("influx", "orex-01", journal.path, sink, **options))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()
