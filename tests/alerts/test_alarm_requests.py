"""What people ask of alarms."""

from alerts.model import State
from gateway.domain.events import Request


def test_only_a_named_person_of_a_role_that_may(mine):
    mine.seconds(10, co=500)
    assert "reviewer" in mine.says("acknowledge", role="reviewer").error
    assert "named person" in mine.says("acknowledge", by=" ").error
    assert mine.says("acknowledge", target="nada.level").error == "there is no active alarm 'nada.level'"
    assert "expected one of" in mine.says("silence").error
    assert mine.state() is State.UNACK


def test_a_request_that_comes_twice_is_done_once(mine):
    mine.seconds(10, co=500)
    request = Request("same", "acknowledge", "ana", "officer", "co.level", {})
    first = mine.desk.request(mine.moment, request)
    assert mine.desk.request(mine.moment, request) == first
    assert len([t for t in mine.desk.transitions() if t.by == "ana"]) == 1


def test_shelving_has_an_end_and_a_reason(mine):
    mine.seconds(31, dust=None)
    assert "number" in mine.says("shelve", "dust.comm_lost", reason="obra").error
    assert "480" in mine.says("shelve", "dust.comm_lost", minutes=481, reason="obra").error
    assert "reason" in mine.says("shelve", "dust.comm_lost", minutes=10).error
    assert mine.says("shelve", "dust.comm_lost", minutes=1, reason="obra").ok
    assert mine.state("dust.comm_lost") is State.SHELVED
    assert mine.desk.alarm("dust.comm_lost").underlying is State.UNACK
    mine.seconds(61, dust=None)
    assert mine.state("dust.comm_lost") is State.UNACK
    assert mine.says("unshelve", "dust.comm_lost").error == "dust.comm_lost is not shelved"


def test_what_kills_is_never_shelved(mine):
    mine.seconds(10, co=500, ch4=0.6, o2=19.0)
    mine.desk.report(mine.moment, "fan-1", "fan_failed", True, zone="frente")
    for target in ("co.level", "ch4.level", "o2.oxygen_low", "fan-1.fan_failed"):
        assert "never be shelved" in mine.says("shelve", target, minutes=5, reason="ruido").error


def test_a_shelved_warning_that_becomes_an_evacuation_is_heard(mine):
    mine.seconds(200, co=30)
    assert mine.says("shelve", minutes=60, reason="prueba").ok
    mine.seconds(5, co=400)
    assert mine.state() is State.UNACK
