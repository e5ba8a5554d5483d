"""What the journal writes to the card for a reading, and what Mosquitto's window makes of its commits.

An hour of a mine of 12 sensors at 1 Hz on three nodes goes through the engine and the journal as the gateway would
commit it (twice a second while nothing happens); the bytes are those that the kernel counts for this process.
"""

import itertools
import os
import random
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bocamina.engine import Engine
from bocamina.site_file import parse_site
from gateway.domain.events import Pack, Sample, Started, Tick
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.rows import Kind
from gateway.stores.writer import Group, JournalWriter, Record, rows_of
from tests.end_to_end.mine import Listener, Node, ready, site_text, wait_for
from tests.faults.test_gateway_faults import TroubledGateway
from tests.fixtures.mosquitto import PROGRAM, Mosquitto

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

SECONDS = int(os.environ.get("BOCAMINA_BENCH_JOURNAL_S", "3600"))
SNAPSHOT_S = 300
COMMITS = int(os.environ.get("BOCAMINA_BENCH_COMMITS", "300"))
ASKED = 10.0
"""A durable commit of 200 readings beside a bare `fdatasync` of as many bytes, at the median."""
PACKS = 2000
START_US = 1_795_000_000 * SECOND_US

AIR = {"co": (4.0, 1.0), "no2": (0.2, 0.01), "o2": (20.9, 0.1), "h2s": (0.5, 0.1)}
"""Level and resolution of the channels; the noise is two steps of resolution."""

CARD_TB = 58.5
"""What a 32 GB card of endurance class may be given: 5,000 h of video at 26 Mbit/s (docs/reliability.md)."""
AMPLIFICATION = 10.0
"""Bytes that such a card writes within itself for each byte of small scattered writes [D]."""


def twelve() -> str:
    text = site_text(1883)
    for node in (1, 2, 3):
        for quantity, full in (("co", 1000), ("no2", 20), ("o2", 25), ("h2s", 100)):
            text += (
                f'[[sensors]]\nid = "{quantity}-{node}"\nzone = "frente-1"\nquantity = "{quantity}"\nsource = "nodes"\n'
                f'channel = "n{node}/{quantity}"\nperiod_s = 1\nfull_scale = {full}\nwarm_up_s = 0\n'
            )
    return text


def written() -> int:
    """Bytes that this process has caused to be written to storage (proc(5), io: write_bytes)."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"])


def test_bytes_written_for_a_reading(tmp_path, capsys) -> None:
    site = parse_site(twelve().encode())
    engine = Engine(site, "hash")
    places = {sensor.channel: i for i, sensor in enumerate(site.sensors)}
    noise = random.Random(1)
    readings = commits = 0
    bodies: dict[str, int] = {}
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.register_site("hash", site, Moment(START_US, START_US))
        before, began = written(), time.monotonic()
        for second in range(SECONDS):
            groups = []
            for node in (1, 2, 3):
                at = Moment(*[START_US + second * SECOND_US + node * 300_000] * 2)
                samples = tuple(
                    Sample(places[f"n{node}/{name}"], round(round(noise.gauss(level / step, 2)) * step, 4))
                    for name, (level, step) in AIR.items()
                )
                events = [Pack("nodes", f"n{node}", samples, 1, second)]
                if node == 3:
                    events.append(Tick())
                if second == 0 and node == 1:
                    events.insert(0, Started("hash", "1"))
                out = engine.step(at, events)
                readings += len(out.rows)
                records = [Record(Kind.TRANSITION, at, t.document) for t in out.transitions]
                records += [Record(Kind.COMMAND, at, c._asdict()) for c in out.commands]
                records += [Record(Kind.VERDICT, at, v._asdict()) for v in out.verdicts]
                if node == 3 and second % SNAPSHOT_S == SNAPSHOT_S - 1:
                    records.append(Record(Kind.SNAPSHOT, at, {"site_hash": "hash", "engine": engine.dump()}))
                groups.append(Group("hash", [Step(at, events, out.rows)], records))
                if node != 2:  # the writer's half second: packs of 300 and 600 ms share a commit
                    rows = rows_of(groups)
                    for row in rows:
                        bodies[row.kind.word] = bodies.get(row.kind.word, 0) + len(row.body)
                    journal.append(rows)
                    commits += 1
                    groups = []
        took = time.monotonic() - began
        wrote, size = written() - before, journal.used_bytes()
    if wrote == 0:
        pytest.skip("this file system is memory: the kernel counts no bytes")
    a_year = wrote / SECONDS * 86_400 * 365
    years = CARD_TB * 1e12 / AMPLIFICATION / a_year
    with capsys.disabled():
        print(
            f"\n{readings} readings in {commits} synced commits: {wrote / readings:.0f} bytes written a reading"
            f" ({wrote / commits / 1024:.1f} KiB a commit), {size / readings:.1f} bytes kept;"
            f" {a_year / 1e9:.0f} GB a year written, {size / SECONDS * 86_400 * 365 / 1e9:.1f} GB kept;"
            f" a card of {CARD_TB} TB lasts {years:.1f} years, writing {AMPLIFICATION:.0f} times as much within itself;"
            f" bodies by kind {dict(sorted(bodies.items()))} bytes;"
            f" a commit took {took / commits * 1000:.1f} ms, engine included"
        )
    assert readings == 12 * SECONDS
    assert years > 5


def groups_of_200() -> Iterator[Group]:
    """What 50 packs of four readings come to in one step of the engine, again and again."""
    site = parse_site(twelve().encode())
    engine = Engine(site, "hash")
    places = {sensor.channel: i for i, sensor in enumerate(site.sensors)}
    noise = random.Random(2)
    for seq in itertools.count():
        at = Moment(*[START_US + seq * SECOND_US] * 2)
        packs = [
            Pack("nodes", f"n{1 + k % 3}", tuple(
                Sample(places[f"n{1 + k % 3}/{name}"], round(round(noise.gauss(level / step, 2)) * step, 4))
                for name, (level, step) in AIR.items()
            ), 1, 50 * seq + k)
            for k in range(50)
        ]  # fmt: skip
        out = engine.step(at, packs)
        assert len(out.rows) == 200
        yield Group("hash", [Step(at, packs, out.rows)], after=seq)


def test_a_commit_of_200_readings_beside_the_floor_and_sqlite_alone(tmp_path, capsys) -> None:
    """From `submit` to the word that it is durable, through the writer's thread; the three take turns."""
    told = threading.Event()
    writer = JournalWriter(lambda: Journal.open(tmp_path / "journal.db"), lambda _afters: told.set())
    rival = sqlite3.connect(tmp_path / "rival.db", isolation_level=None)
    rival.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE readings (time INTEGER, sensor INTEGER, value REAL, quality INTEGER)"
    )
    bare = os.open(tmp_path / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    took: dict[str, list[float]] = {"floor": [], "sqlite": [], "journal": []}
    sizes = []

    def note(name: str, began: float) -> None:
        took[name].append((time.perf_counter() - began) * 1000)

    writer.start()
    try:
        for group in itertools.islice(groups_of_200(), COMMITS + 10):  # the first ten open files and fill caches
            body = b"".join(row.body for row in rows_of([group]))
            sizes.append(len(body))
            began = time.perf_counter()
            os.write(bare, body)
            os.fdatasync(bare)
            note("floor", began)
            (step,) = group.steps
            rows = [(step.moment.utc_us, s.sensor, s.value, s.quality) for p in step.events for s in p.samples]
            began = time.perf_counter()
            rival.execute("BEGIN IMMEDIATE")
            rival.executemany("INSERT INTO readings VALUES (?, ?, ?, ?)", rows)
            rival.execute("COMMIT")
            note("sqlite", began)
            told.clear()
            began = time.perf_counter()
            assert writer.submit(group)
            assert told.wait(30), writer.failure or "not durable within 30 s"
            note("journal", began)
    finally:
        writer.close()
        os.close(bare)
        rival.close()
    floor, sqlite, journal = (statistics.median(times[10:]) for times in took.values())
    with capsys.disabled():
        print(
            f"\na durable commit of 200 readings ({statistics.median(sizes):.0f} bytes), median of {COMMITS}: journal"
            f" {journal:.2f} ms, bare append and fdatasync {floor:.2f} ms, SQLite alone, a row a reading, {sqlite:.2f}"
            f" ms: {journal / floor:.1f} x the floor (asked: at most {ASKED:g}), {journal / sqlite:.2f} x SQLite"
        )
    assert journal < ASKED * floor
    assert journal < 3 * sqlite


@pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed (apt-get install mosquitto)")
@pytest.mark.parametrize("stall_s", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_window_of_twenty_and_ours(tmp_path, capsys, protocol, stall_s) -> None:
    """Packs a second that one node gets rid of, at Mosquitto's default of 20 in flight and with the setting we ship.

    A client of MQTT 5 sets the window itself (Receive Maximum, ours is 65535): there the broker's default does no harm.
    """
    told = {}
    packs = PACKS if stall_s < 1.0 else PACKS // 4
    for name, line in (("20", "max_inflight_messages 20"), ("ours", "max_inflight_messages 0")):
        folder = tmp_path / name
        folder.mkdir()
        broker = Mosquitto(folder, replace={"max_inflight_messages 0": line}).start()
        site = folder / "site.toml"
        site.write_text(site_text(broker.port).replace("[mqtt]", f'[mqtt]\nprotocol = "{protocol}"'))
        gateway = TroubledGateway(site, folder / "data").start()
        listener = Listener(broker.port)
        try:
            ready(listener, 0.0)
            gateway.tell(f"stall {stall_s}")
            node = Node(broker.port, resend_s=600)
            began = time.monotonic()
            for _ in range(packs):
                node.send(co=2.0, no2=0.1)
            wait_for(lambda node=node: node.acked == node.seq - 1, 240, "everything is durable")
            told[name] = packs / (time.monotonic() - began)
            node.close()
        finally:
            gateway.tell("stall 0")
            gateway.end()
            listener.close()
            broker.stop()
    with capsys.disabled():
        print(
            f"\nMQTT {protocol}, commits {stall_s * 1000:.0f} ms slower: {told['20']:.0f} packs/s at a window of 20,"
            f" {told['ours']:.0f} with ours ({told['ours'] / told['20']:.1f} times)"
        )
    if stall_s == 1.0 and protocol == "3.1.1":
        assert told["ours"] > 2 * told["20"]


