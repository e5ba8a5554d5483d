"""What people write by SMS, through the engine: who may, what counts, what is told, and that no two machines chat."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import texts
from alerts.notify.answers import ANSWERS_PER_HOUR, BOOK
from alerts.notify.telephones import Telephones, is_same
from bocamina.engine import Engine
from bocamina.site_remarks import remarks
from gateway.domain.events import Delivered, Pack, Request, Sample, Started, Texted, Tick
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from tests.fixtures.small_mine import UTC0, site

ANA, LUIS, EVA, BRIGADE = "+51900000001", "+51900000002", "+51900000003", "+51900000004"
PEOPLE = [
    {"id": "ana", "name": "Ana Ñahui", "role": "officer", "notify": [f"sms:{ANA}", "mailto://ana@example.org"]},
    {"id": "luis", "name": "Luis", "role": "supervisor", "language": "en", "notify": [f"sms://{LUIS}"]},
    {"id": "eva", "name": "Eva", "role": "miner", "notify": [f"sms:{EVA}"]},
    {"id": "bri", "name": "Brigada", "role": "brigade", "notify": [f"sms:{BRIGADE}"]},
]
ZONES = [{"id": "bocamina", "name": "Bocamina", "kind": "portal"},
         {"id": "frente-1", "name": "Frente 1", "sms_name": "F1", "kind": "face"}]  # fmt: skip
SENSORS = [{"id": "co-1", "zone": "frente-1", "quantity": "co", "source": "nodes", "channel": "n/co",
            "full_scale": 1000, "warm_up_s": 0}]  # fmt: skip
MINE = site(
    people=PEOPLE, zones=ZONES, sensors=SENSORS, actuators=[], blasts=[],
    connections=[{"from": "bocamina", "to": "frente-1", "length_m": 120}],
)  # fmt: skip


class Watch:
    """An engine with gas at the face, moved second by second."""

    def __init__(self, trusted: bool = True) -> None:
        self.engine = Engine(MINE, "hash")
        self.trusted = trusted
        self.second = 0
        self.sent: list[Any] = []
        self.notices: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.step(Started("hash", "test"))
        for _ in range(12):
            self.step(Pack("nodes", "n", (Sample(0, 500.0),)), Tick())

    @property
    def now(self) -> Moment:
        return Moment(1_000_000_000 + self.second * SECOND_US, UTC0 + self.second * SECOND_US, self.trusted)

    def step(self, *events: Any) -> list[str]:
        """Texts to telephones that this second brought."""
        self.second += 1
        out = self.engine.step(self.now, list(events))
        self.notices += out.notices
        self.requests += out.requests
        self.sent += out.messages
        return [message.text for message in out.messages if message.notification == "answer"]

    def text(self, words: str, sender: str = ANA, ago_s: float | None = 2) -> list[str]:
        at = NO_TIME if ago_s is None else self.now.utc_us - round(ago_s * SECOND_US)
        return self.step(Texted(sender, words, at))

    @property
    def alarm(self) -> tuple[str, str | None]:
        alarm = self.engine.desk.alarm("co-1.level")
        assert alarm is not None
        return str(alarm.state), alarm.acknowledged_by

    @property
    def code(self) -> str:
        (entry,) = (e for e in self.engine.response.outbox.dump()["entries"] if e["alarm"] == "co-1.level")
        return str(entry["code"])

    def count(self, kind: str) -> int:
        return self.engine.counts[f"sms_{kind}"]


@pytest.mark.parametrize("words", ["OK {}", "ok{}", "Ok, {}.", "Sí {}", "SI {} voy en camino", "{} OK", "ari {}"])
def test_the_code_with_a_yes_in_any_dress_acknowledges_by_that_person(words: str) -> None:
    watch = Watch()
    code = watch.code
    (told,) = watch.text(words.format(code))
    assert watch.alarm == ("acked", "ana")
    assert told.startswith(f"OK {code}")
    assert watch.requests[-1]["ok"], "on record as every request is"
    assert watch.requests[-1]["args"] == {"comment": f"SMS OK {code}"}
    assert watch.sent[-1].address == f"sms:{ANA}"


def test_each_is_told_in_their_own_language_and_every_second_answer_still_counts() -> None:
    watch = Watch()
    (told,) = watch.text(f"yes {watch.code}", LUIS.removeprefix("+51"))
    assert "noted" in told
    assert watch.alarm == ("acked", "luis"), "some networks leave out the code of the country"


def test_no_calls_the_next_one_at_once() -> None:
    watch = Watch()
    watch.step(Tick())
    called = {message.person for message in watch.sent}
    (told,) = watch.text(f"NO {watch.code}")
    watch.step(Tick())
    assert told.startswith(f"NO {watch.code}")
    assert {message.person for message in watch.sent if message.notification != "answer"} > called
    assert {"what": "declined", "alarm": "co-1.level", "by": "ana"} in watch.notices
    assert watch.alarm[0] == "unack"


@pytest.mark.parametrize("sender", ["+51911111111", "Movistar", "900000001000", "", "0001", "51"])
def test_a_stranger_is_counted_and_never_answered(sender: str) -> None:
    watch = Watch()
    assert watch.text(f"OK {watch.code}", sender) == []
    assert watch.alarm == ("unack", None)
    assert watch.count("stranger") == 1


def test_a_text_that_the_modem_gives_twice_counts_once() -> None:
    watch = Watch()
    at = watch.now.utc_us
    for _ in range(3):
        watch.step(Texted(ANA, "GAS F1 CO 12 EQUIPO MX1", at))
    assert watch.count("repeated") == 2
    assert len(watch.requests) == 1
    assert len(watch.engine.response.portable.dump()) == 1


def test_a_code_of_no_alarm_of_now_acknowledges_nothing() -> None:
    watch = Watch()
    (told,) = watch.text("OK 9999")
    assert "9999" in told
    assert watch.alarm[0] == "unack"


def test_an_answer_of_another_day_is_none() -> None:
    watch = Watch()
    assert watch.text(f"OK {watch.code}", ago_s=7 * 3600) == []
    assert watch.alarm[0] == "unack"
    assert watch.count("old") == 1
    watch.text(f"OK {watch.code}", ago_s=None)
    assert watch.alarm == ("acked", "ana"), "without a stamp the code alone must do"


@pytest.mark.parametrize("sender", [EVA, BRIGADE])
def test_a_role_that_may_not_acknowledge_is_told_so(sender: str) -> None:
    watch = Watch()
    (told,) = watch.text(f"OK {watch.code}", sender)
    assert "cargo" in told
    assert watch.alarm[0] == "unack"


def test_a_portable_reading_counts_from_when_it_was_taken() -> None:
    watch = Watch()
    (told,) = watch.text("GAS F1 CO 12 NO2 0,4 O2 20.3 EQUIPO MX1 CON luis", EVA, ago_s=1700)
    assert told == "Anotado F1: CO 12, NO2 0.4, O2 20.3. No es permiso de ingreso."
    portable = watch.engine.response.portable
    (reading,) = portable.of_zone("frente-1", watch.now)
    assert (reading.people, reading.instrument, reading.gases["co"]) == (("eva", "luis"), "MX1", 12.0)
    watch.second += 110
    assert portable.of_zone("frente-1", watch.now) == [], "30 minutes after it was taken, not after it came"
    assert watch.alarm == ("unack", None), "it clears nothing"


def test_a_late_reading_does_not_pass_for_a_newer_one() -> None:
    watch = Watch()
    watch.text("GAS F1 CO 5 EQUIPO MX1", ago_s=10)
    watch.text("GAS F1 CO 90 EQUIPO MX1", ago_s=900)
    assert watch.engine.response.portable.latest("frente-1", "co", watch.now) == 5.0


@pytest.mark.parametrize(
    ("words", "ago_s", "told", "kind"),
    [
        ("GAS F1 CO doce EQUIPO MX1", 2, "CO: 'doce' no es un numero", "mistake"),
        ("GAS F9 CO 12 EQUIPO MX1", 2, "'F9' no es una zona", "mistake"),
        ("GAS F1 CO 12", 2, "falta el equipo", "mistake"),
        ("GAS F1 CO 12 EQUIPO MX1 CON zoe", 2, "'zoe' no esta en la lista", "mistake"),
        ("GAS F1 CO 12 EQUIPO MX1", 3600, "Mida otra vez", "late"),
        ("GAS F1 CO 12 EQUIPO MX1", None, "no dicen cuando", "undated"),
    ],
)
def test_what_is_wrong_with_a_reading_goes_back_in_one_sentence(words, ago_s, told, kind) -> None:
    watch = Watch()
    (sentence,) = watch.text(words, ago_s=ago_s)
    assert told in sentence
    assert watch.count(kind) == 1
    assert watch.engine.response.portable.dump() == []


def test_with_a_clock_that_nobody_trusts_no_reading_has_an_age_but_an_answer_counts() -> None:
    watch = Watch(trusted=False)
    (told,) = watch.text("GAS F1 CO 12 EQUIPO MX1")
    assert "reloj" in told
    watch.text(f"OK {watch.code}", ago_s=40_000)
    assert watch.alarm == ("acked", "ana")


def test_two_machines_do_not_write_to_each_other_for_ever() -> None:
    watch = Watch()
    told = [sentence for number in range(50) for sentence in watch.text(f"No puedo hablar ahora ({number})")]
    assert len(told) == 1, "help once an hour"
    assert told[0].startswith("No entendi")
    assert watch.count("words") == 50
    told = [sentence for number in range(50) for sentence in watch.text(f"OK 99{number:02}")]
    assert len(told) == ANSWERS_PER_HOUR - 1, "and no more answers an hour than these"
    watch.text(f"OK {watch.code}")
    assert watch.alarm == ("acked", "ana"), "what is asked is done all the same"
    watch.second += 3700
    assert watch.text("hola") != []


def test_after_a_restart_it_knows_what_it_knew() -> None:
    watch = Watch()
    at = watch.now.utc_us
    watch.step(Texted(ANA, "hola", at))
    watch.step(Texted(ANA, f"OK {watch.code}", at))
    again = Engine(MINE, "hash")
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(watch.engine.dump())))
    watch.engine = again
    assert watch.step(Texted(ANA, "hola", at)) == []
    assert watch.step(Texted(ANA, "hola otra vez", at)) == []
    assert (watch.count("repeated"), watch.count("words")) == (1, 2)


def test_the_answer_itself_is_on_record_also_what_the_network_says_late() -> None:
    watch = Watch()
    watch.text(f"OK {watch.code}")
    ident = watch.sent[-1].id
    watch.step(Delivered(ident, True, "taken"))
    watch.step(Delivered(ident, False, "not delivered"))
    watch.step(Delivered(ident, False, "once more"))
    records = [notice for notice in watch.notices if notice.get("delivery") == ident]
    assert [(one["notification"], one["ok"], one.get("late", False)) for one in records] == [
        ("answer", True, False), ("answer", False, True),
    ]  # fmt: skip


def test_a_message_that_failed_after_all_calls_the_person_again() -> None:
    watch = Watch()
    watch.step(Tick())
    first = next(message for message in watch.sent if message.address == f"sms://{LUIS}")
    watch.step(Delivered(first.id, True, "the network took it"))
    before = len(watch.sent)
    watch.step(Delivered(first.id, False, "not delivered (status 0x41)"))
    records = [notice for notice in watch.notices if notice.get("delivery") == first.id]
    assert [(one["ok"], one.get("late", False)) for one in records] == [(True, False), (False, True)]
    for _ in range(15):
        watch.step(Tick())
    assert any(message.address == first.address for message in watch.sent[before:])


def test_a_late_report_of_an_alarm_that_is_over_is_recorded_all_the_same() -> None:
    watch = Watch()
    watch.step(Tick())
    first = next(message for message in watch.sent if message.address == f"sms://{LUIS}")
    watch.step(Delivered(first.id, True, "the network took it"))
    watch.engine.response.outbox.ended("co-1.level")
    watch.step(Delivered(first.id, True, "delivered late"))
    assert watch.notices[-1]["late"]
    watch.step(Delivered(first.id, True, "delivered late"))
    assert len([n for n in watch.notices if n.get("delivery") == first.id]) == 2


def test_a_manual_reading_of_any_door_may_say_how_old_it_is() -> None:
    watch = Watch()
    args = {"gases": {"co": 1.0}, "instrument": "X"}
    for age, ok in ((60, True), (-1, False), (1800, False), ("1", False), (True, False)):
        watch.step(Request(f"age {age!r}", "manual_reading", "ana", "officer", "frente-1", args | {"age_s": age}))
        assert watch.requests[-1]["ok"] is ok, age


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+51987654321", "+51987654321", True), ("+51987654321", "987654321", True),
        ("+51987654321", "0987654321", True), ("+51987654321", "51987654321", True),
        ("+51987654321", "+52987654321", False), ("+51987654321", "4321", False),
        ("987654321", "1987654321", False), ("+51987654321", "ANA", False), ("", "", False), ("+", "+", False),
    ],
)  # fmt: skip
def test_two_ways_to_write_a_number(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is same
    assert is_same(other, one) is same


def test_a_telephone_of_two_people_names_nobody_and_check_says_so() -> None:
    both = [PEOPLE[0], {"id": "rosa", "name": "Rosa", "role": "supervisor", "notify": [f"sms:{ANA[3:]}"]}]
    mine = site(people=both)
    assert Telephones(mine).caller(ANA) is None
    assert any("'ana' and 'rosa' share a telephone" in remark for remark in remarks(mine))


def test_every_sentence_fits_one_sms_and_names_nobody() -> None:
    for key, row in BOOK["sentences"].items():
        for lang in ("es", "en"):
            full = row[lang].format(code="4821", why="", zone="x" * 12, gases="", word="x" * 40, time="23/11 06:00",
                                    minutes=30)  # fmt: skip
            assert set(full) <= texts.GSM7, key
            assert len(full) <= texts.SMS_SEPTETS, key


WORDS = st.sampled_from(["OK", "no", "GAS", "F1", "CO", "12", "1000", "4821", "EQUIPO", "CON", "Ñ", "٤٨٢١", "½"])
ANYBODY = st.sampled_from([ANA, "", "Ñ", "+"])


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=8).map(" ".join)), ANYBODY)
def test_any_text_of_anybody_is_survived_and_at_most_one_is_said(words: str, sender: str) -> None:
    engine = Engine(MINE, "hash")
    now = Moment(1_000_000_000, UTC0)
    for at in (UTC0, NO_TIME, -(2**62), 2**62):
        out = engine.step(now, [Texted(sender, words, at)])
        assert len(out.messages) <= 1
        assert all(len(one.text) <= texts.SMS_SEPTETS and set(one.text) <= texts.GSM7 for one in out.messages)
