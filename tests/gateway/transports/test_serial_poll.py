"""A device that only answers is asked, steadily, and again after it was pulled."""

import time

from gateway.transports.backoff import Backoff
from gateway.transports.port import Line
from gateway.transports.serial_port import SerialSource
from tests.fixtures.pty import Cable
from tests.fixtures.waiting import wait_for

START, ASK = b"start", b"?"
POLL_S = 0.05


def test_start_commands_first_then_a_question_every_so_often(cable: Cable) -> None:
    links: list[bool] = []
    source = SerialSource(
        "dust-1", str(cable.port), Line(), start_commands=START, poll_command=ASK, poll_s=POLL_S,
        backoff=Backoff(0.01, 0.05), on_bytes=lambda *_: None, on_link=lambda _source, up, _why: links.append(up),
    )  # fmt: skip
    heard = b""

    def asked(times: int) -> bool:
        nonlocal heard
        heard += cable.received()
        return heard.count(ASK) >= times

    source.start()
    try:
        begun = time.monotonic()
        wait_for(lambda: asked(10), "ten questions")
        assert heard.startswith(START + ASK)
        assert time.monotonic() - begun >= 9 * POLL_S
        cable.unplug()
        wait_for(lambda: links[-1:] == [False], "the line is lost")
        heard = b""
        cable.plug()
        wait_for(lambda: asked(3), "questions again")
        assert heard.startswith(START + ASK)
    finally:
        source.stop()


def test_noise_at_full_rate_starves_no_question(cable: Cable) -> None:
    source = SerialSource(
        "dust-1", str(cable.port), Line(), poll_command=ASK, poll_s=POLL_S,
        on_bytes=lambda *_: None, on_link=lambda *_: None,
    )  # fmt: skip
    heard, sent = b"", 0
    source.start()
    try:
        wait_for(lambda: source.up, "open")
        deadline = time.monotonic() + 10
        while heard.count(ASK) < 5:
            assert time.monotonic() < deadline
            cable.send(b"\xa5" * 200)
            heard += cable.received()
            sent += 200
            wait_for(lambda: source.counters.received_bytes == sent, "the noise is read")  # noqa: B023
    finally:
        source.stop()
