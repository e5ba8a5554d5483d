"""The alarm `gateway.disk_space`: before the disk is full, by its level, once a change."""

import os
from types import SimpleNamespace

import pytest

from bocamina.disk_room import DiskRoom
from bocamina.engine import Engine
from bocamina.site_file import parse_site
from gateway.domain.events import DiskSpace
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.archive import Archive
from gateway.stores.journal import Journal
from gateway.stores.room import RoomWatch
from gateway.stores.rows import Kind, document_row
from gateway.stores.trimming import Trimming
from tests.end_to_end.mine import site_text

MINUTE = 60 * SECOND_US
DAY_US = 86_400 * SECOND_US
T0 = 20_000 * DAY_US


@pytest.fixture
def free(monkeypatch):
    hand = SimpleNamespace(mb=10_000)
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_bavail=hand.mb * 1000, f_frsize=1000))
    return hand


def test_each_change_of_the_level_is_told_once_and_the_status_shows_the_room(tmp_path, free) -> None:
    journal = tmp_path / "journal.db"
    journal.write_bytes(bytes(5_000_000))
    room = DiskRoom(parse_site(site_text(1883, extra="[journal]\nquota_mb = 8000\n").encode()), journal)
    assert room.document() is None
    told = []
    for minute, mb in enumerate([10_000, 10_000, 200, 200, 20, 10_000]):
        free.mb = mb
        told += [event.level for event in room.events(minute * MINUTE)]
    assert told == [0, 1, 2, 0]
    document = {"journal_mb": 5.0, "quota_mb": 8000, "free_mb": 10_000, "mb_a_day": None, "hours": None}
    assert room.document() == document
    room.trimming.used_bytes = 3_000_000
    room.events(50 * MINUTE)
    assert room.document() == document | {"journal_mb": 3.0, "free_mb": 7997}
    journal.unlink()
    assert room.events(100 * MINUTE) == [], "a disk that is gone has an alarm of its own"


def test_without_a_quota_it_is_a_share_of_the_disk(tmp_path, monkeypatch) -> None:
    site = parse_site(site_text(1883).encode())
    disk = SimpleNamespace(f_bavail=1000, f_frsize=4096, f_blocks=32_000_000_000 // 4096)
    monkeypatch.setattr(os, "statvfs", lambda path: disk if path == tmp_path else None)
    journal = tmp_path / "site" / "journal.db"
    journal_of = DiskRoom(site, journal)
    journal.parent.mkdir()
    journal.touch()
    monkeypatch.setattr(os, "statvfs", lambda _path: disk)
    journal_of.events(0)
    assert journal_of.document()["quota_mb"] == 12_800
    disk.f_blocks = 1000
    tiny = DiskRoom(site, journal)
    tiny.events(0)
    assert tiny.document()["quota_mb"] == 100, "no less than what a site file may ask for"


def test_after_trimming_the_alarm_goes_and_stays_away(tmp_path) -> None:
    """A journal of 14 MB and a quota of 10, over 30 hours: what may go goes, and the freed pages are room."""
    path = tmp_path / "journal.db"
    old, now = Moment(T0, T0), T0 + 8 * DAY_US
    with Journal.open(path) as journal:
        for _batch in range(14):
            journal.append([document_row(Kind.SNAPSHOT, old, {"state": os.urandom(500_000)}) for _ in range(2)])
        trimming = Trimming(10_000_000, (), lambda: Archive(tmp_path / "archive"))
        watch = RoomWatch(path, 10_000_000, lambda: trimming.used_bytes)
        levels = []
        trimming.measure(journal)
        levels.append(watch.look(now).level)
        for minute in range(1, 30 * 60):
            moment = Moment(now + minute * MINUTE, now + minute * MINUTE)
            if minute % 5 == 0:
                journal.append([document_row(Kind.SNAPSHOT, moment, {"state": os.urandom(100_000)})])
            trimming.step(journal, moment)
            levels.append(watch.look(moment.now_us).level)
        assert path.stat().st_size > 14_000_000, "the file does not shrink"
        assert (levels[0], set(levels[2:])) == (2, {0})
        assert journal.used_bytes() < 10_000_000


def test_the_alarm_rises_with_the_level_and_goes_with_it() -> None:
    engine = Engine(parse_site(site_text(1883).encode()), "hash")
    seen = []
    for second, level in enumerate([0, 1, 2, 0]):
        at = Moment(second * SECOND_US, 1_795_000_000 * SECOND_US)
        out = engine.step(at, [DiskSpace(level, f"room for {level} MB")])
        seen += [(t.alarm, t.new, t.priority.word) for t in out.transitions]
    assert seen[0] == ("gateway.disk_space", "unack", "warning")
    assert seen[1][:2] == ("gateway.disk_space", "unack")
    assert seen[1][2] == "high"
    assert seen[-1][1] in {"rtn_unack", "normal"}
