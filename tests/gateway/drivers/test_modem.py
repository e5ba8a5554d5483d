"""The AT state machine against a modem with all its manners, in virtual time."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.devices import modem as sim
from gateway.domain.moment import SECOND_US
from gateway.drivers.modem import Modem
from gateway.drivers.modem_events import PinTried, PowerNeeded, Received, Reported, Sent, State
from gateway.drivers.modem_replies import Cure, final, registration, signal_dbm

NUMBER = "+51987654321"


class Pair:
    """A modem and its host, byte by byte if `chunk` is 1; time goes in steps of 0.1 s."""

    def __init__(self, pin: str | None = None, card: str | None = None, chunk: int = 4096) -> None:
        self.device = sim.Modem(card)
        self.host = Modem(pin)
        self.events: list[object] = []
        self.written = b""
        self._chunk = chunk
        self.now_us = 0
        self.device.power_on(0.0)
        self.host.opened(0)

    def run(self, seconds: float, until=lambda: False) -> bool:
        end = self.now_us + round(seconds * SECOND_US)
        while self.now_us < end:
            self.now_us += SECOND_US // 10
            self.turn(b"".join(self.device.speak(self.now_us / 1e6)))
            if until():
                return True
        return False

    def turn(self, data: bytes) -> None:
        pieces = [data[at : at + self._chunk] for at in range(0, len(data), self._chunk)] or [b""]
        while pieces:
            out = self.host.advance(self.now_us, pieces.pop(0))
            self.events += out.events
            self.written += out.write
            answer = b"".join(self.device.hear(self.now_us / 1e6, out.write))
            pieces += [answer[at : at + self._chunk] for at in range(0, len(answer), self._chunk)]

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    def ready(self) -> "Pair":
        assert self.run(60, lambda: self.host.ready), (self.events, self.written)
        return self

    def sends(self, text: str, seconds: float = 130.0, ident: str = "m") -> Sent:
        self.host.send(self.now_us, ident, NUMBER, text)
        assert self.run(seconds, lambda: any(e.ident == ident for e in self.of(Sent))), self.written
        (sent,) = (e for e in self.of(Sent) if e.ident == ident)
        return sent


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize(
    "wrong",
    [(), ("no_ok_after_cpin",), ("chatter",), ("echo_stays",), ("foreign_words",),
     ("no_ok_after_cpin", "chatter", "echo_stays", "foreign_words")],
)  # fmt: skip
def test_a_message_goes_out_whatever_the_modems_manners(wrong, chunk) -> None:
    pair = Pair(chunk=chunk)
    pair.device.wrong |= set(wrong)
    pair.ready()
    text = "EVACUAR Bocamina Orex: CO 500 ppm en Frente 1. Ñ á {€} " * 5
    assert pair.sends(text).ok
    assert "".join(message.text for message in pair.device.sent) == text
    assert {message.number for message in pair.device.sent} == {NUMBER}
    pair.run(1)
    assert pair.of(Reported) == [Reported("m", delivered=True)]
    assert pair.of(State) == [State(up=True, detail="the modem is ready")]
    assert (pair.host.network, pair.host.signal_dbm) == (5 if "chatter" in wrong else 1, -71)


def test_reference_0_is_a_message_like_any_other() -> None:
    pair = Pair().ready()
    assert pair.sends("uno").ok
    assert pair.device._reference == 0
    pair.run(1)
    assert [event.delivered for event in pair.of(Reported)] == [True]


def test_not_delivered_is_told_and_a_network_that_reports_nothing_says_nothing() -> None:
    pair = Pair().ready()
    pair.device.wrong.add("fails_delivery")
    assert pair.sends("x" * 200).ok
    pair.run(1)
    assert [(event.delivered, event.detail) for event in pair.of(Reported)] == [(False, "not delivered (status 0x41)")]
    pair.device.wrong.add("no_reports")
    assert pair.sends("y", ident="n").ok
    pair.run(5)
    assert len(pair.of(Reported)) == 1


@pytest.mark.parametrize(
    ("number", "words", "cure"),
    [(41, "temporary failure", Cure.RETRY), (331, "no network", Cure.RETRY), (500, "unknown", Cure.RETRY),
     (69, "does not offer", Cure.CONFIGURE), (330, "service centre", Cure.CONFIGURE), (777, "common", Cure.RETRY)],
)  # fmt: skip
def test_an_error_of_the_network_says_what_to_do_and_the_next_message_goes(number, words, cure) -> None:
    pair = Pair().ready()
    pair.device.errors = [number]
    sent = pair.sends("uno")
    assert not sent.ok
    assert words in sent.detail
    assert cure.value in sent.detail
    assert pair.sends("dos", ident="n").ok
    assert [message.text for message in pair.device.sent] == ["dos"]


def test_a_full_memory_is_emptied_of_what_was_read_and_the_message_goes() -> None:
    pair = Pair().ready()
    pair.device.store = {1: (True, b""), 2: (False, b"")}
    pair.device.errors = [322]
    assert pair.sends("uno").ok
    assert list(pair.device.store) == [2], "what nobody has read stays"


def test_a_part_that_fails_fails_the_message() -> None:
    pair = Pair().ready()
    pair.device.errors = []
    pair.host.send(pair.now_us, "m", NUMBER, "x" * 400)
    pair.run(0.1)
    assert len(pair.device.sent) == 3
    pair.device.errors = [42]
    assert not pair.sends("y" * 400, ident="n").ok
    assert len(pair.device.sent) == 3


def test_text_mode_where_there_is_no_other() -> None:
    pair = Pair()
    pair.device.wrong |= {"text_only", "foreign_words"}
    pair.ready()
    assert pair.sends("EVACUAR Ñahui {Ξ} á").ok
    assert [message.text for message in pair.device.sent] == ["EVACUAR Ñahui ??? ?"]


# --- The card ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", [None, "1234"])
def test_a_modem_that_lost_its_power_is_set_up_again_also_with_a_card_that_is_locked(pin: str | None) -> None:
    """It answers `AT` as if nothing were, in text mode and mute: a PDU would go out as a text to nobody's number."""
    pair = Pair(pin=pin, card=pin).ready()
    pair.device.power_on(pair.now_us / 1e6)
    pair.run(1)
    if pin is not None:
        pair.run(130, lambda: pair.device.pins_tried == 2)
        pair.run(60, lambda: pair.host.ready)
    assert pair.sends("EVACUAR").ok
    assert [message.text for message in pair.device.sent] == ["EVACUAR"]
    pair.run(61)
    pair.device.arrive("OK 1000")
    assert pair.run(5, lambda: pair.of(Received)), "and it announces what comes in"
    assert pair.device.pins_tried == (0 if pin is None else 2)


def test_the_pin_is_given_once_and_never_twice() -> None:
    pair = Pair(pin="0000", card="1234")
    pair.run(600)
    assert pair.device.pins_tried == 1
    assert pair.of(PinTried) == [PinTried(None), PinTried(accepted=False)]
    assert "did not take its PIN" in pair.of(State)[0].detail
    assert not pair.sends("uno").ok
    pair.host.lost(pair.now_us, "unplugged")
    pair.host.opened(pair.now_us)
    pair.run(600)
    assert pair.device.pins_tried == 1


def test_the_right_pin_opens_the_card_and_is_on_record_before_it_is_given() -> None:
    pair = Pair(pin="1234", card="1234").ready()
    assert pair.of(PinTried) == [PinTried(None), PinTried(accepted=True)]
    assert pair.sends("uno").ok


@pytest.mark.parametrize(("pin", "wrong", "words"), [(None, (), "asks for its PIN"), ("1234", ("no_sim",), "no SIM")])
def test_a_card_that_a_person_must_look_at(pin, wrong, words) -> None:
    pair = Pair(pin=pin, card="1234")
    pair.device.wrong |= set(wrong)
    pair.run(100)
    (state,) = pair.of(State)
    assert not state.up
    assert words in state.detail
    assert pair.device.pins_tried == 0
    assert words in pair.sends("uno").detail


def test_a_card_that_comes_later_is_found() -> None:
    pair = Pair()
    pair.device.wrong.add("no_sim")
    pair.run(40)
    pair.device.wrong.clear()
    pair.ready()
    assert [state.up for state in pair.of(State)] == [False, True]


def test_no_service_centre_is_a_sentence() -> None:
    pair = Pair()
    pair.device.centre = ""
    pair.run(40)
    assert "service centre" in pair.of(State)[0].detail


# --- Hung -------------------------------------------------------------------------------------------------------------


def test_a_modem_that_hangs_is_noticed_within_minutes_and_restarted() -> None:
    pair = Pair().ready()
    assert pair.sends("uno").ok
    pair.device.wrong.add("hung")
    assert pair.run(90, lambda: not pair.host.ready), "a minute of rest and two answers that did not come"
    assert pair.run(120, lambda: pair.host.ready)
    assert pair.device.restarts == 1
    assert pair.of(PowerNeeded) == []
    assert pair.sends("dos", ident="n").ok


def test_a_modem_that_hangs_while_sending_fails_the_message_and_a_restart_mends_it() -> None:
    pair = Pair().ready()
    pair.device.wrong.add("swallows_prompt")
    assert not pair.sends("uno").ok
    pair.device.wrong.clear()
    assert pair.sends("dos", ident="n").ok
    assert [message.text for message in pair.device.sent] == ["dos"], "nothing of the first went out under the second"


def test_a_modem_that_does_not_come_back_needs_its_power_cut() -> None:
    pair = Pair().ready()
    pair.device.wrong |= {"hung", "deaf_to_restart"}
    assert pair.run(600, lambda: bool(pair.of(PowerNeeded)))
    assert not pair.sends("uno").ok
    pair.device.wrong.clear()
    pair.device.power_on(pair.now_us / 1e6)
    pair.ready()
    assert pair.sends("dos", ident="n").ok


def test_a_port_that_goes_in_mid_message_fails_it_and_begins_anew() -> None:
    pair = Pair().ready()
    pair.device.wrong.add("swallows_prompt")
    pair.host.send(pair.now_us, "m", NUMBER, "uno")
    pair.run(0.3)
    pair.host.lost(pair.now_us, "it was unplugged")
    pair.turn(b"")
    assert pair.of(Sent) == [Sent("m", ok=False, detail="it was unplugged")]
    pair.device.wrong.clear()
    pair.device.power_on(pair.now_us / 1e6)
    pair.host.opened(pair.now_us)
    pair.ready()
    assert pair.sends("dos", ident="n").ok


# --- Received ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [(), ("chatter",), ("echo_stays",)])
def test_what_people_write_is_read_and_deleted(wrong) -> None:
    pair = Pair()
    pair.device.wrong |= set(wrong)
    pair.device.arrive("OK 1000")
    pair.ready()
    pair.device.arrive("GAS F1 CO 12 NO2 0.4")
    pair.run(5)
    assert [event.message.text for event in pair.of(Received)] == ["OK 1000", "GAS F1 CO 12 NO2 0.4"]
    assert {event.message.sender for event in pair.of(Received)} == {NUMBER}
    assert pair.device.store == {}


# --- Nonsense ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=40) | st.sampled_from(
    [b"\r\nOK\r\n", b"\r\nERROR\r\n", b"> ", b"\r\n+CMGS: 3\r\n", b"\r\n+CDS: 25\r\n", b"\r\n+CPIN: SIM PIN\r\n",
     b"\r\n+CMTI: \"SM\",\r\n", b"\r\n+CMGR: 0,,9\r\n", b"\r\n+CMS ERROR: x\r\n", b"\r\n+CREG:\r\n", b"\r\n+CSQ: a\r\n"]
), max_size=60))  # fmt: skip
def test_any_bytes_at_any_time_raise_nothing_and_a_message_ends(noise: list[bytes]) -> None:
    host = Modem("1234")
    host.opened(0)
    host.send(0, "m", NUMBER, "uno")
    ends, now_us = 0, 0
    for data in [*noise, *[b""] * 700]:
        now_us += SECOND_US
        ends += sum(isinstance(event, Sent) for event in host.advance(now_us, data).events)
    assert ends == 1
    assert len(host._line._buffer) <= 1024


def test_the_modem_recovers_from_noise_between_everything() -> None:
    noise = random.Random(7)
    pair = Pair()
    pair.ready()
    for n in range(5):
        pair.turn(noise.randbytes(200) + b"\r\n")
        assert pair.sends(f"text {n}", ident=f"m{n}").ok
    assert [message.text for message in pair.device.sent] == [f"text {n}" for n in range(5)]


def test_lines_and_their_meaning() -> None:
    assert final("+CMS ERROR: 313") is not None
    assert final("+CSQ: 3,99") is None
    assert final("+CMS ERROR: network timeout").cure is Cure.RETRY  # type: ignore[union-attr]
    assert registration("+CREG: 0,5", asked=True) == 5
    assert registration('+CREG: 5,"00C3","1A2B"', asked=False) == 5
    assert registration("+CREG:", asked=True) is None
    assert signal_dbm("+CSQ: 99,99") is None
    assert signal_dbm("+CSQ: 31,0") == -51
