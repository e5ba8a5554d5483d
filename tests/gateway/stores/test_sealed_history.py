"""The same history when days were sealed meanwhile: the contracts hold, and not a bit of a reading changes."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import OperationFailed, StoreFailed
from gateway.domain.history import every
from gateway.domain.moment import NO_TIME, Moment
from gateway.domain.quality import Quality, Reason
from gateway.stores.archive import DAY_US, UNTIMED, Archive, day_of
from gateway.stores.archive_files import scaled
from gateway.stores.cursors import Cursors
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.past_readings import CURSOR
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.stores.sealing import seal
from tests.contracts.history import CO, NO2, T0, HistoryContract, S
from tests.contracts.history_steps import StepsContract
from tests.gateway.stores.test_embedded_history import JournalPast

LATER = T0 + 30 * DAY_US


class HoldingPast(JournalPast):
    """Notes a hold of 10 s with every site file."""

    def site(self, site_hash, sensors):
        document = {"site_hash": site_hash, "sensors": sensors, "holds_s": [10.0] * len(sensors)}
        self.journal.append([document_row(Kind.SITE, Moment(T0, T0), document)])


class SealedPast(HoldingPast):
    """Whoever asks finds every day sealed that is over, also between two pages."""

    def __init__(self, path):
        self.path, self.journal, self.embedded = path, Journal.open(path), EmbeddedHistory(path)
        self.archive = Archive(path.with_name("archive"))

    def seal(self, now_us=LATER):
        return seal(self.path, "orex-01", now_us)

    @property
    def history(self):
        self.seal()
        return self.embedded

    def all(self):
        """Every reading as it stands, without another sealing."""
        return list(every(lambda cursor: self.embedded.readings(limit=1000, cursor=cursor)))

    def raw_readings(self, *outcomes):
        self.journal.append([steps_row("a", [Step(Moment(T0, T0), [], outcomes)])])


@pytest.fixture
def sealed_past(tmp_path):
    made = SealedPast(tmp_path / "journal.db")
    yield made
    made.journal.close()


class TestSealedHistory(HistoryContract):
    @pytest.fixture
    def past(self, sealed_past):
        return sealed_past


class TestSealedSteps(StepsContract):
    @pytest.fixture
    def past(self, sealed_past):
        return sealed_past


class TestStepsOutOfTheJournal(StepsContract):
    @pytest.fixture
    def past(self, tmp_path):
        made = HoldingPast(tmp_path / "journal.db")
        yield made
        made.journal.close()


def test_days_are_sealed_when_they_are_over_and_nothing_moves(sealed_past):
    past = sealed_past
    past.site("a", [CO, NO2])
    day0 = T0 - T0 % DAY_US
    for hour in range(60):
        past.readings("a", [(hour % 2, day0 + hour * 3600 * S + i * 61 * S, i / 10) for i in range(50)])
    before = past.all()
    steps = past.embedded.rollups(60 * S, limit=5000).items
    done = past.seal(day0 + 2 * DAY_US + 3600 * S)
    days = [day_of(day0 + at * DAY_US) for at in range(3)]
    assert (done.days, done.late, done.waiting) == ((days[0],), (), (days[1], days[2]))
    assert past.all() == before
    assert past.seal(day0 + 2 * DAY_US + 3 * 3600 * S).days == (day_of(day0 + DAY_US),)
    assert past.all() == before
    assert past.embedded.rollups(60 * S, limit=5000).items == steps
    again = past.seal(day0 + 2 * DAY_US + 3 * 3600 * S)
    assert (again.days, again.late, again.readings) == ((), (), 0)
    assert [*past.archive.faults(day_of(day0))] == []


def test_what_comes_late_is_a_further_file_and_all_of_it_becomes_one_later(sealed_past):
    past = sealed_past
    past.site("a", [CO])
    for i in range(1000):
        past.readings("a", [(0, T0 + 2 * i * S, float(i))])
    past.seal(T0 + 2 * DAY_US)
    first = past.archive.manifest(day_of(T0)).files[0]
    for i in range(0, 1000, 10):
        past.readings("a", [(0, T0 + (2 * i + 1) * S, -float(i))], Quality.LATE, Reason.BACKLOG)
    unsealed, steps = past.all(), past.embedded.rollups(60 * S).items
    assert len(unsealed) == 1100
    assert [r.time_us for r in unsealed] == sorted(r.time_us for r in unsealed)
    done = past.seal(T0 + 2 * DAY_US)
    assert (done.days, done.late, done.readings) == ((), (day_of(T0),), 100)
    files = past.archive.manifest(day_of(T0)).of_kind("readings")
    assert (files[0], len(files)) == (first, 2)
    assert (past.all(), past.embedded.rollups(60 * S).items) == (unsealed, steps)
    assert past.seal().compacted == (day_of(T0),)
    assert len(past.archive.manifest(day_of(T0)).of_kind("readings")) == 1
    assert (past.all(), past.embedded.rollups(60 * S).items) == (unsealed, steps)
    names = {path.name for path in (past.archive.folder / day_of(T0)).iterdir()}
    assert names == {"manifest.json", *(file.name for file in past.archive.manifest(day_of(T0)).files)}


def test_a_page_begun_before_a_sealing_goes_on_after_it(sealed_past):
    past = sealed_past
    past.site("a", [CO, NO2])
    for i in range(60):
        past.readings("a", [(0, T0 + i * S, 1.0 * i), (1, T0 + i * S, 2.0 * i), (0, T0 + i * S, 3.0 * i)])
    past.raw_readings(*(Outcome(0, 3, 12, 1, NO_TIME, 1.0, float(i)) for i in range(5)))
    whole = past.all()
    for limit in (2, 64, 101):
        first = past.embedded.readings(limit=limit)
        past.seal()
        rest = list(every(lambda cursor, at=first.next: past.embedded.readings(limit=50, cursor=cursor or at)))
        assert first.items + rest == whole


def bits(number):
    return struct.pack("<d", number)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(), st.integers(-3000, 3000).map(lambda k: k / 10), st.sampled_from([0.0, -0.0, 1e300, 5e-324])
        ),
        min_size=1, max_size=60,
    )
)  # fmt: skip
def test_whole_steps_give_back_the_very_bits(values):
    import numpy as np

    found = scaled(np.array(values))
    for value, step, whole in zip(values, found.scaled.tolist(), found.whole.tolist(), strict=True):
        if whole:
            assert bits(step / found.per_unit) == bits(value)


def test_everything_a_reading_has_is_archived_bit_for_bit(sealed_past):
    past = sealed_past
    past.site("a", [CO, NO2])
    values = [0.1, 0.2, 0.3, -0.0, 1e17, math.inf, -math.inf, math.nan, 5e-324, 20.5, 1 / 3, 0.1 + 0.2]
    made = [
        Outcome(i % 2, i % 4, i % 14, i % 3, T0 + i * 999_999, value * 1.01 if i % 3 else value, value, i * 37 % 1000)
        for i, value in enumerate(values * 20)
    ]
    past.raw_readings(*made)
    past.seal()
    reader = past.embedded._reader
    found = [
        row
        for day in past.archive.days()
        for _first, _last, part in reader.readings(day, _catalog(), -(2**62), 2**62)
        for row in part.tolist()
    ]
    got = {row[0]: row for row in found}
    assert len(found) == len(made)
    for one in made:
        _, n, i, sensor, value, raw, quality, reason, delivery, seq, trusted = got[one.time_us]
        assert (sensor, quality, reason, delivery, seq) == (
            one.sensor, one.quality, one.reason, one.delivery, one.seq,
        )  # fmt: skip
        assert (n, i, trusted) == (past.journal.last_n, 0, True)
        for ours, theirs in ((value, one.value), (raw, one.raw)):
            assert (math.isnan(ours) and math.isnan(theirs)) or bits(ours) == bits(theirs)


def _catalog():
    from gateway.stores.journal import SensorRecord
    from gateway.stores.reading_rows import Catalog

    catalog = Catalog({})
    for record in (CO, NO2):
        catalog.number(SensorRecord(*record))
    return catalog


def test_a_cursor_that_fell_back_doubles_nothing(sealed_past):
    past = sealed_past
    past.site("a", [CO])
    past.readings("a", [(0, T0 + i * S, float(i)) for i in range(100)])
    before = past.all()
    past.seal()
    with Cursors.open(past.path) as cursors:
        cursors._execute("DELETE FROM cursors WHERE name = ?", CURSOR)
    assert past.all() == before
    (past.archive.folder / "pending.json").unlink()
    assert past.seal().readings == 0
    assert past.all() == before


def test_readings_of_1970_and_of_2099_have_days_of_their_own(sealed_past):
    past = sealed_past
    past.site("a", [CO])
    far = 4_070_908_800 * S
    past.readings("a", [(0, 5, 1.0), (0, -5, 9.0), (0, T0, 2.0), (0, far, 3.0), (0, 2**62, 4.0), (0, NO_TIME, 5.0)])
    before = past.all()
    done = past.seal()
    assert done.days == ("1970-01-01", day_of(T0), UNTIMED)
    assert done.waiting == ("2099-01-01",)
    assert past.all() == before
    assert [r.value for r in before] == [5.0, 9.0, 1.0, 2.0, 3.0, 4.0]


def test_a_day_of_many_readings_is_sealed_sensor_by_sensor(sealed_past, monkeypatch):
    past = sealed_past
    monkeypatch.setattr("gateway.stores.sealing.MOST_READINGS", 50)
    monkeypatch.setattr("gateway.stores.archive_reader.READINGS_AT_ONCE", 64)
    past.site("a", [CO, NO2])
    past.site("b", [("co-1", "co", "elsewhere", "ppm"), NO2])
    for i in range(200):
        past.readings("a" if i < 100 else "b", [(i % 2, T0 + i * 7 * S, float(i)), (0, T0 + i * 7 * S, 0.5 * i)])
    before, steps = past.all(), past.embedded.rollups(60 * S).items
    past.seal()
    assert len(past.archive.manifest(day_of(T0)).files[0].series) == 3
    assert (past.all(), past.embedded.rollups(60 * S).items) == (before, steps)


def test_what_is_not_what_was_sealed_is_named(sealed_past):
    past = sealed_past
    past.site("a", [CO])
    past.readings("a", [(0, T0, 1.0)])
    past.seal()
    file = past.archive.folder / day_of(T0) / past.archive.manifest(day_of(T0)).files[0].name
    file.write_bytes(file.read_bytes()[:-9] + b"123456789")
    (fault,) = past.archive.faults(day_of(T0))
    assert str(file) in fault
    assert "SHA-256" in fault
    with pytest.raises(StoreFailed, match=file.name):
        past.embedded.readings()
    file.unlink()
    assert [*past.archive.faults(day_of(T0))] == [f"{file}: is missing"]


@pytest.mark.parametrize(
    ("text", "what"), [("{", "no manifest"), ('{"format": 99', "no manifest"), ("", "no manifest")]
)
def test_a_manifest_that_is_none_is_told_in_one_sentence(sealed_past, text, what):
    past = sealed_past
    past.site("a", [CO])
    past.readings("a", [(0, T0, 1.0)])
    past.seal()
    (past.archive.folder / day_of(T0) / "manifest.json").write_text(text)
    with pytest.raises(StoreFailed, match=what):
        past.embedded.readings()


def test_one_sealing_at_a_time(sealed_past):
    import fcntl

    past = sealed_past
    past.seal()
    with (past.archive.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OperationFailed, match="another process is sealing"):
            past.seal()


def test_duckdb_loads_no_extension(sealed_past):
    past = sealed_past
    past.site("a", [CO])
    past.readings("a", [(0, T0, 1.0)])
    assert len(past.history.readings().items) == 1
    found = past.embedded._reader.query("SELECT extension_name, install_mode FROM duckdb_extensions() WHERE loaded", [])
    assert {mode for _name, mode in found.fetchall()} == {"STATICALLY_LINKED"}
