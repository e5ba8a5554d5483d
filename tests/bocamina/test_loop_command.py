"""`bocamina loop` to the letter of the interface."""

import json

import pytest

from bocamina.cli import run


def test_one_object_with_value_quality_and_reason(capfd) -> None:
    assert run(["loop", "--profile", "namur-ne43", "12", "--zero", "0", "--span", "25", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"value": 12.5, "quality": "good", "reason": None}
    assert run(["loop", "--profile", "namur-ne43", "2.0", "--zero", "0", "--span", "25", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"value": None, "quality": "bad", "reason": "fault"}


def test_people_get_a_line(capfd) -> None:
    assert run(["loop", "--profile", "msa-ultima-x", "21", "--zero", "0", "--span", "100"]) == 0
    assert capfd.readouterr().out == "106.25 uncertain (over_range)\n"
    assert run(["loop", "--profile", "msa-ultima-x", "3.75", "--zero", "0", "--span", "100"]) == 0
    assert capfd.readouterr().out == "– uncertain (warming_up)\n"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("--profile nope 12 --zero 0 --span 25", "'nope'"),
        ("--profile namur-ne43 nan --zero 0 --span 25", "MILLIAMPERE"),
        ("--profile namur-ne43 12 --zero 0 --span 0", "--span"),
        ("--profile namur-ne43 12 --zero inf --span 1", "--zero"),
        ("--profile namur-ne43 12 --span 25", "--zero"),
        ("12 --zero 0 --span 25", "--profile"),
        ("--profile namur-ne43 x --zero 0 --span 25", "milliampere"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(capfd, arguments: str, word: str) -> None:
    assert run(["loop", *arguments.split()]) == 2
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert word in output.err
