"""Conditions that are judged elsewhere, alarms of a former life, and what others read of them."""

import json

import pytest

from alerts.desk import AlarmDesk
from alerts.model import Priority, State
from gateway.domain.limits import limits_for
from gateway.domain.quantities import QUANTITIES
from tests.alerts.desk_mine import Mine

# -- conditions judged elsewhere ---------------------------------------------------------------------------------------


def test_a_reported_condition_has_its_delays_and_unknown_neither_raises_nor_clears(mine):
    def fan(beyond):
        mine.desk.report(
            mine.moment, "fan-1", "fan_failed", beyond, zone="frente", priority=Priority.HIGH, latch=True,
            on_s=10, off_s=20,
        )  # fmt: skip

    fan(True)
    mine.seconds(9)
    assert "fan-1.fan_failed" not in mine.standing()
    mine.seconds(2)
    assert mine.state("fan-1.fan_failed") is State.UNACK
    fan(None)
    mine.seconds(100)
    assert mine.state("fan-1.fan_failed") is State.UNACK
    fan(False)
    mine.seconds(21)
    assert mine.state("fan-1.fan_failed") is State.LATCHED_UNACK


def test_nobody_overrules_a_sensor(mine):
    with pytest.raises(ValueError, match=r"co\.level is judged by the sensor's own rules"):
        mine.desk.report(mine.moment, "co", "level", False)


# -- over a restart ----------------------------------------------------------------------------------------------------


def test_a_retained_alarm_that_the_journal_does_not_know_stands_until_air_and_a_person_end_it(mine):
    mine.seconds(10, co=500)
    document = json.loads(json.dumps(mine.desk.document(mine.desk.alarm("co.level"), mine.moment)))
    after = Mine()
    assert after.desk.adopt(after.moment, document)
    after.listen()
    assert (after.state(), after.told[0].reason, after.priority()) == (State.UNACK, "recovered", Priority.EVACUATE)
    assert after.told[0].document["since"] == document["since"]
    assert after.desk.alarm("co.level").occurrence == document["occurrence"]
    assert not after.desk.adopt(after.moment, document), "known now"
    after.seconds(200, co=None)
    assert after.state() is State.UNACK
    after.seconds(1000)
    assert after.state() is State.LATCHED_UNACK
    assert after.says("acknowledge").ok
    assert after.says("reset").ok
    assert after.state() is State.NORMAL


def test_an_adopted_alarm_of_something_that_is_gone_from_the_site_can_be_reset(mine):
    document = {"alarm": "old.level", "condition": "level", "priority": "high", "state": "acked"}
    assert mine.desk.adopt(mine.moment, document)
    assert "acknowledged" in mine.says("reset", "old.level").error
    assert mine.says("acknowledge", "old.level").ok
    assert "comment" in mine.says("reset", "old.level").error
    assert mine.says("reset", "old.level", comment="sensor retirado").ok
    assert mine.state("old.level") is State.NORMAL


def test_what_a_person_reported_a_person_ends_with_a_word(mine):
    mine.desk.report(mine.moment, "gateway", "emergency_manual", True, priority=Priority.HIGH, latch=True)
    mine.seconds(100)
    mine.says("acknowledge", "gateway.emergency_manual")
    assert mine.says("reset", "gateway.emergency_manual", comment="fue una caída, atendido").ok
    mine.seconds(100)
    assert mine.state("gateway.emergency_manual") is State.NORMAL
    mine.desk.report(mine.moment, "gateway", "emergency_manual", True, priority=Priority.HIGH, latch=True)
    assert mine.state("gateway.emergency_manual") is State.UNACK
    assert mine.desk.alarm("gateway.emergency_manual").occurrence == 2


def test_an_adopted_condition_is_its_reporters_again_as_soon_as_that_one_speaks(mine):
    document = {"alarm": "fan-1.fan_failed", "condition": "fan_failed", "priority": "high", "zone": "frente"}
    assert mine.desk.adopt(mine.moment, document)
    mine.says("acknowledge", "fan-1.fan_failed")
    mine.desk.report(mine.moment, "fan-1", "fan_failed", None, zone="frente")
    assert "still holds" in mine.says("reset", "fan-1.fan_failed", comment="lo vi girar").error
    mine.desk.report(mine.moment, "fan-1", "fan_failed", False, zone="frente")
    assert mine.state("fan-1.fan_failed") is State.LATCHED_ACKED
    assert mine.says("reset", "fan-1.fan_failed").ok


@pytest.mark.parametrize(
    "document", [{}, {"alarm": 3}, {"alarm": "co.level", "condition": "stel", "priority": "high"},
                 {"alarm": "co.level", "condition": "level", "priority": "red"}],
)  # fmt: skip
def test_what_is_no_alarm_document_is_not_adopted(mine, document):
    assert not mine.desk.adopt(mine.moment, document)


def test_a_running_delay_survives_a_restart(mine):
    mine.seconds(3, co=500)
    mine.restart()
    mine.seconds(2, co=500)
    assert mine.priority() is Priority.EVACUATE


def test_under_an_edited_site_file_an_alarm_that_nobody_judges_can_still_be_ended(mine):
    mine.seconds(10, co=500)
    site = mine.site.model_copy(update={"sensors": mine.site.sensors[1:]})
    desk = AlarmDesk(site, limits_for, [QUANTITIES[sensor.quantity].full_scale for sensor in site.sensors])
    desk.load(mine.desk.dump())
    mine.desk = desk
    assert mine.says("acknowledge").ok
    assert mine.says("reset", comment="sensor retirado").ok


# -- the document ------------------------------------------------------------------------------------------------------


def test_the_document_is_the_payload_of_the_interface(mine):
    mine.seconds(10, co=500)
    document = mine.desk.document(mine.desk.alarm("co.level"), mine.moment)
    promised = [
        "alarm", "occurrence", "state", "underlying", "until", "priority", "zone", "sensor", "condition", "value",
        "limit", "unit", "regime", "source", "since", "acknowledged_by", "drill",
    ]  # fmt: skip
    assert list(document)[: len(promised)] == promised
    assert document["since"] == "2027-01-15T08:00:07.000Z"
    assert (document["priority"], document["state"], document["underlying"]) == ("evacuate", "unack", None)
    assert (document["limit"], document["regime"]) == (200.0, "niosh"), "named after the body that wrote the limit"
    assert (document["title_es"], document["title_en"]) == ("CO sobre el nivel de alarma", "CO above its alarm level")
    json.dumps(document, allow_nan=False)
