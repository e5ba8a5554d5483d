"""Sparkplug B as a host hears it (specification 3.0). The two long payloads were made with Google's protobuf."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.devices import sparkplug_node as sim
from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.formats.session import Publication
from gateway.formats.sparkplug_b import NODES, REBIRTH_EVERY_S, SparkplugHost
from gateway.formats.sparkplug_payload import MAX_PAYLOAD, read_payload, rebirth_command

NOW = 1_795_000_001.0
NODE = "spBv1.0/orex/{}/nodo7"

BIRTH = bytes.fromhex(
    "0880bcd9f29e3412120a0562645365711880bcd9f29e3420085807122c0a064761732f636f10011880bcd9f29e3420094a120a07656e67556e"
    "69741207080c420370706d650000484112170a0b74656d70657261747572651002200150f6ffffff0f121a0a144e6f646520436f6e74726f6c"
    "2f52656269727468200b70001800"
)
"""bdSeq 7; Gas/co, alias 1, Float 12.5, engUnit ppm; temperature, alias 2, Int8 −10 sign-extended; seq 0."""
DATA = bytes.fromhex("08e8c3d9f29e34120e10011884c3d9f29e34650000000012071002280150f5011204100138011801")
"""Alias 1 = 0.0; alias 2 = Int8 −11 masked to 8 bits and historical; alias 1 null; seq 1."""


def births(*metrics: bytes, seq: int = 0, bd_seq: int = 0) -> bytes:
    return sim.payload([sim.metric(bd_seq, sim.UINT64, name="bdSeq"), *metrics], 1000, seq)


def co(value: float | None = 1.0, *, name: str | None = None, kind: int = sim.FLOAT) -> bytes:
    return sim.metric(value, kind, name=name, alias=1, tells_kind=name is not None)


class Host:
    """A session, and what it asks for."""

    def __init__(self) -> None:
        self.session = SparkplugHost()
        self.asked: list[Publication] = []
        self.lost: list[str] = []
        self.now = NOW

    def hears(self, topic: str, payload: bytes) -> list[NamedValue]:
        try:
            return self.session(topic, payload, self.now)
        finally:
            aside = self.session.aside()
            self.asked += aside.publish
            self.lost += aside.lost
            self.history = aside.history

    def born(self, **more: int) -> "Host":
        self.hears(NODE.format("NBIRTH"), births(co(name="co"), **more))
        return self

    def data(self, seq: int, *metrics: bytes, kind: str = "NDATA", device: str = "") -> list[NamedValue]:
        return self.hears(NODE.format(kind) + device, sim.payload(list(metrics or (co(),)), 1000, seq))


def test_a_birth_tells_names_types_and_units_and_data_carry_aliases() -> None:
    host = Host()
    assert [tuple(value) for value in host.hears(NODE.format("NBIRTH"), BIRTH)] == [
        ("orex/nodo7", "bdSeq", None, 7.0, None, 1_795_000_000.0),
        ("orex/nodo7", "Gas/co", "co", 12.5, "ppm", 1_795_000_000.0),
        ("orex/nodo7", "temperature", "temperature", -10.0, "degC", 1_795_000_000.0),
        ("orex/nodo7", "Node Control/Rebirth", None, False, None, 1_795_000_000.0),
    ]
    assert [tuple(value) for value in host.hears(NODE.format("NDATA"), DATA)] == [
        ("orex/nodo7", "Gas/co", "co", 0.0, "ppm", 1_795_000_000.9),
        ("orex/nodo7", "temperature", "temperature", -11.0, "degC", 1_795_000_001.0),
        ("orex/nodo7", "Gas/co", "co", None, "ppm", 1_795_000_001.0),
    ]
    assert host.history == {1}, "what is historical is archive, never live"
    assert (host.asked, host.lost) == ([], [])


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (sim.integer(4, 2) + sim.integer(10, 0xFFFF), -1.0),  # Int16 masked
        (sim.integer(4, 3) + sim.integer(10, 0xFFFFFFFE), -2.0),  # Int32
        (sim.integer(4, 3) + sim.integer(10, -2), -2.0),  # ten bytes in a field of 32 bits
        (sim.integer(4, 4) + sim.integer(11, -3), -3.0),  # Int64
        (sim.integer(4, 5) + sim.integer(10, 255), 255.0),  # UInt8
        (sim.integer(4, 7) + sim.integer(10, 0xFFFFFFFF), 4294967295.0),
        (sim.integer(10, 0), 0.0),  # a zero that is sent is a zero
        (sim.integer(4, 10) + sim.varint(13 * 8 + 1) + bytes(6) + b"\xf8\x7f", None),  # NaN
        (sim.integer(4, 9), None),  # no value at all
        (sim.block(15, b"20.5"), 20.5),  # a number as text
        (sim.integer(4, 9) + sim.integer(7, 1), None),
        (sim.block(16, b"\0\1"), None),
    ],
)
def test_integers_are_twos_complement_of_their_width_and_no_value_is_none(metric: bytes, value: float | None) -> None:
    (found,) = SparkplugHost()("", sim.payload([sim.block(1, b"temperature") + metric]), NOW)
    assert (found.quantity, found.value, found.unit) == ("temperature", value, "degC")


@pytest.mark.parametrize(
    ("code", "value"), [(192, 1.0), (0, None), (500, None), (0x80000204, None), (0x40000101, None), (0x40000103, 1.0)]
)
def test_a_value_of_bad_or_stale_quality_is_none(code: int, value: float | None) -> None:
    quality = sim.block(9, sim.block(1, b"Quality") + sim.block(2, sim.integer(1, 3) + sim.integer(3, code)))
    (found,) = SparkplugHost()("", sim.payload([co(name="co") + quality]), NOW)
    assert found.value == value


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("% LEL", (None, 10.0, "% LEL")), ("%", ("ch4", 10.0, "%vol")), ("ppm", ("ch4", 0.001, "%vol"))],
)
def test_a_unit_that_says_nothing_of_the_quantity_takes_it_away(unit: str, expected: tuple[object, ...]) -> None:
    told = sim.block(9, sim.block(1, b"engUnit") + sim.block(2, sim.block(8, unit.encode())))
    (found,) = SparkplugHost()("", sim.payload([sim.metric(10.0, sim.FLOAT, name="ch4") + told]), NOW)
    assert (found.quantity, found.value, found.unit) == expected


def test_one_counter_for_a_node_and_its_devices_and_it_wraps() -> None:
    host = Host().born(seq=254)
    host.data(255, co(name="no2"), kind="DBIRTH", device="/xam")
    (value,) = host.data(0, kind="DDATA", device="/xam")
    assert (value.node, value.name) == ("orex/nodo7/xam", "no2")
    assert host.data(1)[0].name == "co", "a device's aliases are its own"
    assert host.asked == []


def test_after_a_gap_the_values_are_taken_and_the_births_asked_for_once_in_a_while() -> None:
    host = Host().born()
    assert host.data(5)[0].value == 1.0
    assert [(wish.topic, wish.payload) for wish in host.asked] == [
        (NODE.format("NCMD"), rebirth_command(1_795_000_001_000))
    ]
    (metric,) = read_payload(host.asked[0].payload).metrics
    assert (metric.name, metric.value) == ("Node Control/Rebirth", True)
    host.data(7)
    host.now += REBIRTH_EVERY_S - 1
    host.data(9)
    assert len(host.asked) == 1, "throttled"
    host.now += 1
    host.data(11)
    assert len(host.asked) == 2
    host.data(12)
    assert len(host.asked) == 2


def test_an_alias_that_was_never_born_says_nothing_and_asks_for_births() -> None:
    host = Host()
    with pytest.raises(FormatError) as caught:
        host.data(4)
    assert caught.value.kind == "unborn"
    assert len(host.asked) == 1
    host = Host().born()
    stranger = sim.metric(500.0, sim.FLOAT, alias=sim.NEVER_BORN, tells_kind=False)
    assert [value.name for value in host.data(1, stranger, co())] == ["co"], "what is known is heard"
    assert len(host.asked) == 1


def test_a_new_birth_drops_the_old_table() -> None:
    host = Host().born()
    host.hears(NODE.format("NBIRTH"), births(sim.metric(20.0, sim.FLOAT, name="o2", alias=1), bd_seq=1))
    assert [value.name for value in host.data(1)] == ["o2"]


def test_a_death_makes_everything_below_stale_and_an_older_will_nothing() -> None:
    host = Host().born(bd_seq=3)
    host.hears(NODE.format("NDEATH"), sim.payload([sim.metric(2, sim.UINT64, name="bdSeq")]))
    assert host.lost == [], "the will of a connection before"
    assert host.data(1)[0].value == 1.0
    host.hears(NODE.format("NDEATH"), sim.payload([sim.metric(3, sim.UINT64, name="bdSeq")]))
    assert host.lost == ["orex/nodo7"]
    with pytest.raises(FormatError, match="birth"):
        host.data(2)
    host.born(bd_seq=4)
    host.data(1, co(name="no2"), kind="DBIRTH", device="/xam")
    assert host.data(2, kind="DDEATH", device="/xam") == []
    assert host.lost == ["orex/nodo7", "orex/nodo7/xam"]
    assert host.data(3)[0].name == "co", "the node lives"


def test_a_death_without_a_number_is_a_death() -> None:
    host = Host().born(bd_seq=3)
    host.hears(NODE.format("NDEATH"), b"")
    assert host.lost == ["orex/nodo7"]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1}'),
        ("STATE/scada", b"ONLINE"),
        (NODE.format("NCMD"), rebirth_command(0)),
        (NODE.format("DCMD") + "/xam", b""),
    ],
)
def test_states_and_commands_measure_nothing(topic: str, payload: bytes) -> None:
    assert Host().hears(topic, payload) == []


@pytest.mark.parametrize(
    "topic", ["spAv1.0/g/NDATA/n", "spBv1.0/g/XDATA/n", "spBv1.0/g/NDATA", "spBv1.0/g/DDATA/n", "x"]
)
def test_a_topic_of_another_shape_is_one_sentence(topic: str) -> None:
    with pytest.raises(FormatError) as caught:
        SparkplugHost()(topic, b"", NOW)
    assert caught.value.kind == "topic"


@pytest.mark.parametrize(
    "payload",
    [
        b"\x08",
        b"\x0b",
        b"\x12\x05ab",
        b"\x00\x01",
        b"\x08" + b"\xff" * 11,
        b"\x12\x03\x0a\x01\xff",
        b"\x12\x02\x08\x01",
        bytes(MAX_PAYLOAD + 1),
    ],
)
def test_bytes_that_are_no_message_are_one_sentence(payload: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        SparkplugHost()(NODE.format("NDATA"), payload, NOW)
    assert caught.value.kind == "protobuf"
    assert "\n" not in caught.value.detail


def test_strangers_cannot_fill_the_memory() -> None:
    session = SparkplugHost()
    for number in range(NODES + 50):
        session(f"spBv1.0/g/NBIRTH/n{number}", births(co(name="co")), NOW)
    assert len(session._nodes) == NODES
    assert session(f"spBv1.0/g/NDATA/n{NODES}", sim.payload([co()], 1, 1), NOW)[0].name == "co"


topics = st.sampled_from(
    [NODE.format(kind) for kind in ("NBIRTH", "NDATA", "NDEATH")] + [NODE.format("DDATA") + "/d", ""]
)


@settings(max_examples=200, deadline=None)
@given(
    messages=st.lists(st.tuples(topics, st.one_of(st.binary(max_size=80), st.sampled_from([BIRTH, DATA]))), max_size=6),
    cut=st.integers(0, 150),
)
def test_any_bytes_are_values_or_one_sentence(messages: list[tuple[str, bytes]], cut: int) -> None:
    session = SparkplugHost()
    for topic, payload in [*messages, (NODE.format("NBIRTH"), BIRTH[:cut])]:
        with contextlib.suppress(FormatError):
            for value in session(topic, payload, NOW):
                assert value.quantity is None or value.value is None or isinstance(value.value, float)
        session.aside()
