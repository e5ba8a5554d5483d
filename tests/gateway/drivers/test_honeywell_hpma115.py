"""Honeywell HPMA115 frames (datasheet 32322550, tables 4 to 7; sensor protocols, section 2). Sums by hand."""

import pytest

from gateway.drivers.items import Frame, Item, Rejected
from gateway.drivers.table import DRIVERS

S0, C0 = "honeywell-hpma115s0", "honeywell-hpma115c0"


def items(driver: str, data: str, request: str = "") -> list[Item]:
    decoder = DRIVERS[driver].decoder(bytes.fromhex(request))
    return decoder.feed(bytes.fromhex(data)) + decoder.finish()


def values(driver: str, data: str) -> dict[str, tuple[float | None, str, str | None]]:
    (item,) = items(driver, data)
    assert isinstance(item, Frame)
    assert {reading.unit for reading in item.readings} == {"ug/m3"}
    return {r.quantity: (r.value, r.quality.word, r.reason.word) for r in item.readings}


def test_answers_of_both_models() -> None:
    # 40+05+04+0C+14 = 69, 100 - 69 = 97
    assert values(S0, "400504 000c 0014 97") == {"pm2_5": (12.0, "good", None), "pm10": (20.0, "good", None)}
    # 40+0D+04+05+0C+10+14 = 86, 100 - 86 = 7A
    assert values(C0, "400d04 0005 000c 0010 0014 00000000 7a") == {
        "pm1": (5.0, "good", None), "pm2_5": (12.0, "good", None),
        "pm4": (16.0, "good", None), "pm10": (20.0, "good", None),
    }  # fmt: skip


def test_auto_send_begins_like_a_plantower_and_keeps_its_words_elsewhere() -> None:
    # 42+4D+1C = AB; +0C+14 = CB. The standard sensor leaves the first word unused, the compact one does not
    assert values(S0, "424d001c 0000 000c 0014" + "0000" * 10 + "00cb") == {
        "pm2_5": (12.0, "good", None), "pm10": (20.0, "good", None),
    }  # fmt: skip
    compact = values(C0, "424d001c 0005 000c 0010 0014" + "0000" * 9 + "00e0")  # AB+5+C+10+14 = E0
    assert [compact[name][0] for name in ("pm1", "pm2_5", "pm4", "pm10")] == [5.0, 12.0, 16.0, 20.0]


def test_a_compact_answer_with_the_length_that_table_6_prints() -> None:
    # 40+05+04 = 49; +05+0C+10+14 = 7E; 100 - 7E = 82
    assert values(C0, "400504 0005 000c 0010 0014 00000000 82")["pm10"] == (20.0, "good", None)


def test_the_end_of_the_range_is_a_floor_and_all_zero_is_a_start() -> None:
    # 1000 = 03E8: 40+05+04+03+E8+03+E8 = 21F, low 1F, 100 - 1F = E1
    assert set(values(S0, "400504 03e8 03e8 e1").values()) == {(1000.0, "uncertain", "over_range")}
    assert set(values(S0, "400504 0000 0000 b7").values()) == {(0.0, "uncertain", "warming_up")}


def test_acknowledgements_are_glued_to_data() -> None:
    done, answer, again = items(S0, "a5a5 400504000c001497 a5a5")
    assert isinstance(done, Frame)
    assert (done.readings, done.info) == ((), {"reply": "done"})
    assert [item.offset for item in (done, answer, again)] == [0, 2, 10]
    (named,) = items(S0, "a5a5", request="68010196")
    assert isinstance(named, Frame)
    assert named.info == {"reply": "done", "command": "01"}


def test_a_refusal_is_an_error_of_the_device() -> None:
    refused, answer = items(S0, "9696 400504000c001497")
    assert isinstance(refused, Rejected)
    assert (refused.error, refused.offset, refused.length) == ("device", 0, 2)
    assert isinstance(answer, Frame)


@pytest.mark.parametrize(
    ("data", "info"),
    [
        ("400210644a", {"reply": "10", "coefficient": 100}),
        ("68010493", {"echo": "04"}),
        ("680208642a", {"echo": "0864"}),
    ],
)
def test_frames_without_a_measurement(data: str, info: dict[str, object]) -> None:
    for driver in (S0, C0):
        (item,) = items(driver, data)
        assert isinstance(item, Frame)
        assert (item.readings, item.info) == ((), info)


def test_the_start_commands_sum_to_zero() -> None:
    command = DRIVERS[S0].start_command
    assert [sum(command[at : at + 4]) & 0xFF for at in (0, 4)] == [0, 0]
