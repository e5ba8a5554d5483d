"""A serial source on real pseudo-terminals: pulled, plugged, silent, shared, hung."""

import errno
import logging
import os
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from gateway.transports.backoff import Backoff
from gateway.transports.port import Line, open_port
from gateway.transports.serial_port import SerialSource
from tests.fixtures.leaks import assert_no_more_than, held
from tests.fixtures.pty import Cable
from tests.fixtures.waiting import wait_for

FRAME = bytes.fromhex("424d001c") + bytes(28)


class Listener:
    """A source and what its callbacks were told."""

    def __init__(self, port: Path | str, **options) -> None:
        self.chunks: list[bytes] = []
        self.times: list[int] = []
        self.links: list[tuple[bool, str]] = []
        options.setdefault("backoff", Backoff(0.01, 0.05))
        options.setdefault("on_bytes", self._on_bytes)
        self.source = SerialSource("dust-1", str(port), Line(), on_link=self._on_link, **options)

    def _on_bytes(self, source: str, data: bytes, received_ns: int) -> None:
        assert source == "dust-1"
        self.chunks.append(data)
        self.times.append(received_ns)

    def _on_link(self, source: str, up: bool, detail: str) -> None:
        assert source == "dust-1"
        self.links.append((up, detail))

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)

    def start(self) -> "Listener":
        self.source.start()
        return self


@pytest.fixture
def listeners() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def make(*args, **options) -> Listener:
        made.append(Listener(*args, **options))
        return made[-1]

    yield make
    for listener in made:
        listener.source.stop()


def test_bytes_arrive_with_their_time(cable: Cable, listeners):
    listener = listeners(cable.port).start()
    wait_for(lambda: listener.source.up, "open")
    before = time.monotonic_ns()
    cable.send(FRAME)
    wait_for(lambda: listener.data == FRAME, "the frame arrives")
    assert before < listener.times[0] < time.monotonic_ns()
    cable.send(FRAME[:7])
    cable.send(FRAME[7:])
    wait_for(lambda: listener.data == FRAME * 2, "cut frames arrive whole")
    assert listener.links == [(True, f"serial port {cable.port} of source 'dust-1' is open")]


def test_unplugged_and_replugged_five_times(cable: Cable, listeners, caplog):
    caplog.set_level(logging.INFO, "gateway.transports")
    listener = listeners(cable.port, start_commands=b"\x42\x4d\xe1").start()
    wait_for(lambda: listener.source.up, "open")
    before = held()
    for turn in range(5):
        cable.send(bytes([turn]))
        wait_for(lambda turn=turn: listener.data == bytes(range(turn + 1)), "a byte arrives")
        wait_for(lambda: cable.received() == b"\x42\x4d\xe1", "the start command is sent after every opening")
        cable.unplug()
        wait_for(lambda: not listener.source.up, "the loss is noticed")
        cable.plug()
        wait_for(lambda: listener.source.up, "it is open again")
    cable.send(b"end")
    wait_for(lambda: listener.data.endswith(b"end"), "and works")
    assert [up for up, _ in listener.links] == [True] + [False, True] * 5
    assert len(caplog.records) == 11, "one line a change, none in between"
    assert_no_more_than(before)
    assert listener.source.counters.lost == 5


def test_a_port_that_is_missing_at_start_is_one_sentence_and_opens_when_it_appears(cable: Cable, listeners):
    cable.unplug()
    listener = listeners(cable.port).start()
    wait_for(lambda: listener.links, "the loss is told")
    time.sleep(0.2)  # several attempts go by
    [(up, detail)] = listener.links
    assert not up
    assert detail == (
        f"serial port {cable.port} of source 'dust-1': it is not there (unplugged, or known by another name now); "
        "trying again until it returns"
    )
    assert not listener.source.write(b"x")
    cable.plug()
    wait_for(lambda: listener.source.up, "open")
    cable.send(b"a")
    wait_for(lambda: listener.data == b"a", "and works")


def test_an_open_line_that_says_nothing_is_opened_again_and_is_up_with_its_first_byte(cable: Cable, listeners):
    listener = listeners(cable.port, silence_s=0.3).start()
    wait_for(lambda: listener.source.counters.silences >= 2, "the silence is noticed, and again")
    assert [up for up, _ in listener.links] == [True, False]
    assert "has sent nothing for 0.3 s" in listener.links[1][1]
    assert listener.source.counters.opened >= 2
    wait_for(lambda: listener.source.write(b"?") and cable.received() == b"?", "the line is open, though down")
    assert not listener.source.up
    cable.send(b"a")
    wait_for(lambda: listener.source.up, "up with the first byte")
    assert listener.data == b"a"


def test_another_device_under_the_name_is_found_though_the_old_line_stays_open(cable: Cable, listeners, tmp_path):
    listener = listeners(cable.port).start()
    wait_for(lambda: listener.source.up, "open")
    other = Cable(tmp_path / "other")
    other.plug()
    target = cable.port.readlink()
    cable.port.unlink()
    cable.port.symlink_to(other.port.readlink())  # the old pseudo-terminal is still there, and says nothing
    wait_for(lambda: len(listener.links) == 3, "the other device is opened")
    assert "another device now" in listener.links[1][1]
    other.send(b"b")
    wait_for(lambda: listener.data == b"b", "and heard")
    cable.port.unlink()
    cable.port.symlink_to(target)
    other.unplug()


def test_a_port_that_another_program_has_is_one_sentence(cable: Cable, listeners):
    with open_port(str(cable.port), Line()):
        listener = listeners(cable.port).start()
        wait_for(lambda: listener.links, "refused")
        assert "another program has it open" in listener.links[0][1]
    wait_for(lambda: listener.source.up, "open when the other lets go")


@pytest.mark.parametrize("content", ["file", "folder"])
def test_what_is_no_port_is_one_sentence(listeners, tmp_path, content):
    path = tmp_path / "port"
    path.write_text("x") if content == "file" else path.mkdir()
    listener = listeners(path).start()
    wait_for(lambda: listener.links, "refused")
    assert "no serial port" in listener.links[0][1]


def test_a_bare_name_is_a_by_id_name(listeners):
    asked: list[str] = []

    def spy(port: str, line: Line) -> serial.Serial:
        asked.append(port)
        return open_port(port, line)

    listener = listeners("usb-none", opener=spy).start()
    wait_for(lambda: listener.links, "it is not there")
    assert asked[0] == "usb-none"
    with pytest.raises(serial.SerialException, match="/dev/serial/by-id/usb-none"):
        open_port("usb-none", Line())


class Torn:
    """A port whose every look at the line fails as kernels and libraries do."""

    def __init__(self, port: serial.Serial, error: Exception) -> None:
        self._port = port
        self._error = error
        self.fileno = port.fileno

    @property
    def in_waiting(self) -> int:
        raise self._error

    def close(self) -> None:
        self._port.close()
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ENXIO, "No such device or address"),
        termios.error(errno.EIO, "Input/output error"),
        serial.SerialException("device reports readiness to read but returned no data"),
        RuntimeError("a defect"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_kind_of_failure_is_survived(cable: Cable, listeners, error: Exception):
    opened: list[int] = []

    def opener(port: str, line: Line) -> serial.Serial:
        opened.append(1)
        return Torn(open_port(port, line), error) if len(opened) == 1 else open_port(port, line)

    before = held()
    listener = listeners(cable.port, opener=opener).start()
    wait_for(lambda: listener.source.up, "open")
    cable.send(b"a")
    wait_for(lambda: len(listener.links) == 3, "lost and opened again")
    cable.send(b"b")
    wait_for(lambda: listener.data.endswith(b"b"), "and works")
    assert [up for up, _ in listener.links] == [True, False, True]
    listener.source.stop()
    assert_no_more_than(before)


def test_writes_keep_their_order_and_a_hung_device_does_not_block(cable: Cable, listeners):
    listener = listeners(cable.port).start()
    wait_for(lambda: listener.source.up, "open")
    assert all(listener.source.write(bytes([number])) for number in range(10))
    got = bytearray()
    wait_for(lambda: got.extend(cable.received()) or len(got) == 10, "all are written")
    assert bytes(got) == bytes(range(10))
    started = time.monotonic()
    for _ in range(1000):
        listener.source.write(bytes(4096))  # nobody reads: the line's buffer fills
    assert time.monotonic() - started < 1.0
    assert listener.source.counters.dropped_writes > 0
    started = time.monotonic()
    listener.source.stop()
    assert time.monotonic() - started < 2.0


def test_a_callback_that_fails_ends_nothing(cable: Cable, listeners, caplog):
    seen: list[bytes] = []

    def poisoned(_source: str, data: bytes, _received_ns: int) -> None:
        seen.append(data)
        raise RuntimeError("cannot bear it")

    listener = listeners(cable.port, on_bytes=poisoned).start()
    wait_for(lambda: listener.source.up, "open")
    for text in (b"a", b"b", b"c"):
        cable.send(text)
        wait_for(lambda text=text: seen and seen[-1].endswith(text), "it is handed on")
    assert listener.source.up
    assert listener.source.counters.callback_errors >= 1
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


def test_noise_at_full_speed_neither_hangs_nor_loses(cable: Cable, listeners):
    listener = listeners(cable.port).start()
    wait_for(lambda: listener.source.up, "open")
    noise = os.urandom(200_000)
    sent = 0
    while sent < len(noise):
        try:
            sent += os.write(cable._master, noise[sent : sent + 4096])
        except BlockingIOError:
            time.sleep(0.001)
    wait_for(lambda: len(listener.data) == len(noise), "all of it arrives")
    assert listener.data == noise
    assert listener.source.stuck_s < 1.0


def test_nothing_is_left_behind(cable: Cable, listeners):
    before = held()
    for _ in range(5):
        listener = listeners(cable.port).start()
        wait_for(lambda listener=listener: listener.source.up, "open")
        listener.source.stop()
    assert_no_more_than(before)


def test_stop_is_quick_while_the_port_is_missing(listeners, tmp_path):
    listener = listeners(tmp_path / "none", backoff=Backoff(5.0, 5.0)).start()
    wait_for(lambda: listener.links, "tried")
    started = time.monotonic()
    listener.source.stop()
    assert time.monotonic() - started < 1.0
