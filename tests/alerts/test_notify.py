"""Messages to people: short, in the SMS alphabet, to one after the other until somebody answers."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import texts
from alerts.model import Alarm, Priority
from alerts.notify import message
from alerts.notify.apprise_channel import MAX_THREADS, MAX_WAITING, AppriseChannel
from alerts.notify.console import Result
from alerts.notify.dispatch import Dispatch
from alerts.notify.message import Inside, Writer
from alerts.notify.outbox import Delivery, Outbox
from gateway.domain.quantities import QUANTITIES
from tests.fixtures.small_mine import alarm, at, site

CO = alarm("co-1.level", "frente-1", Priority.WARNING, value=31.0, limit=25.0, since_us=1_795_000_000_000_000)


def septets_ok(text: str) -> bool:
    return len(text) <= texts.SMS_SEPTETS and set(text) <= texts.GSM7


# the text

def test_the_message_says_priority_place_value_limit_time_people_what_to_do_and_the_code() -> None:
    text = Writer(site()).alarm(CO, "4821", Inside("occupied", 4), "es")
    assert text == (
        "ATENCION Mina 1, Frente 1: CO 31 ppm (lim 25) desde 06:06, 4 adentro. "
        "Revise ventilador y manga, mida con portatil. Responda OK 4821"
    )
    english = Writer(site()).alarm(CO, "4821", Inside("occupied", 4), "en")
    assert english.startswith("ATTENTION Mina 1, Frente 1: CO 31 ppm (limit 25) since 06:06, 4 inside.")


def test_unknown_is_never_shown_as_nobody() -> None:
    assert "no se sabe" in Writer(site()).alarm(CO, "4821", Inside("unknown"), "es")
    assert "no se sabe" in Writer(site()).alarm(CO, "4821", Inside("anything"), "es")


def test_in_a_dead_end_without_oxygen_nobody_enters_not_even_to_rescue() -> None:
    low = alarm("o2-1.oxygen_low", "frente-1", Priority.HIGH, value=17.8, limit=19.5)
    text = Writer(site()).alarm(low, "4824", Inside("unknown"), "es")
    assert "NI A RESCATAR" in text
    assert "17.8%" in text


def test_a_drill_begins_and_ends_with_its_word() -> None:
    drill = alarm("co-1.level", "frente-1", Priority.EVACUATE, value=240.0, limit=200.0, drill=True)
    text = Writer(site()).alarm(drill, "4823", Inside("occupied", 12), "es")
    assert text.startswith("SIMULACRO")
    assert text.endswith("SIMULACRO")
    assert septets_ok(text)


LONG = {
    "site": {"id": "mina", "name": "Mina Ñusta del Perú número 44", "sms_name": "MinaÑusta1"},
    "zones": [{"id": "z", "name": "Galería del nivel 2350", "kind": "face"}],
    "connections": [], "actuators": [], "blasts": [],
    "sensors": [{"id": f"s-{i}", "zone": "z", "quantity": q, "source": "nodes", "channel": f"n/{i}"}
                for i, q in enumerate(QUANTITIES)],
}  # fmt: skip
SERVICE = {"nobody_answered", "all_clear", "real_alarm"}
CONDITIONS = sorted({key.partition(".")[0] for key in texts.BOOK["sms"]} - SERVICE)


@pytest.mark.parametrize("condition", [*CONDITIONS, "stel", "ceiling", "tamper", "unauthorised_entry"])
def test_every_text_fits_one_sms_at_full_scale(condition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = message._fit
    monkeypatch.setattr(message, "_fit", lambda text, end: fit(text, end) if text.startswith(("SIM", "DRI")) else text)
    mine = site(**LONG)
    writer = Writer(mine)
    for sensor in mine.sensors:
        scale = QUANTITIES[sensor.quantity].full_scale or 999.9
        for priority in Priority:
            for drill in (False, True):
                full = Alarm(f"{sensor.id}.{condition}", condition, "z", sensor.id, priority=priority, value=scale,
                             limit=scale, drill=drill, reason="07, 11")  # fmt: skip
                for lang in ("es", "en", "qu"):
                    text = writer.alarm(full, "9999", Inside("unknown"), lang)
                    assert septets_ok(text), (len(text), text)
                    assert text.endswith(("SIMULACRO", "DRILL") if drill else "9999"), text


def test_the_service_texts_fit_too() -> None:
    writer = Writer(site(**LONG))
    for lang in ("es", "en"):
        assert septets_ok(writer.nobody_answered("9999", Inside("unknown"), lang))
        assert septets_ok(writer.all_clear(1_795_000_000_000_000, lang))


@given(st.text(max_size=60))
def test_any_text_becomes_gsm7(text: str) -> None:
    assert set(texts.gsm7(text)) <= texts.GSM7


def test_accents_go_and_enye_stays() -> None:
    assert texts.gsm7("oxígeno, señal, 25 µg/m³, ≥ 5 °C") == "oxigeno, señal, 25 ug/m3, >= 5 C"


FORBIDDEN = ("seguro", "sin peligro", "todo bien", "despejado", "libre", "puede ingresar", "safe", "cobertura")


def test_no_text_promises_what_nobody_knows() -> None:
    for row in texts.BOOK["reentry"].values():
        assert not any(word in text.lower() for text in row.values() for word in FORBIDDEN)
    for key, row in texts.BOOK["sms"].items():
        for lang in ("es", "en"):
            assert not any(word in row[lang].lower() for word in FORBIDDEN), key
            assert set(row[lang]) <= texts.GSM7 | {"{", "}", "_"}, key


# who is told

def render(code: str, lang: str) -> str:
    return f"{lang} {code}"


def people(deliveries: list[Delivery]) -> list[str]:
    return [delivery.person for delivery in deliveries]


def test_supervisor_first_then_the_officer_and_round_again_until_someone_answers() -> None:
    outbox = Outbox(site())
    assert outbox.offer(at(0), CO, render) == "co-1.level#1.warning"
    assert people(outbox.step(at(0))) == ["", "luis"]
    assert outbox.step(at(299)) == []
    assert people(outbox.step(at(300))) == ["ana", "ana"], "every address of a person"


def test_an_unanswered_round_begins_again() -> None:
    outbox = Outbox(site())
    outbox.offer(at(0), CO, render)
    called = []
    for second in range(0, 1300, 50):
        for delivery in outbox.step(at(second)):
            called.append(delivery.person)
            outbox.result(at(second), delivery.id, ok=True)
    assert called == ["", "luis", "ana", "ana", "luis", "ana", "ana", "luis"]


def test_an_answer_stops_the_calling() -> None:
    outbox = Outbox(site())
    outbox.offer(at(0), CO, render)
    outbox.step(at(0))
    assert outbox.answered("co-1.level", "luis")
    assert not outbox.answered("co-1.level", "luis")
    assert all(outbox.step(at(second)) == [] for second in range(1, 5000, 100))


def test_no_passes_it_on_at_once_and_the_code_names_the_alarm() -> None:
    outbox = Outbox(site())
    outbox.offer(at(0), CO, render)
    outbox.step(at(0))
    assert outbox.alarm_of("1000") == "co-1.level"
    assert outbox.alarm_of("9999") is None
    assert outbox.declined(at(5), "1000")
    assert people(outbox.step(at(5))) == ["ana", "ana"]


def test_the_same_occurrence_is_announced_once_and_a_higher_priority_anew() -> None:
    outbox = Outbox(site())
    outbox.offer(at(0), CO, render)
    assert outbox.offer(at(1), CO, render) is None
    high = alarm("co-1.level", "frente-1", Priority.HIGH)
    assert outbox.offer(at(2), high, render) == "co-1.level#1.high"
    assert people(outbox.step(at(2))) == ["", "luis"], "the warning calls no more"
    assert outbox.offer(at(3), alarm("co-1.level", "frente-1", occurrence=2), render) is not None


def test_a_notice_stands_on_the_screen_only() -> None:
    assert Outbox(site()).offer(at(0), alarm("co-1.level", "frente-1", Priority.NOTICE), render) is None


def test_an_alarm_that_ended_calls_nobody() -> None:
    outbox = Outbox(site())
    outbox.offer(at(0), CO, render)
    outbox.ended("co-1.level")
    assert outbox.step(at(0)) == []


def test_a_failed_delivery_is_tried_again_with_growing_pauses() -> None:
    outbox = Outbox(site())
    outbox.offer(at(0), alarm("co-1.level", "frente-1", Priority.HIGH), render)
    tries = []
    for second in range(100):
        for delivery in outbox.step(at(second)):
            if delivery.address == "sms:+51900000002":
                tries.append(second)
                record = outbox.result(at(second), delivery.id, ok=False, detail="no network")
                assert record is not None
                assert (record["person"], record["ok"], record["attempt"]) == ("luis", False, len(tries))
    assert tries == [0, 10, 30, 70]


def test_an_answer_to_an_unknown_delivery_is_nothing() -> None:
    assert Outbox(site()).result(at(0), "message-99", ok=True) is None


def test_nobody_reached_is_itself_an_alarm() -> None:
    outbox = Outbox(site())
    high = alarm("co-1.level", "frente-1", Priority.HIGH)
    outbox.offer(at(0), high, render)
    for second in range(0, 125, 5):
        assert outbox.findings(at(second))[0].beyond is (second > 120), second
        for delivery in outbox.step(at(second)):
            outbox.result(at(second), delivery.id, ok=delivery.person == "", detail="no network")
    for delivery in outbox.step(at(130)):
        outbox.result(at(130), delivery.id, ok=True)
    assert outbox.findings(at(131))[0].beyond is False


def test_a_site_without_addresses_has_the_console_alone() -> None:
    outbox = Outbox(site(people=[{"id": "ana", "name": "Ana", "role": "officer"}]))
    outbox.offer(at(0), CO, render)
    assert [d.address for d in outbox.step(at(0))] == ["console:"]
    assert outbox.step(at(5000)) == []
    assert outbox.findings(at(5000))[0].beyond is False


def test_after_a_restart_what_was_on_its_way_is_sent_again() -> None:
    outbox, again = Outbox(site()), Outbox(site())
    outbox.offer(at(0), CO, render)
    before = outbox.step(at(0))
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(outbox.dump())))
    again.restarted(at(10))
    after = again.step(at(10))
    assert people(after) == people(before)
    assert not {d.id for d in after} & {d.id for d in before}, "ids are counted, never used twice"
    assert again.offer(at(11), CO, render) is None, "known before the restart"


# the channels

def until(done: Callable[[], Any], seconds: float = 5.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := done():
            return found
        time.sleep(0.005)
    raise AssertionError("it never came")


def delivery(name: str = "message-1", address: str = "json://localhost/") -> Delivery:
    return Delivery(name, "n", "ana", address, "PELIGRO", 1)


def test_the_console_writes_one_line(caplog: pytest.LogCaptureFixture) -> None:
    dispatch = Dispatch(AppriseChannel(lambda *_: True))
    with caplog.at_level(logging.WARNING, "bocamina.notify"):
        dispatch.send(delivery(address="console:"))
    assert caplog.messages == ["PELIGRO"]
    assert dispatch.poll() == [Result("message-1", ok=True)]


def test_an_sms_without_a_modem_fails_with_a_sentence() -> None:
    dispatch = Dispatch(AppriseChannel(lambda *_: True))
    dispatch.send(delivery(address="sms:+51900000001"))
    assert dispatch.poll() == [Result("message-1", ok=False, detail="no channel carries 'sms:' addresses")]


def test_a_delivery_is_carried_in_another_thread() -> None:
    carried: list[tuple[str, str, str]] = []

    def notify(address: str, text: str) -> bool:
        carried.append((address, text, threading.current_thread().name))
        return True

    dispatch = Dispatch(AppriseChannel(notify))
    dispatch.send(delivery())
    assert until(dispatch.poll) == [Result("message-1", ok=True)]
    assert carried == [("json://localhost/", "PELIGRO", "message-1")]


def test_whatever_a_service_raises_is_a_failed_delivery() -> None:
    def notify(address: str, text: str) -> bool:
        raise OSError("network unreachable")

    channel = AppriseChannel(notify)
    channel.send(delivery())
    assert until(channel.poll) == [Result("message-1", ok=False, detail="OSError: network unreachable")]


def test_a_network_that_hangs_blocks_nobody_and_fails_by_the_deadline() -> None:
    release, came_back = threading.Event(), threading.Event()

    def notify(address: str, text: str) -> bool:
        if "hang" in address:
            release.wait(10)
            came_back.set()
        return True

    channel = AppriseChannel(notify, deadline_s=0.3)
    before = time.monotonic()
    channel.send(delivery("message-1", "hang://x"))
    channel.send(delivery("message-2"))
    assert time.monotonic() - before < 0.2, "send never waits"
    assert until(channel.poll) == [Result("message-2", ok=True)], "the others go on"
    (late,) = until(channel.poll)
    assert (late.delivery, late.ok) == ("message-1", False)
    assert "no answer" in late.detail
    release.set()
    assert came_back.wait(5)
    assert channel.poll() == [], "what comes too late is not counted twice"
    channel.close()


def test_with_every_thread_hung_the_rest_fails_in_time_and_the_queue_is_bounded() -> None:
    release = threading.Event()
    channel = AppriseChannel(lambda *_: release.wait(10), deadline_s=0.2)
    total = MAX_THREADS + MAX_WAITING + 5
    for number in range(total):
        channel.send(delivery(f"message-{number}"))
    failed: list[Result] = []
    until(lambda: failed.extend(channel.poll()) or len(failed) == total)
    assert not any(result.ok for result in failed)
    release.set()


def test_apprise_itself_refuses_an_address_that_it_does_not_know() -> None:
    channel = AppriseChannel()
    channel.send(delivery(address="nonsense"))
    (result,) = until(channel.poll, 20)
    assert not result.ok
    assert "ValueError" in result.detail
