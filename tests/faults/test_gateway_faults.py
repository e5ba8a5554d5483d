"""What breaks around a running gateway, one thing at a time: the siren sounds all the same, and nothing is hidden.

Real gateway processes on a real Mosquitto; the disk is made slow or full from outside.
"""

import json
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from bocamina.engine import Engine
from bocamina.site_file import load_site, parse_site, site_hash
from gateway.domain.events import ActuatorState, Pack, Sample, Tick
from gateway.domain.moment import SECOND_US, Moment, parse_rfc3339
from gateway.stores.journal import Journal
from gateway.stores.paths import journal_path
from tests.end_to_end.mine import SITE, Gateway, Listener, Node, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(120)]

HCN = """
[[sensors]]
id = "hcn-frente-1"
zone = "frente-1"
quantity = "hcn"
source = "nodes"
channel = "node7/hcn"
full_scale = 50
warm_up_s = 0
protection = "indicative"
"""
"""HCN withdraws people on any valid sample (limits reference 6.3): one reading completes the condition."""


class TroubledGateway(Gateway):
    """A gateway with a disk in the test's hand; its log's lines with the time they came."""

    def start(self, clock_s: float = 0.0):
        program = str(Path(__file__).with_name("troubled_gateway.py"))
        self.process = subprocess.Popen(
            [sys.executable, program, str(self.site), str(self.data), str(clock_s)],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self.lines: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,))
        self._reader.start()
        return self

    def _read(self, stream) -> None:
        for line in stream:
            self.lines.append((time.monotonic(), line))

    def tell(self, words: str) -> None:
        self.process.stdin.write(f"{words}\n")
        self.process.stdin.flush()

    def said(self, words: str) -> float | None:
        return next((at for at, line in list(self.lines) if words in line), None)

    def end(self) -> None:
        process = self.process
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        self._reader.join(10)
        process.stdin.close()
        process.stderr.close()
        self.process = None


@pytest.fixture
def listener(mosquitto):
    hears = Listener(mosquitto.port)
    yield hears
    hears.close()


@pytest.fixture
def node(mosquitto, listener):
    speaks = Node(mosquitto.port, resend_s=2.0)
    yield speaks
    speaks.close()


@pytest.fixture
def site(mosquitto, tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(site_text(mosquitto.port, extra=HCN))
    return path


@pytest.fixture
def gateway(site, tmp_path):
    runs = Gateway(site, tmp_path / "data")
    yield runs
    runs.kill()


@pytest.fixture
def troubled(site, tmp_path, listener):
    runs = TroubledGateway(site, tmp_path / "data").start()
    try:
        ready(listener, 0.0)
        yield runs
    finally:
        runs.end()


def first(listener: Listener, topic: str, **values: object) -> float | None:
    """When a document with these values first came on the topic."""
    for at, heard, body in list(listener.heard):
        if heard == topic and body and values.items() <= json.loads(body).items():
            return at
    return None


# --- The disk --------------------------------------------------------------------------------------------------------


def test_commits_that_stall_delay_no_siren_and_after_three_seconds_no_word_to_people(troubled, listener, node) -> None:
    node.send(co=2.0, no2=0.1)
    wait_for(lambda: node.acked == 0, 10, "the disk is well")
    troubled.tell("stall 6")
    node.send(co=2.0, no2=0.1)
    time.sleep(0.7)  # the writer now holds a commit
    gas_at = time.monotonic()
    gas = node.send(co=2.0, no2=0.1, hcn=20.0)
    siren_at = wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 5, "the siren")
    assert siren_at - gas_at < 1.0, "the siren waited for the disk"
    alarm_at = wait_for(lambda: first(listener, "alarm/hcn-frente-1.level", state="unack"), 8, "the alarm's document")
    assert 2.5 < alarm_at - gas_at < 5.0, "topics wait for the commit for three seconds and no longer"
    told_at = wait_for(lambda: troubled.said("bocamina.notify:"), 3, "people are told")
    assert told_at - gas_at < 5.0
    assert node.acked < gas, "the node is told only what is durable"
    troubled.tell("stall 0")
    wait_for(lambda: node.acked >= gas, 20, "durable in the end, and said so")
    raised = [d for d in listener.documents("alarm/hcn-frente-1.level") if d["state"] == "unack"]
    assert len(raised) == len({json.dumps(d) for d in raised}), "what was told before the commit is not told again"


def test_a_full_disk_silences_nothing_is_told_and_loses_nothing(troubled, listener, node) -> None:
    node.send(co=2.0, no2=0.1)
    wait_for(lambda: node.acked == 0, 10, "the disk is well")
    assert listener.newest["gateway/status"]["state"] == "ready"
    troubled.tell("full")
    gas = node.send(co=2.0, no2=0.1, hcn=20.0)
    wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 3, "the siren")
    wait_for(lambda: first(listener, "alarm/hcn-frente-1.level", state="unack"), 8, "the alarm's document")
    assert troubled.said("bocamina.notify:")
    status = wait_for(
        lambda: (s := listener.newest["gateway/status"])["state"] == "degraded" and s, 10, "the status says degraded"
    )
    assert any(trouble.startswith("journal: ") for trouble in status["troubles"])
    assert status["journal_backlog"] > 0
    lost = wait_for(lambda: listener.newest.get("alarm/gateway.journal_lost"), 15, "an alarm of its own")
    assert (lost["state"], lost["priority"]) == ("unack", "warning")
    for _ in range(5):
        node.send(co=2.0, no2=0.1)
    assert node.acked < gas
    troubled.tell("room")
    wait_for(lambda: node.turn() and node.acked == node.seq - 1, 20, "everything is durable when there is room again")
    wait_for(lambda: listener.newest["gateway/status"]["state"] == "ready", 10, "and the status says so")
    troubled.process.terminate()
    troubled.process.wait(15)
    rows = [row for row in troubled.export() if ",co-frente-1," in row]
    assert len(rows) == node.seq, "each pack once"


def ze03(ppm: int) -> bytes:
    """Winsen ZE03 active upload for CO, no decimals, full scale 1000 ppm (manual ZE03, 2.1)."""
    body = bytes([0x04, 0x03, 0x00, *ppm.to_bytes(2, "big"), *(1000).to_bytes(2, "big")])
    return b"\xff" + body + bytes([(-sum(body)) & 0xFF])


# --- Two of them, or none --------------------------------------------------------------------------------------------


def test_a_second_gateway_on_the_same_data_ends_with_one_sentence_and_disturbs_nobody(gateway, listener, node) -> None:
    gateway.start()
    ready(listener, 0.0)
    second = Gateway(gateway.site, gateway.data)
    second.log = gateway.data / "second.log"
    assert second.start().process.wait(30) == 1
    text = second.log.read_text()
    assert "another gateway writes this journal already" in text
    assert "Traceback" not in text
    node.send(co=2.0, hcn=20.0)
    wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 5, "the first one watches on")
    assert not first(listener, "gateway/status", state="offline")
    assert gateway.stop() == 0
    wait_for(lambda: first(listener, "gateway/status", state="offline"), 5, "an orderly end is told")


def test_without_a_broker_at_start_serial_gas_is_an_alarm_and_the_broker_hears_all_when_it_comes(
    mosquitto, cable, tmp_path
) -> None:
    mosquitto.stop()
    site = tmp_path / "site.toml"
    site.write_text(site_text(mosquitto.port, serial_port=str(cable.port)))
    runs = TroubledGateway(site, tmp_path / "data").start()
    try:
        for _ in range(40):
            if runs.said("CO 500 ppm"):
                break
            cable.send(ze03(500))
            time.sleep(0.5)
        assert runs.said("CO 500 ppm"), f"people are told of the gas without a broker: {runs.lines}"
        started = time.time()
        mosquitto.start()
        hears = Listener(mosquitto.port)
        wait_for(
            lambda: (c := hears.newest.get("command/siren-1")) and c["setpoint"] == "evacuate", 25,
            "the siren hears its level as soon as there is a broker",
        )  # fmt: skip
        alarm = wait_for(lambda: hears.newest.get("alarm/co-serial.level"), 10, "the alarm is retained")
        assert alarm["state"] == "unack"
        assert parse_rfc3339(alarm["since"]) < started * SECOND_US, "since the gas, not since now"
        for topic in ("protocol/evacuation", "protocol/ventilation", "zone/frente-1", "zone/bocamina"):
            wait_for(lambda topic=topic: hears.newest.get(topic), 10, f"{topic} is published")
        ready(hears, 0.0)
        hears.close()
        late = Listener(mosquitto.port, "late")
        wait_for(lambda: late.newest.get("alarm/co-serial.level"), 5, "whoever comes later finds the alarm retained")
        late.close()
    finally:
        runs.end()


# --- Actuators -------------------------------------------------------------------------------------------------------


def test_an_actuator_that_disagrees_hears_its_level_again_until_it_agrees(gateway, listener, node) -> None:
    gateway.start()
    ready(listener, 0.0)
    node.send(co=2.0, hcn=20.0)
    warn = wait_for(lambda: (c := listener.newest.get("command/siren-1")) and c["setpoint"] == "warn" and c, 5, "warn")
    fan = wait_for(lambda: listener.newest.get("command/fan-1"), 5, "HCN demands air")
    assert fan["setpoint"] == 100
    listener.say("actuator/siren-1/state", {"setpoint": "off", "command_id": warn["id"]}, retain=True)
    again = wait_for(
        lambda: (c := listener.newest["command/siren-1"])["id"] != warn["id"] and c, 11, "the siren hears it again"
    )
    assert again["setpoint"] == "warn"
    listener.say("actuator/siren-1/state", {"setpoint": "warn", "command_id": again["id"]}, retain=True)
    fans = wait_for(lambda: len(d := listener.documents("command/fan-1")) >= 2 and d, 15, "a silent fan hears it again")
    assert len({c["id"] for c in fans}) == len(fans)
    assert {c["setpoint"] for c in fans} == {100}
    heard_at = [at for at, topic, _ in listener.heard if topic == "command/fan-1"]
    assert all(8.5 < b - a < 11.5 for a, b in pairwise(heard_at)), "every ten seconds"
    listener.say("actuator/fan-1/state", {"setpoint": 100, "running": True, "command_id": fans[-1]["id"]}, retain=True)
    agreed_at = time.monotonic()
    wait_for(
        lambda: (v := listener.newest.get("protocol/ventilation")) and v["fans"]["fan-1"]["running"], 5, "it is heard"
    )
    wait_for(lambda: time.monotonic() - agreed_at > 11.5, 13, "longer than a repetition takes")
    assert len(listener.documents("command/fan-1")) == len(fans), "an actuator that agrees is left alone"
    listener.say("actuator/fan-1/state", {"setpoint": 60, "running": True, "command_id": fans[-1]["id"]}, retain=True)
    wait_for(lambda: len(listener.documents("command/fan-1")) > len(fans), 5, "and told again when it goes astray")


FACE = """
[[zones]]
id = "{zone}"
name = "{zone}"
kind = "face"
[[connections]]
from = "bocamina"
to = "{zone}"
length_m = 50
[[actuators]]
id = "fan-{zone}"
kind = "fan"
zones = ["{zone}"]
mode = "blowing"
[[actuators]]
id = "siren-{zone}"
kind = "siren"
zones = ["{zone}"]
"""
CELL = """
[[sensors]]
id = "{quantity}-{zone}"
zone = "{zone}"
quantity = "{quantity}"
source = "nodes"
channel = "node7/{quantity}-{zone}"
full_scale = {full}
warm_up_s = 0
protection = "indicative"
"""
FACES = {"standing": {"setpoint": 0, "running": False}, "running": {"setpoint": 60, "running": True},
         "clear": {"setpoint": 0, "running": False}}  # fmt: skip
"""Three faces and their fans; the last one has no methane."""


def faces_text(port: int, gas: str, full_scale: float) -> str:
    text = site_text(port).replace("[mqtt]", 'evacuation_scope = "affected"\n[mqtt]')
    for zone in FACES:
        text += FACE.format(zone=zone) + CELL.format(quantity=gas, zone=zone, full=full_scale)
        text += CELL.format(quantity="ch4", zone=zone, full=5)
    return text


def faces_air(gas: str, level: float, methane: float) -> dict[str, float]:
    return {f"{gas}-{zone}": level for zone in FACES} | {
        f"ch4-{zone}": 0.0 if zone == "clear" else methane for zone in FACES
    }


def test_methane_outranks_the_demand_for_air_on_the_wires(mosquitto, tmp_path, listener, node) -> None:
    path = tmp_path / "site.toml"
    path.write_text(faces_text(mosquitto.port, "hcn", 50))
    gateway = Gateway(path, tmp_path / "data").start()
    try:
        ready(listener, 0.0)
        for zone, state in FACES.items():
            listener.say(f"actuator/fan-{zone}/state", state)
        node.send(**faces_air("hcn", 0.0, 0.0))
        node.send(**faces_air("hcn", 20.0, 0.6))
        started = wait_for(lambda: listener.newest.get("command/fan-clear"), 5, "without methane the fan is started")
        assert started["setpoint"] == 100
        for zone in ("standing", "running"):
            for alarm in ("hcn", "ch4"):
                wait_for(lambda topic=f"alarm/{alarm}-{zone}.level": listener.newest.get(topic), 5, "both gases alarm")
            warned = wait_for(lambda zone=zone: listener.newest.get(f"command/siren-{zone}"), 5, "people are withdrawn")
            assert warned["setpoint"] == "warn"
            wait_for(  # the protocol's document follows the commit, the siren's command did not wait for it
                lambda zone=zone: (fan := listener.newest["protocol/ventilation"]["fans"][f"fan-{zone}"])
                and (fan["state"], fan["interlock"], fan["wanted"]) == ("demand", "measured", None),
                10, "the demand waits for the methane",
            )  # fmt: skip
            assert listener.documents(f"command/fan-{zone}") == [], "a standing fan is not started, a running one left"
    finally:
        gateway.kill()


def test_methane_outranks_the_demand_for_air_from_carbon_monoxide() -> None:
    """0.6 % CH4 and 120 ppm CO, in virtual time."""
    site = parse_site(faces_text(1883, "co", 1000).encode())
    places = {sensor.channel.removeprefix("node7/"): i for i, sensor in enumerate(site.sensors)}
    engine, commands = Engine(site, "hash"), []
    for second in range(45):
        at = Moment(second * SECOND_US, parse_rfc3339("2026-11-23T07:00:00Z") + second * SECOND_US)
        air = faces_air("co", 2.0, 0.0) if second < 3 else faces_air("co", 120.0, 0.6)
        events = [Pack("nodes", "node7", tuple(Sample(places[name], value) for name, value in air.items())), Tick()]
        if second % 10 == 0:
            events += [ActuatorState(f"fan-{zone}", f["setpoint"], f["running"]) for zone, f in FACES.items()]
        commands += engine.step(at, events).commands
    fans = {command.actuator: command.setpoint for command in commands if command.actuator.startswith("fan-")}
    assert fans == {"fan-clear": 100.0}
    for zone in FACES:
        alarm = engine.desk.alarm(f"co-{zone}.level")
        assert alarm is not None
        assert alarm.priority.word == "high"
        assert engine.response.commander.wanted(f"siren-{zone}") == "warn", "people are withdrawn"


# --- What stands at the broker ---------------------------------------------------------------------------------------


def test_an_alarm_that_only_the_broker_remembers_stands_and_the_siren_with_it(gateway, listener) -> None:
    """The data folder is new (the card was changed): nobody else knows that the mine is being evacuated."""
    listener.say(
        "alarm/co-frente-1.level",
        {"alarm": "co-frente-1.level", "occurrence": 7, "state": "acked", "underlying": "acked", "priority": "evacuate",
         "zone": "frente-1", "sensor": "co-frente-1", "condition": "level", "value": 500.0, "limit": 200.0,
         "unit": "ppm", "since": "2026-11-23T06:00:00.000Z", "drill": False}, retain=True,
    )  # fmt: skip
    gateway.start()
    ready(listener, 0.0)
    alarm = wait_for(lambda: (a := listener.newest["alarm/co-frente-1.level"])["state"] == "unack" and a, 10, "adopted")
    assert (alarm["occurrence"], alarm["priority"], alarm["reason"]) == (7, "evacuate", "recovered")
    wait_for(
        lambda: (c := listener.newest.get("command/siren-1")) and c["setpoint"] == "evacuate", 5, "the siren sounds on"
    )
    assert listener.ask("acknowledge", "co-frente-1.level")["ok"] is True


POISON = {
    "alarm/co-frente-1.level": b"[" * 100_000,
    "alarm/x.y": b'{"alarm": "#/+", "condition": "level", "priority": "high", "occurrence": 1%s}' % (b"0" * 60),
    "protocol/evacuation": b'{"state": 5, "zones": [{}], "since": {}}',
    "actuator/fan-1/state": b'{"setpoint": 1%s}' % (b"0" * 400),
    "actuator/siren-1/state": b'{"setpoint": {"a": NaN}}',
    "node/node7/status": b'{"state": "\\ud800"}',
    "node//senml": b'[{"n":"boot","v":1},{"n":"seq","v":1},{"n":"co","v":1}]',
    "presence/ana": b'{"zone": "\\ud800"}',
}


def test_poison_kept_by_the_broker_does_not_keep_the_gateway_down(gateway, listener, node) -> None:
    """It comes back with every start: one exception here and no restart would ever help."""
    for topic, payload in POISON.items():
        listener.say(topic, payload, retain=True)
    gateway.start()
    ready(listener, 0.0)
    for topic, payload in POISON.items():
        listener.say(topic, payload)
    for action in ("acknowledge", "shelve", "evacuation", "blast", "presence", "manual_reading", "board", "emergency"):
        for ident in ('"\\ud800"', f'"{action}"'):
            body = f'{{"id":{ident},"by":"ana","role":"officer","target":"frente-1","args":{{"minutes":1{"0" * 40}}}}}'
            listener.say(f"request/{action}", body)
    listener.say("node/node7/senml", '[{"n":"co","u":"Cel","v":500},{"n":"no2","vs":"much"},{"n":"pony","v":1}]')
    last = node.send(co=1e308, no2=-1e308)
    assert node.send(co=2.0, hcn=20.0) == last + 1
    wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 10, "gas after all that is an alarm")
    wait_for(lambda: node.acked == last + 1, 10, "and durable")
    counts = wait_for(
        lambda: (c := listener.newest["gateway/status"].get("counts", {})).get("document") and c, 10, "counted"
    )
    assert counts["unknown"] >= 1
    assert "software_fault" not in counts
    process = gateway.process
    assert process is not None
    assert process.poll() is None, gateway.log.read_text()[-2000:]
    assert "Traceback" not in gateway.log.read_text()


# --- The clock -------------------------------------------------------------------------------------------------------


def test_a_clock_behind_the_journal_is_not_trusted_says_so_and_moves_no_timer(site, tmp_path, listener, node) -> None:
    year_2040 = 2_208_988_800_000_000
    gateway = TroubledGateway(site, tmp_path / "data")
    with Journal.open(journal_path(SITE, gateway.data)) as journal:
        journal.register_site(site_hash(gateway.site), load_site(gateway.site), Moment(year_2040, year_2040))
    gateway.start()
    try:
        ready(listener, 0.0)
        assert listener.newest["gateway/status"]["clock_trusted"] is False
        wait_for(lambda: listener.newest.get("alarm/gateway.clock"), 10, "an alarm says that the clock is wrong")
        node.send(co=2.0, hcn=20.0)
        wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 5, "gas is gas whatever the clock says")
    finally:
        gateway.end()
    with Journal.reader(journal_path(SITE, gateway.data)) as journal:
        last = journal.last()
    assert last is not None
    assert 0 < last.now_us - year_2040 < 60_000_000, "engine time went on from the journal's"


def exported_times(gateway: Gateway) -> dict[str, float]:
    """value → its time [s UTC] of co-frente-1, as a person would export it."""
    rows = [line.split(",") for line in gateway.export() if ",co-frente-1," in line]
    found = {row[2]: parse_rfc3339(row[0]) / SECOND_US for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("years", [10, -10])
def test_a_clock_set_by_ten_years_is_doubted_and_its_labels_are_put_right(
    troubled, listener, node, years
) -> None:
    sent = {}

    def send(co: float) -> None:
        sent[str(co)] = time.time()
        acked = node.send(co=co)
        wait_for(lambda: node.acked >= acked, 10, "durable")

    send(1.5)
    troubled.tell(f"clock {years * 365 * 86_400}")
    send(2.5)
    alarm = wait_for(lambda: listener.newest.get("alarm/gateway.clock"), 10, "the officer is told")
    assert alarm["state"] == "unack"
    wait_for(lambda: listener.newest["gateway/status"]["clock_trusted"] is False, 10, "so is everybody")
    send(3.5)
    node.send(co=4.5, hcn=20.0)
    sent["4.5"] = time.time()
    wait_for(lambda: first(listener, "command/siren-1", setpoint="warn"), 5, "gas is gas whatever the clock says")
    troubled.tell(f"clock {-years * 365 * 86_400}")
    wait_for(lambda: listener.newest["gateway/status"]["clock_trusted"] is True, 10, "set back it is trusted")
    send(5.5)
    times = wait_for(
        lambda: (t := exported_times(troubled)) and all(abs(t[v] - at) < 60 for v, at in sent.items()) and t, 20,
        "what was labelled wrong stands where it belongs",
    )  # fmt: skip
    assert set(times) == set(sent), "each once"
    assert sorted(times, key=times.get) == sorted(sent)
    audit = troubled.export("audit")
    assert sum('"doubted"' in line or "doubted" in line for line in audit) == 1
    assert any("redated" in line for line in audit), "on record, never silently"


def test_a_boot_in_the_past_is_put_right_when_the_clock_is_set(site, tmp_path, listener, node) -> None:
    gateway = TroubledGateway(site, tmp_path / "data").start()
    ready(listener, 0.0)
    node.send(co=1.5)
    wait_for(lambda: node.acked >= 0, 10, "durable")
    gateway.end()
    restarted = time.monotonic()
    gateway.start(clock_s=-14 * 86_400)  # two weeks back, as a board without a battery boots
    try:
        ready(listener, restarted)
        assert listener.newest["gateway/status"]["clock_trusted"] is False
        at = time.time()
        seq = node.send(co=2.5)
        wait_for(lambda: node.acked >= seq, 10, "durable")
        assert exported_times(gateway)["2.5"] < at - 13 * 86_400, "for now it is what the clock said"
        gateway.tell(f"clock {14 * 86_400}")
        wait_for(lambda: abs(exported_times(gateway)["2.5"] - at) < 60, 20, "put right")
    finally:
        gateway.end()

