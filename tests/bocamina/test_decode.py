"""`bocamina decode` to the letter of the interface."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WORDS = [5, 13, 22, 4, 12, 21, 1280, 356, 146, 22, 3, 1, 0x9700]
BODY = b"BM\x00\x1c" + b"".join(word.to_bytes(2, "big") for word in WORDS)
FRAME = BODY + sum(BODY).to_bytes(2, "big")
BAD = FRAME[:-1] + bytes([FRAME[-1] ^ 1])


def decode(*arguments: str, data: bytes = b"") -> tuple[int, str, str]:
    command = [sys.executable, "-m", "bocamina", "decode", *arguments]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def items(*arguments: str, data: bytes = b"") -> tuple[int, list[dict[str, object]]]:
    status, out, err = decode(*arguments, "--json", data=data)
    assert err == ""
    return status, [json.loads(line) for line in out.splitlines()]


def test_bytes_from_standard_input_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "frames.bin"
    file.write_bytes(b"\x01\x02" + FRAME + FRAME[:9])
    for source, data in ((str(file), b""), ("-", file.read_bytes())):
        status, found = items("plantower-pms", source, data=data)
        assert status == 0
        assert [(item["offset"], item["length"], item.get("error")) for item in found] == [
            (0, 2, "garbage"), (2, 32, None), (34, 9, "truncated"),
        ]  # fmt: skip
        assert found[1]["readings"][1] == {"quantity": "pm2_5", "value": 12.0, "unit": "ug/m3", "quality": "good"}  # type: ignore[index]
        assert set(found[0]) == {"offset", "length", "error", "detail"}


def test_a_reading_that_is_not_good_has_a_reason_and_an_invalid_one_no_value() -> None:
    def first(last_word: int, words: list[int]) -> object:
        body = b"BM\x00\x1c" + b"".join(word.to_bytes(2, "big") for word in [*words, last_word])
        return items("plantower-pms", data=body + sum(body).to_bytes(2, "big"))[1][0]["readings"][0]  # type: ignore[index]

    assert first(0, [0] * 12) == {
        "quantity": "pm1", "value": 0.0, "unit": "ug/m3", "quality": "uncertain", "reason": "warming_up",
    }  # fmt: skip
    assert first(0x9701, WORDS[:-1]) == {"quantity": "pm1", "unit": "ug/m3", "quality": "bad", "reason": "fault"}


def test_status_1_without_a_valid_frame() -> None:
    status, found = items("plantower-pms", data=BAD)
    assert (status, [item["error"] for item in found]) == (1, ["checksum"])
    assert items("plantower-pms") == (1, [])
    assert items("winsen-ze03", data=FRAME)[0] == 1


def test_hexadecimal_text_with_any_white_space() -> None:
    text = FRAME.hex(" ").upper().replace("42 4D", "4\n2\t4 D\r\n").encode()
    assert items("plantower-pms", "--hex", data=text) == items("plantower-pms", data=FRAME)


def test_every_line_is_a_stream_of_its_own() -> None:
    text = "\n".join([FRAME.hex(), FRAME[:9].hex(" "), "", "07", FRAME[9:].hex()])
    status, found = items("plantower-pms", "--lines", data=text.encode())
    assert status == 0
    assert [(item["line"], item["offset"], item.get("error")) for item in found] == [
        (0, 0, None), (1, 0, "truncated"), (3, 0, "garbage"), (4, 0, "garbage"),
    ]  # fmt: skip


def test_a_line_of_text_is_a_json_string() -> None:
    text = b'"$IIMTA,2,C*29"\n  "\\u0002Q\\u00ff\\r\\n"  \n24\n"\xc4\x80"\n'
    status, found = items("nmea0183", "--lines", data=text)
    assert status == 0
    assert [(item["line"], item["length"], item.get("error")) for item in found] == [
        (0, 13, None), (1, 5, "garbage"), (2, 1, "truncated"), (3, 2, "garbage"),
    ]  # fmt: skip
    assert items("nmea0183", data=b"$IIMTA,2,C*29\r\n")[1][0]["readings"] == found[0]["readings"]


def test_a_frame_without_a_measurement_is_info() -> None:
    status, (item,) = items("plantower-pms", "--hex", data=b"424d0004e1010175")
    assert (status, item) == (0, {"offset": 0, "length": 8, "info": {"reply": "e1", "data": "01"}})


def test_a_node_shows_its_id_and_counters() -> None:
    # [{bn: "n/", n: "co", u: "ppm", v: 7}, {n: "boot", v: 1}, {n: "seq", v: 2}]
    import cbor2
    from cobs import cobs
    from fastcrc import crc16

    payload = cbor2.dumps([{-2: "n/", 0: "co", 1: "ppm", 2: 7, 6: -3}, {0: "boot", 2: 1}, {0: "seq", 2: 2}])
    frame = cobs.encode(payload + crc16.ibm_3740(payload).to_bytes(2, "big")) + b"\x00"
    _, (item,) = items("bocamina-node", data=frame)
    assert item == {
        "offset": 0, "length": len(frame), "node": "n", "boot": 1, "seq": 2,
        "readings": [
            {"quantity": "co", "value": 7.0, "unit": "ppm", "quality": "good", "name": "n/co", "time": -3.0}
        ],
    }  # fmt: skip


def test_people_get_a_table() -> None:
    status, out, _ = decode("plantower-pms", data=FRAME + BAD)
    assert status == 0
    assert "pm2_5" in out
    assert "ug/m3" in out
    assert "checksum" in out
    assert "{" not in out


@pytest.mark.parametrize(
    ("arguments", "data", "words"),
    [
        (["plantower"], b"", ["'plantower'", "did you mean 'plantower-pms'"]),
        (["modbus"], b"", ["'modbus'", "--map NAME", "honeywell-xnx"]),
        (["modbus", "--map", "honeywel-xnx"], b"", ["'honeywel-xnx'", "did you mean 'honeywell-xnx'"]),
        (["modbus", "--map", "renke-rs-fs", "--request", "0103"], b"", ["--request 0103", "no Modbus request"]),
        (["winsen-ze03", "--map", "renke-rs-fs"], b"", ["--map renke-rs-fs", "'modbus'"]),
        (["plantower-pms", "/no/such/file"], b"", ["/no/such/file", "readable"]),
        (["plantower-pms", "--hex"], b"42 4g", ["standard input", "'g'"]),
        (["plantower-pms", "--hex"], b"42 4", ["standard input", "odd number"]),
        (["plantower-pms", "--lines"], b"42\n4\n", ["line 2", "odd number"]),
        (["plantower-pms", "--lines"], b'"BM"\n', ["line 1", "no hexadecimal digit"]),
        (["nmea0183", "--lines"], b'"$\n', ["line 1", "no JSON string"]),
        (["winsen-ze03", "--request", "xyz"], b"", ["--request", "'x'"]),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(arguments: list[str], data: bytes, words: list[str]) -> None:
    status, _, err = decode(*arguments, data=data)
    assert status == 2
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_a_request_is_accepted() -> None:
    assert items("winsen-ze03", "--request", "ff 01 86 00 00 00 00 00 79", "--hex", data=b"ff040300001903e8f5")[0] == 0
