"""Messages through a modem on a real pseudo-terminal, and a card's PIN that is tried once in its life."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.notify.console import Result
from alerts.notify.dispatch import Dispatch
from alerts.notify.outbox import Delivery
from alerts.notify.sms_channel import SmsChannel
from bocamina.sms_modem import RECORD, open_modem
from firmware_sim.devices.modem import Modem
from gateway.domain.errors import ConfigError
from gateway.domain.site import Sms
from gateway.drivers.modem import Modem as HostModem
from tests.fixtures.mast import Mast
from tests.fixtures.waiting import wait_for

ADDRESS = "sms:+51987654321"


class Told(Mast):
    """A mast, and the gateway's side of its line."""

    def __init__(self, folder: Path, pin: str | None = None) -> None:
        super().__init__(folder, pin)
        self.folder = folder
        self.states: list[tuple[bool, str]] = []
        self.dispatch = Dispatch()
        self.results: list[Result] = []

    def open(self, pin_file: Path | None = None) -> None:
        sms = Sms(port=str(self.line.link), pin_file=None if pin_file is None else str(pin_file))
        self.dispatch.sms, self.port = open_modem(sms, self.folder, lambda *state: self.states.append(state))
        self.port.start()

    def poll(self) -> bool:
        self.results += self.dispatch.poll()
        return False

    def wait(self, condition, what: str, seconds: float = 20.0) -> None:
        wait_for(lambda: self.poll() or condition(), what, seconds)

    def close(self) -> None:
        self.port.stop()
        super().close()


@pytest.fixture
def mast(tmp_path) -> Iterator[Told]:
    one = Told(tmp_path)
    yield one
    one.close()


def delivery(ident: str, text: str = "EVACUAR Orex F1: CO 500 ppm. Responda OK 1000") -> Delivery:
    return Delivery(ident, "n", "ana", ADDRESS, text, 1)


def test_a_message_is_delivered_and_an_answer_is_heard_also_after_the_modem_was_pulled(mast: Told) -> None:
    mast.open()
    mast.wait(lambda: mast.states, "the modem is ready")
    assert mast.states == [(True, "the modem is ready")]
    mast.dispatch.send(delivery("message-1"))
    mast.wait(lambda: mast.results, "delivered")
    assert mast.results == [Result("message-1", ok=True)]
    assert mast.modem.sent[0].text.endswith("OK 1000")
    mast.unplug()
    mast.wait(lambda: mast.states[-1][0] is False, "the loss is told")
    mast.dispatch.send(delivery("message-2", "Ñ"))
    mast.plug()
    mast.wait(lambda: mast.states[-1][0], "it is back")
    mast.wait(lambda: len(mast.results) == 2, "what waited has gone")
    assert [message.text for message in mast.modem.sent][1:] == ["Ñ"]
    mast.modem.arrive("OK 1000")
    heard: list[str] = []
    mast.wait(
        lambda: heard.extend(m.text for m in mast.dispatch.received()) or heard,
        "the answer is heard",
    )
    assert heard == ["OK 1000"]


def test_what_the_network_says_after_a_minute_is_a_second_result() -> None:
    """The channel and the emulator by a clock of the test's own."""
    now_us, sent, states = [0], [b""], []
    modem = Modem()
    modem.report_after_s = 95.0
    channel = SmsChannel(
        HostModem(), lambda data: sent.append(data) or True, on_pin=lambda _: None,
        on_state=lambda *state: states.append(state), now_us=lambda: now_us[0],
    )  # fmt: skip
    modem.power_on(-1.0)
    channel.link(True, "open")
    told: list[tuple[int, Result]] = []
    for tenth in range(4200):
        now_us[0] = tenth * 100_000
        if tenth in (100, 1600):
            channel.send(delivery(f"message-{tenth}"))
        if tenth == 1500:
            modem.wrong.add("fails_delivery")
        asked, sent[:] = b"".join(sent), []
        for answer in (*modem.hear(tenth / 10, asked), *modem.speak(tenth / 10)):
            channel.heard(answer)
        told += [(tenth // 10, result) for result in channel.poll()]
    assert [(second, result.delivery, result.ok) for second, result in told] == [
        (70, "message-100", True), (105, "message-100", True), (220, "message-1600", True),
        (255, "message-1600", False),
    ]  # fmt: skip
    assert "said so late" in told[1][1].detail


def test_a_failed_delivery_is_told_as_one(mast: Told) -> None:
    mast.modem.errors = [330]
    mast.open()
    mast.dispatch.send(delivery("message-1"))
    mast.wait(lambda: mast.results, "the network refuses")
    assert not mast.results[0].ok
    assert "service centre" in mast.results[0].detail
    mast.dispatch.send(delivery("message-2", "x")._replace(address="sms:ana"))
    mast.wait(lambda: len(mast.results) == 2, "no number is a failed delivery")
    assert "no telephone number" in mast.results[1].detail


@pytest.mark.parametrize("pin", ["1234", "9999"])
def test_a_pin_is_tried_once_whatever_restarts_and_again_when_its_file_was_changed(tmp_path, pin) -> None:
    mast = Told(tmp_path, pin="1234")
    file = tmp_path / "sim.pin"
    file.write_text(f"{pin}\n")
    for _ in range(3):
        mast.open(file)
        mast.wait(lambda: mast.states, "the card answers")
        mast.port.stop()
        mast.states.clear()
    assert mast.modem.pins_tried == 1
    assert (tmp_path / RECORD).exists() is (pin == "9999")
    if pin == "9999":
        file.write_text("1234")
        mast.open(file)
        mast.wait(lambda: mast.states and mast.states[-1][0], "the card took the new one")
        assert mast.modem.pins_tried == 2
        assert not (tmp_path / RECORD).exists()
    mast.close()


def test_a_pin_that_cannot_be_kept_on_record_is_not_given(caplog) -> None:
    def full_disk(_accepted: bool | None) -> None:
        raise OSError("no space left")

    written, states = bytearray(), []
    channel = SmsChannel(
        HostModem("1234"), lambda data: bool(written.extend(data)) or True, on_pin=full_disk,
        on_state=lambda *state: states.append(state), now_us=lambda: 0,
    )  # fmt: skip
    channel.link(True, "open")
    for answer in (b"OK", b"OK", b"OK", b"+CPIN: SIM PIN\r\n\r\nOK"):
        channel.heard(b"\r\n" + answer + b"\r\n")
    assert written.endswith(b"AT+CPIN?\r")
    assert "PIN is not used" in caplog.text


@pytest.mark.parametrize(("text", "words"), [("12 34", "expected 4 to 8 digits"), (None, "cannot be read")])
def test_a_pin_file_that_holds_none_is_one_sentence(tmp_path, text, words) -> None:
    file = tmp_path / "sim.pin"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        open_modem(Sms(port="/dev/null", pin_file=str(file)), tmp_path, lambda *_: None)


def test_without_a_modem_an_address_fails_with_a_sentence() -> None:
    dispatch = Dispatch()
    dispatch.send(delivery("message-1"))
    assert dispatch.poll() == [Result("message-1", ok=False, detail="no channel carries 'sms:' addresses")]
