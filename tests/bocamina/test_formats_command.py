"""`bocamina formats` to the letter of the interface."""

import json
import subprocess
import sys
from pathlib import Path

import cbor2
import pytest

PACK = b'[{"bn":"node7/","bt":1276020076.001,"n":"co","u":"ppm","v":1.2},{"n":"state","vs":"ok"}]'


def formats(*arguments: str, data: bytes = b"") -> tuple[int, str, str]:
    command = [sys.executable, "-m", "bocamina", "formats", *arguments]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_one_payload(tmp_path: Path) -> None:
    file = tmp_path / "pack.json"
    file.write_bytes(PACK)
    when = 1276020076.001
    expected = {
        "readings": [
            {"node": None, "name": "node7/co", "quantity": "co", "value": 1.2, "unit": "ppm", "time": when},
            {"node": None, "name": "node7/state", "quantity": None, "value": "ok", "unit": None, "time": when},
        ]
    }
    for arguments, data in (([str(file)], b""), ([], PACK)):
        status, out, err = formats("senml-json", *arguments, "--json", data=data)
        assert (status, json.loads(out), err) == (0, expected, "")


def test_the_topic_tells_the_node_and_the_clock_is_an_option() -> None:
    data = b'[{"n":"co","u":"ppb","v":250,"t":-5},{"n":"no2","u":"ppm","v":1}]'
    topic = "bocamina/v1/orex-01/node/node7/senml"
    _, out, _ = formats("senml-json", "--json", "--now", "1800000000", "--topic", topic, data=data)
    one, two = json.loads(out)["readings"]
    assert one == {
        "node": "node7", "name": "co", "quantity": "co", "value": 0.25, "unit": "ppm", "time": 1799999995.0,
    }  # fmt: skip
    assert (two["node"], two["time"]) == ("node7", None)
    _, out, _ = formats("senml-json", "--json", "--topic", "some/other/topic", data=data)
    assert json.loads(out)["readings"][0]["node"] is None


def test_an_error_is_an_answer_and_status_1() -> None:
    status, out, err = formats("senml-json", "--json", data=b'[{"n":"co","v":NaN}]')
    assert (status, err) == (1, "")
    assert set(json.loads(out)) == {"error", "detail"}


def test_every_line_is_answered() -> None:
    lines = [
        {"topic": "bocamina/v1/x/node/a/senml", "payload": '[{"n":"co","v":1}]'},
        {"topic": "bocamina/v1/x/node/b/senml", "payload": "nonsense"},
        {"payload_hex": b'[{"n":"o2","v":20}]'.hex()},
        {"topic": "t"},
        {"topic": "t", "payload_hex": "zz"},
    ]
    data = "\n".join([*(json.dumps(line) for line in lines), "no json", '{"topic": 5}']).encode()
    status, out, _ = formats("senml-json", "--lines", "--json", data=data)
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert len(answers) == 7
    assert answers[0]["readings"][0]["node"] == "a"
    assert answers[2]["readings"][0]["quantity"] == "o2"
    assert [answer.get("error") for answer in answers] == [None, "json", None, "line", "line", "line", "line"]


def test_cbor_and_a_value_that_is_none() -> None:
    data = cbor2.dumps([{0: "node7/co", 1: "ppm", 2: float("nan")}])
    status, out, _ = formats("senml-cbor", "--json", data=data)
    assert status == 0
    assert json.loads(out)["readings"][0]["value"] is None


@pytest.mark.parametrize("clock", ["nan", "inf", "1e300"])
def test_a_clock_that_no_clock_can_show(clock: str) -> None:
    status, out, err = formats("senml-json", "--json", "--now", clock, data=PACK)
    assert (status, out) == (2, "")
    assert err == f"--now {float(clock):g}: expected seconds since 1970\n"


def test_people_get_a_table() -> None:
    _, out, _ = formats("senml-json", data=PACK)
    assert "node7/co" in out
    assert "{" not in out


@pytest.mark.parametrize(
    ("name", "words"),
    [("senml", "did you mean 'senml-"), ("tasmata", "did you mean 'tasmota'"), ("csv", "expected one of")],
)
def test_an_unknown_format_is_one_sentence_and_status_2(name: str, words: str) -> None:
    status, out, err = formats(name)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert words in err
