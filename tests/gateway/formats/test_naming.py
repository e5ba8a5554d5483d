"""Nodes, channels and counters (interfaces, Site file)."""

import pytest

from gateway.domain.measurement import NamedValue
from gateway.formats.naming import channel_of, node_level, node_of, quantity_of, split_counters
from gateway.formats.units import to_canonical


@pytest.mark.parametrize("name", ["co", "node7/co", "node7:co", "node7.co", "node7-co"])
def test_one_channel_however_the_node_writes_it(name: str) -> None:
    assert channel_of(name, "node7") == "node7/co"


@pytest.mark.parametrize(
    ("name", "node", "channel"),
    [
        ("node70/co", "node7", "node7/node70/co"),
        ("node7/rack/co", "node7", "node7/rack/co"),
        ("node7", "node7", "node7/node7"),
        ("node7/", "node7", "node7/node7/"),
        ("co", None, "co"),
    ],
)
def test_only_the_node_itself_is_taken_from_the_front(name: str, node: str | None, channel: str) -> None:
    assert channel_of(name, node) == channel


def test_the_node_of_a_serial_line() -> None:
    assert [node_of(n) for n in ("node7/co", "node7:co", "node7.co", "node-7/co", "co", "node-co")] == [
        "node7", "node7", "node7", "node-7", None, None,
    ]  # fmt: skip


def test_the_level_under_the_first_plus() -> None:
    assert node_level("bocamina/v1/x/node/+/senml", "bocamina/v1/x/node/node7/senml") == "node7"
    assert node_level("+/a/+", "n/a/m") == "n"
    assert node_level("a/b", "a/b") is None
    assert node_level("a/+/b", "a") is None
    assert node_level("a/+/b", "a//b") is None


def test_quantity_is_the_last_part_of_the_name() -> None:
    assert [quantity_of(n) for n in ("a/b:co", "pm2_5", "a.nc0_3", "co/x", "CO", "x_co")] == [
        "co", "pm2_5", "nc0_3", None, None, None,
    ]  # fmt: skip


def values(**pairs: float | str | bool | None) -> list[NamedValue]:
    return [NamedValue(None, f"node7/{name}", quantity_of(name), value, None, None) for name, value in pairs.items()]


def test_counters_are_taken_out_of_a_pack() -> None:
    others, boot, seq = split_counters(values(co=1.0, boot=3.0, seq=77.0), "node7")
    assert ([v.name for v in others], boot, seq) == (["node7/co"], 3, 77)
    others, boot, seq = split_counters(values(co=1.0), "node7")
    assert (len(others), boot, seq) == (1, None, None)


@pytest.mark.parametrize("wrong", [1.5, -1.0, 1e30, "3", True, None, float("nan")])
def test_a_broken_counter_counts_as_none_and_the_node_is_still_heard(wrong: float | str | bool | None) -> None:
    others, boot, seq = split_counters(values(co=1.0, boot=wrong, seq=5.0), "node7")
    assert ([v.name for v in others], boot, seq) == (["node7/co", "node7/boot"], None, 5)


def test_a_name_that_only_ends_like_a_counter_is_none() -> None:
    assert split_counters(values(reboot=3.0), "node7")[1] is None
    assert split_counters([NamedValue(None, "seq", None, 4.0, None, None)], "node7")[2] == 4


def test_conversion_of_a_value_whose_name_tells_no_quantity() -> None:
    assert to_canonical("co", 250.0, "ppb") == 0.25
    assert to_canonical("co", 5.0, None) == 5.0
    assert to_canonical("co", 5.0, "mg/m3") is None
    assert to_canonical("no_such", 5.0, "ppm") is None
