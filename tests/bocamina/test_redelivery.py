"""A broker brings again what it holds: after a kill not one sample counts twice, and what differs stays."""

import random
from collections.abc import Iterable

import msgspec

from bocamina.engine import Engine
from bocamina.site_file import parse_site
from gateway.domain.events import Delivery, Pack, Sample, Started
from gateway.domain.moment import SECOND_US, Moment
from tests.end_to_end.mine import site_text

SITE = parse_site(site_text(1883).encode())
START = 1_795_000_000 * SECOND_US


def backlog(second: int, value: float = 2.0) -> Pack:
    """A sample that a node without counters had stored."""
    return Pack("nodes", "node7", (Sample(0, value, START + second * SECOND_US),), delivery=Delivery.BACKLOG)


def rows(engine: Engine, packs: Iterable[Pack], at_s: int) -> int:
    """How many readings go on record."""
    moment = Moment(START + at_s * SECOND_US, START + at_s * SECOND_US)
    return sum(len(engine.step(moment, [pack]).rows) for pack in packs)


def test_a_stored_backlog_that_comes_again_after_a_kill_adds_nothing() -> None:
    engine, restarted = Engine(SITE, "h"), Engine(SITE, "h")
    engine.step(Moment(START, START), [Started("h", "1")])
    stored = [backlog(second) for second in range(3000)]
    assert rows(engine, stored, 4000) == 3000
    restarted.load(msgspec.msgpack.decode(msgspec.msgpack.encode(engine.dump())))
    assert rows(restarted, stored, 5000) == 0
    assert restarted.counts["duplicates"] == 3000
    assert rows(restarted, random.Random(1).sample(stored, 300), 5001) == 0, "in any order"
    assert rows(restarted, [backlog(100, 900.0)], 5002) == 1, "another value at a known time is another sample"
