"""Room for the journal in hours at the present rate; the alarm comes early and stays until there is clearly more."""

import os
from types import SimpleNamespace

import pytest

from gateway.domain.errors import StoreFailed
from gateway.stores.room import HOUR_US, LAST_BYTES, LOW_BYTES, RoomWatch

MB = 1_000_000


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A journal file and a disk in the test's hand."""
    path = tmp_path / "journal.db"
    hand = SimpleNamespace(path=path, free=10_000 * MB)
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_bavail=hand.free // 4096, f_frsize=4096))

    def size(megabytes: float) -> None:
        hand.used = round(megabytes * MB)
        with path.open("wb") as file:
            file.truncate(max(hand.used, hand.grown))
        hand.grown = max(hand.used, hand.grown)

    hand.size, hand.grown = size, 0
    hand.watch = lambda quota=None: RoomWatch(path, quota, lambda: hand.used)
    size(100)
    return hand


def test_hours_at_the_present_rate(disk):
    watch = disk.watch()
    assert watch.look(0).hours is None
    disk.size(120)
    room = watch.look(HOUR_US)
    assert room.bytes_an_hour == 20 * MB
    assert room.hours == pytest.approx(500, rel=0.001)
    assert (room.level, room.quota_bytes) == (0, None)
    assert str(room) == "room for 10000 MB, 500 h at the present rate; the journal has 120 MB"


def test_it_looks_once_a_minute(disk):
    watch = disk.watch()
    assert watch.look(0) is not None
    assert watch.look(59_999_999) is None
    assert watch.look(60_000_000) is not None


def test_the_quota_counts_when_it_is_less_than_the_disk(disk):
    watch = disk.watch(1000 * MB)
    assert watch.look(0).bytes_free == 900 * MB
    disk.size(1200)
    room = watch.look(HOUR_US)
    assert (room.bytes_free, room.hours, room.level) == (-200 * MB, 0.0, 2)
    assert "room for 0 MB, 0 h at the present rate; the journal has 1200 MB of 1000 MB" in str(room)


def test_little_room_alarms_before_there_is_none_and_until_there_is_clearly_more(disk):
    watch, at = disk.watch(), 0
    levels = []
    for free in (LOW_BYTES + MB, LOW_BYTES - MB, LOW_BYTES + MB, round(1.3 * LOW_BYTES), LAST_BYTES - MB, LOW_BYTES):
        at += HOUR_US
        disk.free = free
        levels.append(watch.look(at).level)
    assert levels == [0, 1, 1, 0, 2, 1]


def test_much_room_that_fills_fast_is_little(disk):
    watch = disk.watch()
    watch.look(0)
    levels = []
    for hour, (size, free) in enumerate([(200, 10_000), (400, 9_000), (1000, 5_000), (2000, 3_000)], start=1):
        disk.size(size)
        disk.free = free * MB
        levels.append(watch.look(hour * HOUR_US).level)
    assert levels == [0, 1, 1, 2]


def test_a_journal_that_uses_its_freed_pages_again_does_not_grow(disk):
    watch = disk.watch()
    watch.look(0)
    room = watch.look(2 * HOUR_US)
    assert (room.bytes_an_hour, room.hours, room.level) == (0.0, None, 0)


def test_pages_that_rows_have_left_are_room(disk):
    watch = disk.watch(1000 * MB)
    disk.size(1010)
    assert watch.look(0).level == 2
    disk.free = 300 * MB
    disk.size(900)  # the file keeps its 1010
    room = watch.look(HOUR_US)
    assert (room.level, room.journal_bytes, room.bytes_free) == (0, 900 * MB, 100 * MB)


def test_near_the_quota_it_alarms_only_above_what_trimming_leaves(disk):
    disk.free = 1_000_000 * MB
    watch = disk.watch(1000 * MB)
    levels = []
    for hour, used in enumerate((500, 901, 949, 951, 930, 1001, 980, 969, 921, 919)):
        disk.size(used)
        levels.append(watch.look(hour * HOUR_US).level)
    assert levels == [0, 0, 0, 1, 1, 2, 2, 1, 1, 0]


def test_before_anybody_has_measured_the_rows_only_the_disk_counts(disk):
    watch = RoomWatch(disk.path, 10 * MB)
    assert (watch.look(0).level, watch.room.quota_bytes) == (0, None)
    disk.free = LAST_BYTES - MB
    assert watch.look(HOUR_US).level == 2


def test_a_disk_that_is_gone_is_one_sentence(tmp_path):
    with pytest.raises(StoreFailed, match=r"journal\.db: No such file or directory"):
        RoomWatch(tmp_path / "journal.db").look(0)
