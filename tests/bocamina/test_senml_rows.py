"""The short way for plain packs says what the long way says, or nothing."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bocamina.inbound import pack_of
from bocamina.senml_rows import MOST_NAMES, SenmlRows
from gateway.domain.errors import FormatError
from gateway.domain.events import Pack
from gateway.formats.senml import decode_senml_json

CHANNELS = {
    "node7/co": (0, "co"), "node7/ch4": (1, "ch4"), "node7/temperature": (2, "temperature"), "node7/t1": (3, "co"),
    "node7/o2": (4, "no2"), "node7/dust": (5, "dust_inhalable"), "node7/fan": (6, "fan_running"),
}  # fmt: skip
NOW_S = 1_795_000_000.25


def long_way(payload: bytes, node: str = "node7") -> Pack | None:
    try:
        return pack_of("nodes", node, decode_senml_json(payload, NOW_S), CHANNELS, 0)
    except FormatError:
        return None


names = st.sampled_from(
    ["co", "ch4", "temperature", "t1", "o2", "dust", "fan", "boot", "seq", "pony", "", "node7/co", "a b"]
)
units = st.sampled_from(["ppm", "/100", "Cel", "ppb", "mg/m3", "ug/m3", "", "W"])
records = st.fixed_dictionaries(
    {},
    optional={
        "n": names, "bn": st.sampled_from(["", "node7/", "node7:", "x"]), "u": units,
        "v": st.floats(allow_nan=False, width=32) | st.integers(0, 9) | st.just(-1),
        "t": st.sampled_from([0, -5, 3.5, 1.7e9, 1e300]), "bt": st.sampled_from([0, 1.79e9, -1.5, 2.0**28]),
        "vs": st.just("x"), "vb": st.booleans(), "bu": st.just("ppm"), "bv": st.just(2), "s": st.just(1),
        "x": st.just(0),
    },
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.lists(records, max_size=6), min_size=1, max_size=4))
@example([[{"n": "co", "v": 1}, {"n": "co", "u": "ppb", "v": 1}, {"n": "co", "v": 1}]])
@example([[{"n": "seq", "v": 1.5}], [{"n": "boot", "v": 2**63}], [{"n": "seq", "v": 7}]])
def test_the_short_way_is_the_long_way_or_none(packs: list[list[dict[str, Any]]]) -> None:
    rows = SenmlRows("nodes", CHANNELS)
    for pack in packs:
        payload = json.dumps(pack).encode()
        short = rows.pack("node7", payload, NOW_S, 0)
        assert short is None or short == long_way(payload)


def test_the_common_packs_go_the_short_way() -> None:
    rows = SenmlRows("nodes", CHANNELS)
    for pack in (
        [{"n": "boot", "v": 1}, {"n": "seq", "v": 2}, {"n": "co", "v": 3.5}],
        [{"bn": "node7/", "bt": 1.795e9, "n": "co", "u": "ppm", "v": 1}, {"n": "ch4", "u": "/100", "v": 0.2, "t": 1}],
        [{"n": "temperature", "u": "Cel", "v": 20}, {"n": "t1", "u": "ppb", "v": 2500}, {"n": "pony", "v": 1}],
    ):
        payload = json.dumps(pack).encode()
        short = rows.pack("node7", payload, NOW_S, 0)
        assert short is not None
        assert short == long_way(payload)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b"[1]", b"[[]]", b'[{"n":"co","v":1e999}]', b'[{"n":"co","v":null}]', b"\xff", b"[" * 5000,
     b'[{"n":"o2","v":1}]', b'[{"n":"a b","v":1}]'],
)  # fmt: skip
def test_what_is_wrong_or_a_fault_is_left_to_the_long_way(payload: bytes) -> None:
    assert SenmlRows("nodes", CHANNELS).pack("node7", payload, NOW_S, 0) is None


@pytest.mark.parametrize("node", ["", "a/b", "a+", "\u00ad"])
def test_a_node_that_is_no_level_is_left_to_the_long_way(node: str) -> None:
    assert SenmlRows("nodes", CHANNELS).pack(node, b'[{"n":"co","v":1}]', NOW_S, 0) is None


def test_strangers_cannot_fill_the_memory() -> None:
    rows = SenmlRows("nodes", CHANNELS)
    for n in range(MOST_NAMES + 100):
        rows.pack("node7", b'[{"bn":"%d","n":"x","v":1}]' % n, NOW_S, 0)
    assert rows._names == MOST_NAMES
    assert rows.pack("node7", b'[{"n":"new","v":1}]', NOW_S, 0) is None
    assert len(rows._nodes["node7"]) <= 2 * MOST_NAMES
