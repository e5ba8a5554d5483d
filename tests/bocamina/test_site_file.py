"""A site file is right, or every mistake in it is told at once."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocamina.site_checks import SUBJECTS
from bocamina.site_file import key_path, load_site, parse_site, site_hash
from bocamina.site_remarks import remarks
from gateway.domain.errors import ConfigError

SITES = Path(__file__).parents[2] / "deploy" / "sites"

MINE = """
[site]
id = "orex-01"
name = "Orex"
[[zones]]
id = "portal-1"
name = "Portal"
kind = "portal"
[[zones]]
id = "frente-1"
name = "Frente 1"
kind = "face"
[[connections]]
from = "portal-1"
to = "frente-1"
length_m = 120
[[sources]]
id = "dust-1"
kind = "serial"
port = "/dev/ttyUSB0"
driver = "plantower-pms"
[[sources]]
id = "nodes"
kind = "mqtt"
topic = "bocamina/v1/orex-01/node/+/senml"
format = "senml-json"
[[sensors]]
id = "co-frente-1"
zone = "frente-1"
quantity = "co"
source = "nodes"
channel = "node7/co"
calibration = { date = 2026-10-05 }
[[sensors]]
id = "pm10-frente-1"
zone = "frente-1"
quantity = "pm10"
source = "dust-1"
channel = "pm10"
[[actuators]]
id = "fan-1"
kind = "fan"
zones = ["frente-1"]
mode = "blowing"
[[shifts]]
id = "dia"
start = "07:00"
end = 17:00:00
[[blasts]]
times = ["11:30"]
zones = ["frente-1"]
[[people]]
id = "ana"
name = "Ana"
role = "officer"
notify = ["sms:+51900000001"]
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_site(text.encode())
    return caught.value.problems


def changed(old: str, new: str) -> str:
    assert MINE.count(old) == 1, f"{old!r} must stand once in the example"
    return MINE.replace(old, new)


def test_a_right_file_becomes_a_site() -> None:
    site = parse_site(MINE.encode())
    assert [sensor.id for sensor in site.sensors] == ["co-frente-1", "pm10-frente-1"]
    assert site.connections[0].from_ == "portal-1"
    assert site.mqtt.port == 1883


def test_dates_and_times_of_toml_are_taken_as_they_are_meant() -> None:
    site = parse_site(MINE.encode())
    assert site.sensors[0].calibration is not None
    assert site.sensors[0].calibration.date == "2026-10-05"
    assert site.shifts[0].end == "17:00"


@pytest.mark.parametrize("name", ["demo.toml", "example.toml"])
def test_the_sites_that_we_ship_are_right(name: str) -> None:
    site = load_site(SITES / name)
    assert site.site.demo == (name == "demo.toml")


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(MINE.encode())
    assert site_hash(path) == site_hash(MINE.encode()) == hashlib.sha256(MINE.encode()).hexdigest()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            'zone = "frente-1"\nquantity = "co"', 'zone = "frente-9"\nquantity = "co"',
            "sensors[0].zone: 'frente-9' is no zone of this file; expected one of portal-1, frente-1; did",
        ),
        ('source = "nodes"', 'source = "node"', "sensors[0].source: 'node' is no source of this file; expected"),
        ('quantity = "co"', 'quantity = "CO"', "did you mean 'co'?"),
        ('driver = "plantower-pms"', 'driver = "plantower"', "sources[0].driver: 'plantower' is no driver; expected"),
        ('format = "senml-json"', 'format = "senml"', "sources[1].format: 'senml' is no format; expected"),
        ('port = "/dev/ttyUSB0"\n', "", "sources[0].port: missing; a serial source needs port and driver"),
        ('port = "/dev/ttyUSB0"', 'port = "x"\ntopic = "y"', "sources[0].topic: not for a serial source; expected"),
        ("node/+/senml", "node/node7/senml", "has no level that names the node; expected a +"),
        ("node/+/senml", "node/n+/senml", "is no topic filter; expected"),
        ("bocamina/v1/orex-01/node/+/senml", "bocamina/v1/orex-02/node/+/senml", "not one of this site's nodes"),
        ("bocamina/v1/orex-01/node/+/senml", "bocamina/v1/orex-01/reading/+", "not one of this site's nodes"),
        ('channel = "node7/co"', 'channel = "co"', "sensors[0].channel: 'co' does not fit source 'nodes'; expected"),
        ('channel = "pm10"', 'channel = "a/pm10"', "sensors[1].channel: 'a/pm10' does not fit source 'dust-1'"),
        ('to = "frente-1"', 'to = "portal-1"', "connections[0]: leads from 'portal-1' to itself"),
        ('from = "portal-1"', 'from = "portal"', "connections[0].from: 'portal' is no zone of this file"),
        ('zones = ["frente-1"]\nmode', 'zones = []\nmode', "actuators[0].zones: missing or empty; expected"),
        ('mode = "blowing"\n', "", 'actuators[0].mode: missing; a fan needs "blowing" or "exhausting"'),
        ('kind = "fan"', 'kind = "siren"', "actuators[0].mode: not for a siren; expected only for a fan"),
        ('id = "fan-1"', 'id = "frente-1"', "actuators[0].id: 'frente-1' is already the id of zones[1]; expected"),
        ('id = "fan-1"', 'id = "gateway"', "actuators[0].id: 'gateway' is already the id of the gateway itself"),
        ('start = "07:00"', 'start = "17:00"', "shifts[0].end: '17:00' is also the start"),
        ('start = "07:00"', 'start = "7:00"', "shifts[0].start: '7:00' does not fit; expected a time \"HH:MM\""),
        ('times = ["11:30"]', "times = []", "blasts[0].times: empty; expected at least one"),
        ('"sms:+51900000001"', '"+51900000001"', "people[0].notify[0]: '+51900000001' is no address; expected"),
        ('role = "officer"', 'role = "oficer"', "people[0].role: 'oficer' is not known here; expected one of officer"),
        ("length_m = 120", 'length_m = "120"', "connections[0].length_m: '120' does not fit; expected a number"),
        ("length_m = 120", "length_m = 0", "connections[0].length_m: 0 does not fit; expected more than 0"),
        ("length_m = 120", "length_m = inf", "connections[0].length_m: inf does not fit; expected a finite number"),
        ('name = "Orex"', 'name = "Orex"\nsms_nme = "X"', "site.sms_nme: unknown key; expected one of id, name"),
        ('name = "Orex"', 'name = "Orex"\ntimezone = "America/Limma"', "did you mean 'America/Lima'?"),
        ('name = "Orex"', 'name = "Orex"\ntimezone = "../../etc/passwd"', "site.timezone: '../../etc/passwd' is no"),
        ('name = "Orex"', 'name = "Orex"\nregimes = ["perú"]', "did you mean 'peru'?"),
        ('name = "Orex"', 'name = "Orex"\nalarm_regimes = []', "site.alarm_regimes: empty; expected at least one"),
        ('name = "Orex"', 'name = "Orex"\n[mqtt]\nprotocol = 5', 'mqtt.protocol: 5 does not fit; expected text in "q'),
        ("2026-10-05 }", '"05/10/2026" }', "sensors[0].calibration.date: '05/10/2026' is no date; expected YYYY-MM-DD"),
        ("2026-10-05 }", "2026-10-05, spam = 1.0 }", "sensors[0].calibration.spam: unknown key; expected one of zero,"),
        ('channel = "node7/co"', 'channel = "node7/co"\nsetpoints = { hihg = 1 }', "did you mean 'high'?"),
        ('channel = "node7/co"', 'channel = "node7/co"\ndelays = { on_s = -1 }', "expected 0 or more"),
        ('channel = "node7/co"', 'channel = "node7/co"\ndelays = { off_s = 1e308 }', "0 or more and at most 86400 s"),
        ('channel = "node7/co"', 'channel = "node7/co"\nmax_age_s = 1e308', "max_age_s: 1e+308 does not fit"),
        ('channel = "node7/co"', 'channel = "node7/co"\nwarm_up_s = 86401', "warm_up_s: 86401 does not fit"),
        ('channel = "node7/co"', 'channel = "node7/co"\nsetpoints = { evacuate = 500 }', "500 is laxer than"),
        ('channel = "node7/co"', 'channel = "node7/co"\nmax_age_s = 0.5', "less than one period; expected 1 or more"),
        ('channel = "node7/co"', 'channel = "node7/co"\nrole = "fan_proof"', "'co' does not prove that air moves"),
        ('channel = "pm10"', 'channel = "pm10"\nrole = "intake_guard"', "expected quantity 'co'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_was_expected(old: str, new: str, sentence: str) -> None:
    found = problems(changed(old, new))
    assert len(found) == 1, found
    assert sentence in found[0]


def test_a_slow_channel_may_not_protect_people_alone() -> None:
    slow = changed('channel = "node7/co"', 'channel = "node7/co"\nperiod_s = 60')
    (sentence,) = problems(slow)
    assert sentence.startswith("sensors[0].period_s: 60 is too slow for the only co channel that protects 'frente-1'")
    parse_site(slow.replace("period_s = 60", 'period_s = 60\nprotection = "indicative"').encode())


def test_two_sensors_may_not_read_one_channel_nor_two_sources_one_port() -> None:
    twin = MINE + '[[sensors]]\nid = "b"\nzone = "frente-1"\nquantity = "pm10"\nsource = "dust-1"\nchannel = "pm10"\n'
    assert problems(twin) == ("sensors[2].channel: 'pm10' is already read by sensors[1]; expected another",)
    port = MINE + '[[sources]]\nid = "b"\nkind = "serial"\nport = "/dev/ttyUSB0"\ndriver = "winsen-ze03"\n'
    assert problems(port) == (
        "sources[2]: reads '/dev/ttyUSB0' like sources[0]; expected one source for each port or topic",
    )


def test_all_problems_come_at_once_and_one_mistake_gives_one_sentence() -> None:
    text = changed('kind = "face"', 'kind = "fase"')
    text = text.replace('driver = "plantower-pms"', "driver = 3").replace('role = "officer"', "")
    text = text.replace('zones = ["frente-1"]\nmode = "blowing"', 'zones = ["frente-2"]\nmode = "blowin"\nstart = 1')
    found = problems(text)
    assert [problem.split(":")[0] for problem in found] == [
        "zones[1].kind", "sources[0].driver", "actuators[0].mode", "actuators[0].start", "people[0].role",
        "actuators[0].zones[0]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"a = \n", "mine.toml: line 1, column 5: not TOML: "),
        (b"[site]\nid = \"x", "mine.toml: line 2, end of the file: not TOML: "),
        (b"[site]\nid = 1\nid = 2\n", "mine.toml: line 3, column 7: not TOML: "),
        (b"[site]\nname = \"\xff\"\n", "mine.toml: line 2: byte 0xff is not UTF-8; expected text"),
        (b"[zones]\nid = \"x\"\n[site]\nid = \"a\"\nname = \"b\"", "zones: not a list of tables; expected [[zones]]"),
        (b"", "mine.toml: empty; expected a site file in TOML"),
        (b"# nothing yet\n", "mine.toml: empty; expected a site file in TOML"),
    ],
)
def test_text_that_is_no_site_file(text: bytes, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_site(text, "mine.toml")
    assert caught.value.problems[0].startswith(sentence)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "no.toml", tmp_path, "nul\0.toml"):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_site(path)


def test_key_paths_are_written_as_people_write_them() -> None:
    assert key_path(("sensors", 3, "calibration", "zero")) == "sensors[3].calibration.zero"


def test_every_table_whose_ids_name_alarms_is_known() -> None:
    assert set(SUBJECTS) <= set(tomllib.loads(MINE))


# --- any mutation gives a site or sentences, never another error -------------------------------------------------

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(10**300, 10**320), st.floats(), st.text(max_size=20),
    st.just(()), st.just({}), st.lists(st.text(max_size=5), max_size=2),
    st.dictionaries(st.text(max_size=5), st.none()),
    st.sampled_from(["frente-1", "gateway", "node7/co", "co", "+", "#", "bocamina/v1/x", "America", "\0", "é" * 40]),
)  # fmt: skip


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, item in inside for place in places(item, (*here, key)))]


def toml(value: Any) -> str:
    """Enough of a TOML writer for what tomllib reads: everything inline."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, str):
        plain = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
        return f'"{plain}"'
    return "[]" if value is None else str(value)


def outcome(data: bytes) -> tuple[str, ...]:
    """The problems of a file, or the remarks to a right one (the example has some)."""
    try:
        return tuple(remarks(parse_site(data)))
    except ConfigError as error:
        return error.problems


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_change_gives_a_site_or_sentences(data: st.DataObject) -> None:
    tree = tomllib.loads(MINE)
    for _ in range(data.draw(st.integers(1, 3), "changes")):
        place = data.draw(st.sampled_from([one for one in places(tree) if one]), "place")
        parent = tree
        for part in place[:-1]:
            parent = parent[part]
        what = data.draw(st.sampled_from(["drop", "change", "add"]), "what")
        if what == "drop":
            del parent[place[-1]]
        elif what == "change" or isinstance(parent, list):
            parent[place[-1]] = data.draw(VALUES, "value")
        else:
            parent[data.draw(st.text(min_size=1, max_size=8), "key")] = data.draw(VALUES, "value")
    text = "".join(f"{toml(str(key))} = {toml(value)}\n" for key, value in tree.items())
    told = outcome(text.encode("utf-8", "surrogatepass"))
    assert told
    assert all(sentence.isprintable() for sentence in told)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(MINE)), cut=st.integers(0, 40), put=st.binary(max_size=12))
def test_any_damage_to_the_bytes_gives_a_site_or_sentences(at: int, cut: int, put: bytes) -> None:
    data = MINE.encode()
    assert outcome(data[:at] + put + data[at + cut :])
