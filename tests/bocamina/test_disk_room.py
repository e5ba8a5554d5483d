"""The alarm `gateway.disk_space`: before the disk is full, by its level, once a change."""

import os
from types import SimpleNamespace

import pytest

from bocamina.disk_room import DiskRoom
from bocamina.engine import Engine
from bocamina.site_file import parse_site
from gateway.domain.events import DiskSpace
from gateway.domain.moment import SECOND_US, Moment
from tests.end_to_end.mine import site_text

MINUTE = 60 * SECOND_US


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
    assert room.document() == {"journal_mb": 5.0, "quota_mb": 8000, "free_mb": 7995, "mb_a_day": None, "hours": None}
    assert room.trimming is not None
    journal.unlink()
    assert room.events(100 * MINUTE) == [], "a disk that is gone has an alarm of its own"


def test_without_a_quota_nothing_ever_leaves_the_journal(tmp_path) -> None:
    assert DiskRoom(parse_site(site_text(1883).encode()), tmp_path / "journal.db").trimming is None


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
