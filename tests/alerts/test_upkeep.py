"""Calibrations, bump tests and proof tests: what is due, and what was done (limits reference 6.5)."""

import pytest
from msgspec import msgpack

from alerts.model import Priority
from alerts.upkeep import Upkeep
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import Site

DAY_US = 86_400 * SECOND_US
TODAY = 20_800  # 2026-12-13, in days since 1970


def site(**of_co):
    def sensor(name, quantity, **more):
        return {"id": name, "zone": "z", "quantity": quantity, "source": "n", "channel": f"n/{name}", **more}

    return Site.model_validate({
        "site": {"id": "m", "name": "m"},
        "zones": [{"id": "z", "name": "z", "kind": "face"}],
        "sensors": [sensor("co", "co", **of_co), sensor("t", "temperature"), sensor("hg", "hg")],
        "actuators": [
            {"id": "siren-1", "kind": "siren", "zones": ["z"]},
            {"id": "fan-1", "kind": "fan", "zones": ["z"], "mode": "blowing", "proof_test_days": 30},
            {"id": "beacon-1", "kind": "beacon", "zones": ["z"]},
        ],
    })  # fmt: skip


def on(day, *, trusted=True):
    at = round(day * DAY_US)
    return Moment(at, at, trusted)


class Diary:
    """Upkeep, and all that it said to be due."""

    def __init__(self, of=None, overdue=lambda _i: 0):
        self.upkeep, self.due = Upkeep(of or site(), overdue), {}

    def look(self, day, **more):
        for found in self.upkeep.findings(on(day, **more)):
            name = f"{found.subject}.{found.condition}"
            if found.beyond:
                self.due[name] = found
            else:
                del self.due[name]
        return set(self.due)

    def records(self, day, target, what, passed=True, *, by="ana", role="officer", trusted=True):
        args = {"what": what, "passed": passed}
        self.upkeep.request(on(day, trusted=trusted), Request("r", "maintenance", by, role, target, args))


def test_nothing_is_due_on_the_first_day_of_a_new_site():
    old = {"calibration": {"date": "2024-01-01"}}
    assert Diary(site(**old)).look(TODAY) == set()
    assert Diary().look(TODAY) == set()


def test_what_was_never_recorded_counts_from_the_day_it_was_first_seen():
    diary = Diary()
    for day in range(30):
        assert diary.look(TODAY + day) == set()
    assert diary.look(TODAY + 30) == {"co.bump_due", "fan-1.proof_test_due"}, "neither mercury nor temperature"
    assert diary.look(TODAY + 90) == {"co.bump_due", "fan-1.proof_test_due", "siren-1.proof_test_due"}
    found = diary.due["co.bump_due"]
    assert (found.priority, found.value, found.limit, found.unit, found.sensor) == (Priority.NOTICE, 30, 30, "d", "co")
    assert found.reason == "last on 2026-12-13"
    assert "[D]" in found.source


def test_a_calibration_is_a_test_with_gas():
    diary = Diary(site(calibration={"date": "2026-12-03"}, bump_days=15))  # ten days ago
    assert diary.look(TODAY) == set()
    assert diary.look(TODAY + 4) == set()
    assert diary.look(TODAY + 5) == {"co.bump_due"}


def test_what_was_passed_is_due_again_after_its_time():
    diary = Diary()
    diary.look(TODAY)
    diary.look(TODAY + 40)
    diary.records(TODAY + 40, "co", "bump_test")
    diary.records(TODAY + 40, "fan-1", "proof_test", role="technician")
    assert diary.look(TODAY + 40) == set()
    assert diary.upkeep.take_bump_tests() == [0]
    assert diary.upkeep.take_bump_tests() == []
    assert diary.upkeep.take_failed_bump_tests() == []
    assert diary.look(TODAY + 69) == set()
    assert diary.look(TODAY + 70) == {"co.bump_due", "fan-1.proof_test_due"}


def test_what_was_failed_is_due_at_once_and_nobody_relies_on_it():
    diary = Diary()
    diary.look(TODAY)
    diary.records(TODAY, "co", "calibration_check", passed=False)
    diary.records(TODAY, "siren-1", "proof_test", passed=False)
    assert diary.look(TODAY) == {"co.bump_due", "siren-1.proof_test_due"}
    assert diary.due["siren-1.proof_test_due"].priority is Priority.WARNING
    assert diary.due["co.bump_due"].reason == "failed, ana"
    assert diary.upkeep.take_failed_bump_tests() == [0]
    assert diary.upkeep.take_bump_tests() == []
    diary.records(TODAY + 1, "co", "bump_test")
    assert diary.look(TODAY + 1) == {"siren-1.proof_test_due"}


def test_an_overdue_calibration_is_a_notice_and_twice_overdue_a_warning():
    age = [0]
    diary = Diary(overdue=lambda i: age[0] if i == 0 else 0)
    assert diary.look(TODAY) == set()
    age[0] = 1
    assert diary.look(TODAY + 1) == {"co.calibration_due"}
    assert diary.due["co.calibration_due"].priority is Priority.NOTICE
    age[0] = 2
    diary.look(TODAY + 2)
    assert diary.due["co.calibration_due"].priority is Priority.WARNING
    age[0] = 0
    assert diary.look(TODAY + 3) == set()


def test_a_clock_that_is_not_trusted_makes_nothing_due():
    diary = Diary()
    assert diary.look(0, trusted=False) == set()
    diary.records(0, "co", "bump_test", trusted=False)
    assert diary.look(TODAY) == set()
    assert diary.look(TODAY + 29) == set()
    assert "co.bump_due" in diary.look(TODAY + 30)


def test_it_looks_once_a_minute_and_says_what_is_new_only():
    diary = Diary()
    diary.look(TODAY)
    assert len(diary.upkeep.findings(on(TODAY + 31))) == 2
    assert diary.upkeep.findings(on(TODAY + 31)) == []
    assert diary.upkeep.findings(on(TODAY + 31.5)) == []
    assert diary.upkeep.findings(on(TODAY + 32)) == []


def test_a_restart_changes_nothing_and_what_is_gone_from_the_site_is_due_no_more():
    diary = Diary()
    diary.look(TODAY)
    diary.records(TODAY, "co", "bump_test", passed=False)
    diary.look(TODAY + 31)
    kept = msgpack.decode(msgpack.encode(diary.upkeep.dump()))
    diary.upkeep = Upkeep(site())
    diary.upkeep.load(kept)
    assert diary.upkeep.findings(on(TODAY + 31)) == []
    assert diary.upkeep.take_failed_bump_tests() == [0]
    fewer = site()
    diary.upkeep = Upkeep(fewer.model_copy(update={"sensors": fewer.sensors[1:], "actuators": fewer.actuators[:1]}))
    diary.upkeep.load(kept)
    assert diary.look(TODAY + 32) == set()
    assert diary.upkeep.take_failed_bump_tests() == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"by": " "}, "nobody is named"),
        ({"role": "reviewer"}, "'reviewer' may not record it"),
        ({"role": "miner"}, "expected one of admin, officer, supervisor, technician"),
        ({"what": "dusting"}, "`what` is 'dusting'; expected one of bump_test, calibration_check, proof_test"),
        ({"passed": "yes"}, "`passed` is 'yes'; expected true or false"),
        ({"passed": None}, "expected true or false"),
        ({"target": "t"}, "'t' is no gas sensor of this site"),
        ({"target": "siren-1"}, "'siren-1' is no gas sensor"),
        ({"what": "proof_test"}, "'co' is no siren or fan"),
        ({"what": "proof_test", "target": "beacon-1"}, "'beacon-1' is no siren or fan"),
    ],
)
def test_a_wrong_request_is_one_clear_sentence(change, why):
    diary = Diary()
    whole = {"by": "ana", "role": "officer", "target": "co", "what": "bump_test", "passed": True} | change
    with pytest.raises(Refused, match=f"maintenance: .*{why}"):
        diary.records(TODAY, **whole)
    assert diary.upkeep.take_bump_tests() == []
