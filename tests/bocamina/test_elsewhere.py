"""A dose from another place: who may say it, how, and what comes of it."""

import pytest

from bocamina.elsewhere import read_elsewhere
from gateway.domain.errors import Refused
from gateway.domain.events import Request, Tick
from tests.bocamina.test_person_watch import Day, at, limit, rows_of


def request(said, ident="r1", by="ana", role="officer", target="tag-1"):
    return Request(ident, "presence", by, role, target, {"elsewhere": said})


def test_a_named_person_says_hours_and_doses():
    said = read_elsewhere(request({"hours": 4, "co": {"ppm_h": 80}, "hg": {"ug/m3_h": 0}}), {"co", "hg"}, 8.0)
    assert said == (4.0, {"co": 80.0, "hg": 0.0})
    assert read_elsewhere(request({"hours": 0, "co": {"ppm_h": 80}}), {"co"}, 8.0) == (0.0, {})


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (None, "presence: elsewhere is None"),
        ({}, r"elsewhere\.hours is None; expected 0 or more"),
        ({"hours": "4"}, r"elsewhere\.hours is '4'"),
        ({"hours": -1}, r"elsewhere\.hours is -1"),
        ({"hours": 16}, r"less than 24 together"),
        ({"hours": float("nan")}, r"elsewhere\.hours is nan"),
        ({"hours": True}, r"elsewhere\.hours is True"),
        ({"hours": 4, "c0": {"ppm_h": 1}}, r"elsewhere\.c0 is not followed here"),
        ({"hours": 4, "co": 80}, r'elsewhere\.co is 80; expected \{"ppm_h": number\}'),
        ({"hours": 4, "co": {"mg_m3_h": 80}}, r"elsewhere\.co is .*; expected"),
        ({"hours": 4, "co": {"ppm_h": -1}}, r"elsewhere\.co is .*0 or more"),
        ({"hours": 4, "co": {"ppm_h": 1e12}}, r"elsewhere\.co is"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(said, sentence):
    with pytest.raises(Refused, match=sentence) as refused:
        read_elsewhere(request(said), {"co"}, 8.0)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("by", "role", "target"), [("", "officer", "t"), ("ana", "miner", "t"), ("ana", "officer", "")]
)  # fmt: skip
def test_somebody_answers_for_it(by, role, target):
    with pytest.raises(Refused, match=r"^presence: (nobody is named|elsewhere needs a named person)"):
        read_elsewhere(request({"hours": 1}, by=by, role=role, target=target), {"co"}, 8.0)


def test_it_stands_on_record_counts_at_once_and_withdraws_who_had_enough():
    day = Day()
    day.see("tag-1", "frente-1")
    out = day.engine.step(at(day.now), [request({"hours": 6, "co": {"ppm_h": 210}, "no2": {"ppm_h": 0}}), Tick()])
    assert [reply.ok for reply, _ in out.replies] == [True]
    assert out.requests[0]["args"] == {"elsewhere": {"hours": 6, "co": {"ppm_h": 210}, "no2": {"ppm_h": 0}}}
    assert (out.requests[0]["by"], out.requests[0]["ok"]) == ("ana", True)
    day.pass_to(122)
    row = rows_of(day, "tag-1")[-1]
    assert (row["elsewhere_h"], row["result_method"]) == (6.0, "area_estimate")
    assert (limit(row)["low"], limit(row)["verdict"]) == (pytest.approx(26.25), "exceeded")
    alarm = day.engine.desk.alarm("frente-1.twa")
    assert alarm is not None
    assert alarm.beyond
    assert day.engine.people.persons.zone_of("tag-1") == "frente-1", "it moved nobody"


def test_a_refusal_is_answered_and_changes_nothing():
    day = Day()
    day.see("tag-1", "frente-1")
    before = day.engine.people.dump()
    out = day.engine.step(at(day.now), [request({"hours": 4, "xx": {"ppm_h": 1}})])
    (reply, _request) = out.replies[0]
    assert (reply.ok, reply.error) == (False, "presence: elsewhere.xx is not followed here")
    assert day.engine.people.dump() == before
