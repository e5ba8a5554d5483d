"""What a technician and an officer ask of the whole engine: tests, sensors out of service, the watch handed over."""

from typing import Any

import msgspec
import pytest

from bocamina.decisions import Decisions
from bocamina.engine import Engine
from bocamina.site_file import parse_site
from gateway.domain.events import ActuatorState, Event, Pack, Request, Sample, Tick
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from tests.end_to_end.mine import site_text

MORE = """
[[people]]
id = "luis"
name = "Luis"
role = "supervisor"
[[people]]
id = "eva"
name = "Eva"
role = "officer"
"""
START = 1_795_000_000 * SECOND_US
DAY_S = 86_400


class Gallery:
    """An engine, second by second; fan and siren obey at once, air moves when the fan runs."""

    def __init__(self) -> None:
        site = site_text(1883, extra=MORE).replace("full_scale = 1000", 'full_scale = 1000\nbump_days = 10', 1)
        self.site = parse_site(site.encode())
        self.engine = Engine(self.site, "hash")
        self.now = 0.0
        self.asked = 0
        self.said: dict[str, Any] = {"fan-1": 0.0, "siren-1": "off"}
        self.notices: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []

    def moment(self) -> Moment:
        at = START + round(self.now * SECOND_US)
        return Moment(at, at)

    def step(self, *events: Event) -> Decisions:
        decided = self.engine.step(self.moment(), list(events))
        for command in decided.commands:
            self.said[command.actuator] = command.setpoint
        self.notices += decided.notices
        self.requests += decided.requests
        return decided

    def seconds(self, n: int, co: float | None, no2: float = 0.0) -> None:
        for _ in range(n):
            air = {0: co, 1: no2, 2: 1.5 if self.said["fan-1"] else 0.0}
            fresh = tuple(Sample(i, value, NO_TIME) for i, value in air.items() if value is not None)
            states = [ActuatorState(name, said, bool(said) and said != "off") for name, said in self.said.items()]
            self.step(Pack("nodes", "node7", fresh), *states, Tick())
            self.now += 1

    def asks(self, what_for: str, target: str, by: str = "ana", role: str = "officer", **args: Any) -> str | None:
        """None when it was done, else why not."""
        self.asked += 1
        ((reply, _),) = self.step(Request(f"r{self.asked}", what_for, by, role, target, args)).replies
        assert reply.ok is (reply.error is None)
        return reply.error

    def state(self, alarm: str) -> str | None:
        found = self.engine.desk.alarm(alarm)
        return found.state.value if found else None

    def zone(self) -> dict[str, Any]:
        return self.engine.standing_documents(self.moment())["zone/frente-1"]


@pytest.fixture
def gallery() -> Gallery:
    gallery = Gallery()
    gallery.seconds(3, co=0.0)
    return gallery


def test_a_dead_sensor_with_a_latched_evacuation_does_not_keep_a_mine_closed_for_ever(gallery: Gallery) -> None:
    gallery.seconds(30, co=500.0)
    assert gallery.said["siren-1"] == "evacuate"
    gallery.seconds(200, co=None)  # the cell is dead
    gallery.seconds(1, co=None)
    assert gallery.asks("acknowledge", "co-frente-1.level", comment="visto") is None
    assert gallery.asks("evacuation", "", action="muster") is None
    for zone in ("bocamina", "frente-1"):
        assert gallery.asks("board", zone, count=0) is None
    assert "co-frente-1.level" in str(gallery.asks("evacuation", "", action="all_clear"))
    assert "condition still holds" in str(gallery.asks("reset", "co-frente-1.level", comment="portátil 2"))

    assert gallery.asks("out_of_service", "co-frente-1", minutes=240, reason="celda quemada") is None
    assert gallery.state("co-frente-1.comm_lost") == "out_of_service"
    assert gallery.zone()["out_of_service"] == ["co-frente-1"]
    assert gallery.zone()["protected"] is False
    missing = gallery.asks("reset", "co-frente-1.level", comment="portátil 2")
    assert "nobody has measured co in frente-1" in str(missing)

    gallery.seconds(1, co=None)
    assert gallery.asks("manual_reading", "frente-1", gases={"co": 2.0}, instrument="X-9", people=["luis"]) is None
    assert gallery.asks("reset", "co-frente-1.level", comment="portátil 2 ppm, celda quemada") is None
    gallery.seconds(45, co=None)
    assert [alarm.alarm for alarm in gallery.engine.desk.active() if alarm.priority.word in ("high", "evacuate")
            and alarm.alarm.startswith("co-") and alarm.state.value == "unack"] == []  # fmt: skip
    assert gallery.asks("evacuation", "", action="all_clear") is None
    assert gallery.asks("evacuation", "", by="luis", role="supervisor", action="all_clear") is None
    assert gallery.engine.response.evacuation.stage == "all_clear"


def test_what_is_asked_survives_a_restart(gallery: Gallery) -> None:
    gallery.asks("out_of_service", "no2-frente-1", minutes=60, reason="cambio de celda")
    gallery.asks("maintenance", "co-frente-1", what="bump_test", passed=False)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(gallery.engine.dump()))
    gallery.engine = Engine(gallery.site, "hash")
    gallery.engine.load(kept)
    assert gallery.zone()["out_of_service"] == ["no2-frente-1"]
    gallery.seconds(70, co=0.0)
    assert gallery.state("co-frente-1.bump_due") == "unack"
    assert gallery.asks("in_service", "no2-frente-1") is None
    assert gallery.zone()["out_of_service"] == []


def test_nobody_is_called_for_what_an_officer_has_in_hand(gallery: Gallery) -> None:
    gallery.seconds(40, co=None)
    calling = gallery.engine.response.outbox.dump()["entries"]
    assert [(entry["alarm"], entry["answered_by"]) for entry in calling] == [("co-frente-1.comm_lost", None)]
    gallery.asks("out_of_service", "co-frente-1", minutes=60, reason="cambio de celda")
    assert [entry["answered_by"] for entry in gallery.engine.response.outbox.dump()["entries"]] == ["ana"]


def test_a_failed_bump_test_puts_the_channel_in_doubt_and_a_passed_one_ends_it(gallery: Gallery) -> None:
    assert gallery.asks("maintenance", "co-frente-1", what="bump_test", passed=False, gas="CO 50 ppm") is None
    gallery.seconds(2, co=0.0)
    assert gallery.state("co-frente-1.bump_suspect") == "unack"
    assert gallery.asks("maintenance", "co-frente-1", role="technician", what="bump_test", passed=True) is None
    gallery.seconds(302, co=0.0)
    assert gallery.state("co-frente-1.bump_suspect") == "rtn_unack"
    assert gallery.requests[0]["args"] == {"what": "bump_test", "passed": False, "gas": "CO 50 ppm"}
    assert "co-frente-1.level" in str(gallery.asks("maintenance", "co-frente-1.level", what="bump_test", passed=True))


def test_a_bump_test_is_due_after_its_days_and_done_when_it_is_recorded(gallery: Gallery) -> None:
    gallery.now += 10 * DAY_S
    gallery.seconds(70, co=0.0)
    assert gallery.state("co-frente-1.bump_due") == "unack"
    document = gallery.engine.standing_documents(gallery.moment())["alarm/co-frente-1.bump_due"]
    assert (document["priority"], document["value"], document["limit"], document["unit"]) == ("notice", 10.0, 10.0, "d")
    assert document["title_es"] == "CO: toca prueba con gas"
    gallery.asks("maintenance", "co-frente-1", what="bump_test", passed=True)
    assert gallery.state("co-frente-1.bump_due") == "rtn_unack"


def test_the_watch_goes_from_one_named_person_to_another(gallery: Gallery) -> None:
    assert gallery.asks("handover", "Eva", by="luis", role="supervisor", comment="sin novedad") is None
    assert gallery.notices[-1] == {"what": "handover", "by": "luis", "to": "eva", "comment": "sin novedad"}
    assert "'nadie' is nobody of this site" in str(gallery.asks("handover", "nadie", by="luis", role="supervisor"))
    assert "'pedro' is nobody of this site" in str(gallery.asks("handover", "eva", by="pedro", role="supervisor"))
    assert "expected another person" in str(gallery.asks("handover", "luis", by="Luis", role="supervisor"))
    assert "has no watch to hand over" in str(gallery.asks("handover", "eva", by="luis", role="miner"))
    assert len([notice for notice in gallery.notices if notice["what"] == "handover"]) == 1
