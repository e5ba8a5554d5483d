"""What goes wrong with serial devices, in one place for all of them: between the device and its line, and in its cell.

Nothing here knows a frame beyond where a family keeps its length field. Sources of the kinds: sensor protocols,
sections 0 and 15; lessons of bad cables, weak supplies and USB adapters.
"""

import random
from collections.abc import Callable, Mapping
from typing import Final, Protocol

Read = Callable[[str], float | None]
"""A channel's value now, None while it is silent or the site has none."""

WIRE_FAULTS: Final = (
    "none", "noise", "checksum", "half_frame", "wrong_length", "brown_out", "slow_drip", "burst", "echo", "silence",
)  # fmt: skip
CELL_FAULTS: Final = ("none", "stuck", "saturation")

NOISE_BYTES: Final = 12
BROWN_OUT_S: Final = 2.0
"""[s] How long the supply is down; the device starts anew after it."""
DRIP_S: Final = 1.0
"""[s] Between two bytes of a line that drips."""
BURST_S: Final = 10.0
"""[s] What was held back meanwhile comes in one piece, as from an adapter that had gone to sleep."""
HELD_BYTES: Final = 4096
"""Bytes that a dripping or bursting line keeps; the oldest are lost beyond it."""
SATURATED: Final = 1e9
"""Beyond the range of every device: each ends at its own."""

_LENGTH_FIELDS: Final[Mapping[bytes, int]] = {b"BM": 3, b"\x40": 1, b"\x7e": 4, b"\x16": 1}
"""First bytes → offset of the length field: Plantower and its likes, HPMA115, SHDLC, Cubic. Others have none."""


class SerialDevice(Protocol):
    """What a simulated device does with its line; times are seconds since its power-on."""

    @property
    def baud(self) -> int:
        """Bits per second of the real one; a pseudo-terminal does not care."""

    def power_on(self, now_s: float) -> None:
        """It was without power and has it again."""

    def speak(self, now_s: float) -> list[bytes]:
        """Frames that are due."""

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """Bytes from the host; the frames that answer."""


class WireFaults:
    """Between a device and its line. `seed` makes the noise the same in every run."""

    def __init__(self, device: SerialDevice, seed: str = "") -> None:
        self._device = device
        self._random = random.Random(seed)
        self._kind = "none"
        self._held = b""
        self._due_s: float | None = None  # of the next byte or burst; of power, in a brown-out
        self._dark = False

    def set(self, kind: str) -> None:
        """One of WIRE_FAULTS, from now on, until another is set. A brown-out happens once. Raises ValueError."""
        if kind not in WIRE_FAULTS:
            raise ValueError(f"{kind!r} is no fault of a wire; expected one of {', '.join(WIRE_FAULTS)}")
        self._kind, self._held, self._due_s = kind, b"", None

    def turn(self, now_s: float, heard: bytes) -> list[bytes]:
        """The device hears and speaks; what then goes over the line, piece by piece."""
        if self._dark:
            if self._due_s is not None and now_s < self._due_s:
                return []
            self._dark, self._due_s = False, None
            self._device.power_on(now_s)
            heard = b""
        frames = self._device.hear(now_s, heard) + self._device.speak(now_s)
        if self._kind == "silence":
            return []
        if self._kind == "echo":
            return [heard, *frames] if heard else frames
        if self._kind in ("slow_drip", "burst"):
            return self._hold_back(now_s, b"".join(frames))
        if self._kind == "brown_out" and frames:
            self._kind, self._dark, self._due_s = "none", True, now_s + BROWN_OUT_S
            return [frames[0][: len(frames[0]) // 2]]
        return [self._spoilt(frame) for frame in frames]

    def _spoilt(self, frame: bytes) -> bytes:
        middle = len(frame) // 2
        if self._kind == "noise":
            return self._random.randbytes(self._random.randint(1, NOISE_BYTES)) + frame
        if self._kind == "checksum":
            return frame[:middle] + bytes([frame[middle] ^ 0x10]) + frame[middle + 1 :]
        if self._kind == "wrong_length":
            at = next((at for start, at in _LENGTH_FIELDS.items() if frame.startswith(start)), None)
            if at is None or at >= len(frame):  # no field: the frame itself has the wrong length
                return frame[:middle] + frame[middle + 1 :]
            return frame[:at] + b"\xff" + frame[at + 1 :]
        return frame[:middle] if self._kind == "half_frame" else frame

    def _hold_back(self, now_s: float, data: bytes) -> list[bytes]:
        self._held = (self._held + data)[-HELD_BYTES:]
        pause_s = DRIP_S if self._kind == "slow_drip" else BURST_S
        if self._due_s is None:
            self._due_s = now_s + pause_s
        if not self._held or now_s < self._due_s:
            return []
        self._due_s = now_s + pause_s
        size = 1 if self._kind == "slow_drip" else len(self._held)
        now, self._held = self._held[:size], self._held[size:]
        return [now]


class CellFaults:
    """Between the air and a device: give it to the device as its `read`, and set `kind` to one of CELL_FAULTS."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._last: dict[str, float | None] = {}
        self.kind = "none"

    def __call__(self, channel: str) -> float | None:
        """The channel's value, or what a broken cell makes of it."""
        if self.kind == "saturation":
            return None if self._read(channel) is None else SATURATED
        if self.kind == "stuck" and channel in self._last:
            return self._last[channel]
        self._last[channel] = self._read(channel)
        return self._last[channel]
