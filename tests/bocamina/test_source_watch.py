"""One alarm for a source that brings nothing, whatever its wire; its sensors' own stand, and people are told once."""

from typing import Any

import msgspec

from alerts import texts
from alerts.model import Alarm, Priority
from alerts.notify.message import Inside, Writer
from bocamina.engine import Engine
from gateway.domain.events import Event, LinkState, Pack, Request, Sample, Started, Tick
from gateway.domain.moment import SECOND_US, Moment
from tests.fixtures.small_mine import UTC0, site

MINE = site(
    sources=[
        {"id": "nodes", "kind": "mqtt", "topic": "bocamina/v1/mina/node/+/senml", "format": "senml-json"},
        {"id": "line", "kind": "serial", "port": "/dev/ttyUSB0", "driver": "winsen-ze03"},
    ],
    sensors=[
        {"id": name, "zone": "frente-1", "quantity": quantity, "source": source, "channel": f"n/{name}", "warm_up_s": 0}
        for name, quantity, source in (
            ("co-1", "co", "nodes"), ("no2-1", "no2", "nodes"), ("o2-1", "o2", "nodes"), ("co-2", "co", "line"),
        )
    ],
    actuators=[], blasts=[],
)  # fmt: skip
FRESH = {0: 1.0, 1: 0.1, 2: 20.9, 3: 1.0}


class Hours:
    """An engine that ticks; `live` says which sensors speak."""

    def __init__(self) -> None:
        self.engine = Engine(MINE, "hash")
        self.second = 0
        self.live = set(FRESH)
        self.called: list[str] = []
        self.raised: list[str] = []
        self.step(Started("hash", "test"))

    def step(self, *events: Event) -> None:
        self.second += 1
        now = Moment(1_000_000_000 + self.second * SECOND_US, UTC0 + self.second * SECOND_US)
        packs: list[Event] = [
            Pack("line" if i == 3 else "nodes", "n", (Sample(i, FRESH[i] + self.second % 2 * 0.01),))
            for i in sorted(self.live)
        ]
        out = self.engine.step(now, [*events, *packs, Tick()])
        self.raised += [t.alarm for t in out.transitions if t.new == "unack"]
        entries = self.engine.response.outbox.dump()["entries"]
        self.called += [entry["alarm"] for entry in entries if entry["alarm"] not in self.called]

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.step()

    def alarm(self, name: str) -> tuple[str, str, bool]:
        found = self.engine.desk.alarm(name)
        assert found is not None
        return str(found.state), found.priority.word, found.beyond


def test_an_mqtt_source_of_which_nothing_comes_is_lost_as_a_serial_one_and_people_are_called_once() -> None:
    hours = Hours()
    hours.run(10)
    hours.live = {3}
    hours.run(45)
    assert hours.alarm("nodes.comm_lost") == ("unack", "warning", True)
    assert {"co-1.comm_lost", "no2-1.comm_lost", "o2-1.comm_lost", "nodes.comm_lost"} == set(hours.raised)
    assert hours.called == ["nodes.comm_lost"], "one message, not four"
    assert hours.engine.desk.alarm("line.comm_lost") is None
    hours.run(120)
    assert hours.alarm("co-1.not_watched")[:2] == ("unack", "high")
    assert any(name.endswith(".not_watched") for name in hours.called), "what follows from it is told all the same"


def test_one_sensor_that_is_silent_is_that_sensors_matter() -> None:
    hours = Hours()
    hours.live = {0, 1, 3}
    hours.run(60)
    assert hours.raised == ["o2-1.comm_lost"]
    assert hours.called == ["o2-1.comm_lost"]


def test_a_sensor_that_stays_silent_when_its_source_is_back_speaks_for_itself() -> None:
    hours = Hours()
    hours.live = {3}
    hours.run(50)
    hours.live = {0, 1, 3}
    hours.run(28)
    assert hours.called == ["nodes.comm_lost"]
    hours.run(6)
    assert hours.alarm("nodes.comm_lost")[::2] == ("rtn_unack", False)
    assert hours.called == ["nodes.comm_lost", "o2-1.comm_lost"]


def test_a_wire_that_is_gone_is_told_before_its_sensors_and_not_again_with_them() -> None:
    hours = Hours()
    hours.run(3)
    hours.live -= {3}
    hours.step(LinkState("line", False, "it is not there"))
    hours.run(4)
    assert "line.comm_lost" not in hours.raised
    hours.run(3)
    assert hours.raised == ["line.comm_lost"]
    hours.run(60)
    assert hours.raised.count("line.comm_lost") == 1
    assert hours.called == ["line.comm_lost"]
    hours.step(LinkState("line", True, "open"))
    hours.run(40)
    assert hours.alarm("line.comm_lost")[2] is True, "connected is not flowing"
    hours.live |= {3}
    hours.run(40)
    assert hours.alarm("line.comm_lost")[2] is False


def test_a_refused_subscription_is_a_lost_source_though_retained_values_may_come() -> None:
    hours = Hours()
    hours.step(LinkState("nodes", False, "the broker refused the subscription"))
    hours.run(10)
    assert hours.alarm("nodes.comm_lost") == ("unack", "warning", True)


def test_a_source_whose_sensors_are_all_out_of_service_is_nobodys_alarm() -> None:
    hours = Hours()
    hours.step(Request("1", "out_of_service", "ana", "officer", "co-2", {"minutes": 60, "reason": "celda"}))
    hours.live -= {3}
    hours.run(60)
    assert hours.alarm("co-2.comm_lost")[0] == "out_of_service"
    assert "line.comm_lost" not in hours.raised


def test_while_the_source_is_shelved_nothing_is_hidden_behind_it() -> None:
    hours = Hours()
    hours.step(LinkState("nodes", False, "gone"))
    hours.run(10)
    shelve: dict[str, Any] = {"minutes": 60, "reason": "obra"}
    hours.step(Request("1", "shelve", "ana", "officer", "nodes.comm_lost", shelve))
    hours.live = {3}
    hours.run(40)
    assert "co-1.comm_lost" in hours.called


def test_a_restart_forgets_no_wire() -> None:
    hours, again = Hours(), Hours()
    hours.step(LinkState("line", False, "gone"))
    hours.run(20)
    again.engine = Engine(MINE, "hash")
    again.engine.load(msgspec.msgpack.decode(msgspec.msgpack.encode(hours.engine.dump())))
    again.second = hours.second
    again.run(20)
    assert again.alarm("line.comm_lost")[2], "its sensors speak, but nobody said that the wire is back"
    assert again.raised == []


def test_the_message_of_a_line_fits_one_sms() -> None:
    lost = Alarm("a-very-long-name-of-a-source-0123.comm_lost", "comm_lost", None, None, priority=Priority.WARNING,
                 since_us=UTC0)  # fmt: skip
    for lang in ("es", "en"):
        text = Writer(MINE).alarm(lost, "9999", Inside("unknown"), lang)
        assert len(text) <= texts.SMS_SEPTETS
        assert text.endswith("9999")
        assert "NO DA DATOS" in text or "BRINGS NOTHING" in text
