"""pymodbus on a line of ours: it builds the questions and reads the answers; ports, clocks and deadlines are here.

Its own client waits by the wall clock, throws a whole buffer away when noise stands before an answer, and opens ports
without saying why not. So we hand it exactly the bytes of one answer, found by unit, function, byte count and CRC.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

import serial
from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusException

from gateway.domain.errors import LinkLost
from gateway.drivers.modbus_frame import READ_HOLDING, Answer, ReadRequest, find_reply
from gateway.transports.doorbell import Doorbell
from gateway.transports.port import Line, is_still, open_port

BITS_A_CHARACTER: Final = 11
SILENT_CHARACTERS: Final = 3.5
FAST_BAUD: Final = 19200
FAST_PAUSE_S: Final = 0.00175
"""Above 19200 Bd the pause between frames is fixed (MODBUS over serial line v1.02, 2.5.1.1)."""
QUIET_S: Final = 0.05
"""[D] Silence after which a line counts as quiet again after a question without an answer."""
LONGEST_NOISE_S: Final = 0.5
"""[D] How long a line that does not become quiet is waited for."""
READ_BYTES: Final = 4096


class NoAnswerError(Exception):
    """Nobody answered in time. kind: `silent`, `late`, `echo` (only our own bytes came back) or `checksum`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class ModbusWire(ModbusSerialClient):
    """One open RS-485 line, for one thread. What it does raises LinkLost, or one of `LOST`, when the line goes away.

    is_stopping: asked whenever `bell` rings or nothing comes; True ends any wait with LinkLost.
    """

    def __init__(
        self,
        port: str,
        line: Line,
        bell: Doorbell,
        is_stopping: Callable[[], bool],
        opener: Callable[[str, Line], serial.Serial] = open_port,
    ) -> None:
        """Open the port. Raises one of `LOST`."""
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # silence of a device is told once, by the bus
        super().__init__(port, baudrate=line.baud, parity=line.parity, stopbits=line.stop_bits, retries=0)
        self._port = port
        self._bell = bell
        self._is_stopping = is_stopping
        self._pause_s = (
            FAST_PAUSE_S if line.baud > FAST_BAUD else SILENT_CHARACTERS * BITS_A_CHARACTER / line.baud
        )
        self._asked: ReadRequest | None = None
        self._question = b""
        self._buffer = bytearray()
        self._until = self._timeout_s = 0.0
        self._heard_at = time.monotonic()
        self._noise = 0
        self.socket = opener(port, line)

    def ask(self, request: ReadRequest, timeout_s: float) -> Answer:
        """One question and its answer, within timeout_s and 0.5 s more. Raises NoAnswerError."""
        self._asked, self._timeout_s = request, timeout_s
        read = self.read_holding_registers if request.function == READ_HOLDING else self.read_input_registers
        try:
            reply = read(request.address, count=request.count, device_id=request.unit)
        except ModbusException:
            raise NoAnswerError(self._after_silence()) from None
        return Answer((), reply.exception_code) if reply.isError() else Answer(tuple(reply.registers))

    def has_second_answer(self) -> bool:
        """Whether since the last answer another one came to the same question."""
        line = self._open()
        self._buffer += line.read(min(line.in_waiting, READ_BYTES))
        return self._asked is not None and find_reply(self._asked, bytes(self._buffer)) is not None

    def is_still_there(self) -> bool:
        """Whether the port's name still means this line. Raises FileNotFoundError when it means none."""
        return is_still(self._port, self._open().fileno())

    # --- What pymodbus calls -----------------------------------------------------------------------------------------

    def connect(self) -> bool:
        """It is open, or was closed for good."""
        return self.socket is not None

    def close(self) -> None:
        """Give the port back."""
        if self.socket is not None:
            with contextlib.suppress(Exception):  # whatever it says, the descriptor is closed
                self.socket.close()
            self.socket = None

    def send(self, request: bytes, addr: tuple[object, ...] | None = None) -> int:
        """Wait for the pause between frames, forget what came unasked, and write."""
        del addr
        if (pause_s := self._heard_at + self._pause_s - time.monotonic()) > 0:
            time.sleep(pause_s)
        self._open().reset_input_buffer()
        self._buffer.clear()
        self._noise = 0
        self._question = request
        self._until = time.monotonic() + self._timeout_s
        return self._open().write(request) or 0

    def recv(self, size: int | None) -> bytes:
        """Exactly the answer to the last question, or nothing at the deadline."""
        del size
        assert self._asked is not None  # noqa: S101  send() came before
        while (left := self._until - time.monotonic()) > 0:
            found = find_reply(self._asked, bytes(self._buffer))
            if found is not None:
                at, length = found
                frame = bytes(self._buffer[at : at + length])
                del self._buffer[: at + length]
                return frame
            # what cannot begin an answer any more is noise
            spare = len(self._buffer) - max(self._asked.reply_bytes, len(self._question)) + 1
            if spare > 0 and not self._is_echo(bytes(self._buffer)):
                self._noise += spare
                del self._buffer[:spare]
            self._listen_once(left)
        return b""

    # --- Bytes -------------------------------------------------------------------------------------------------------

    def _open(self) -> serial.Serial:
        if self.socket is None:
            raise LinkLost(f"serial port {self._port} is closed")
        return self.socket

    def _is_echo(self, data: bytes) -> bool:
        return bool(data) and data == self._question

    def _listen_once(self, seconds: float) -> bool:
        """Take what comes within `seconds`; True if anything did. Raises LinkLost when the bell rings."""
        line = self._open()
        if self._bell.wait(line.fileno(), writable=False, timeout_ms=max(1, round(seconds * 1000))) == 0:
            if self._is_stopping():
                raise LinkLost(f"serial port {self._port}: stopped")
            return False
        self._buffer += line.read(min(max(1, line.in_waiting), READ_BYTES))
        self._heard_at = time.monotonic()
        return True

    def _after_silence(self) -> str:
        """Wait until the line is quiet, so that a late answer meets no other question; what the matter was."""
        assert self._asked is not None  # noqa: S101
        in_time = bytes(self._buffer)
        kind = "silent"
        if self._is_echo(in_time):
            kind = "echo"
        elif self._noise or in_time.removeprefix(self._question):
            kind = "checksum"
        self._buffer.clear()
        until = time.monotonic() + LONGEST_NOISE_S
        while time.monotonic() < until and self._listen_once(QUIET_S):
            del self._buffer[:-READ_BYTES]
        if find_reply(self._asked, in_time + bytes(self._buffer)) is not None:
            kind = "late"
        return kind
