"""Sensirion SPS30 dust sensor over SHDLC: what its replies mean. It only answers, and measures when told to.

Source: Sensirion SPS30 datasheet v1.0 D1 (March 2020), sections 4 and 5 (sensor protocols, section 4).
"""

import struct
from typing import Any, Final

from gateway.drivers.dust import FINE, INVALID, STARTING, all_zero, dust_readings
from gateway.drivers.items import DEVICE, UNSUPPORTED, Content, Refusal
from gateway.drivers.shdlc import Reply, Request, body_of

BAUD: Final = 115200
PERIOD_S: Final = 1.0
WARM_UP_S: Final = 30.0
"""[s] Start-up time: 8 s at 200 to 3000 particles/cm3, 16 s from 100, 30 s from 50; the longest one."""
POLL_COMMAND: Final = bytes.fromhex("7e000300fc7e")
START_COMMAND: Final = bytes.fromhex("7e0000020103f97e")
"""Measure, with floats: the form that every firmware knows."""

_MASSES: Final = ("pm1", "pm2_5", "pm4", "pm10")
_COUNTS: Final = ("nc0_5", "nc1", "nc2_5", "nc4", "nc10")
_SIZE: Final = "particle_size"
_NM_PER_UM: Final = 1000.0
FULL_SCALE: Final = {**dict.fromkeys(_MASSES, 1000.0), **dict.fromkeys(_COUNTS, 3000.0)}
"""[ug/m3, 1/cm3] Ranges of the datasheet: mass 0 to 1000, number 0 to 3000."""

_START, _STOP, _READ, _SLEEP, _WAKE = 0x00, 0x01, 0x03, 0x10, 0x11
_CLEAN, _INTERVAL, _INFORMATION, _VERSION, _STATUS, _RESET = 0x56, 0x80, 0xD0, 0xD1, 0xD2, 0xD3
_REPLY_LENGTHS: Final = {
    _START: (0,), _STOP: (0,), _READ: (0, 20, 40), _SLEEP: (0,), _WAKE: (0,), _CLEAN: (0,), _INTERVAL: (0, 4),
    _INFORMATION: range(33), _VERSION: (7,), _STATUS: (5,), _RESET: (0,),
}  # fmt: skip
"""Command → data bytes that its reply may carry; texts have at most 32 with their NUL."""
_INFORMATION_NAMES: Final = {b"\x00": "product_type", b"\x03": "serial_number"}

_STATUS_ERROR: Final = 0x80
_ERRORS: Final = {
    0x01: "wrong data length", 0x02: "unknown command", 0x03: "no access right", 0x04: "illegal parameter",
    0x28: "internal argument out of range", 0x43: "not allowed in this state",
}  # fmt: skip
_FAN_SPEED: Final = 1 << 21
_LASER: Final = 1 << 5
_FAN: Final = 1 << 4


class Sps30:
    """Judges bodies (`shdlc.Judge`). `request`: the host's frame, which names the text that D0 answers."""

    def __init__(self, request: bytes = b"") -> None:
        self._asked = body_of(request)

    def judge(self, body: bytes, reply: Reply | None, request: Request | None) -> Content | Refusal:
        """A body whose check is right. What could be a reply is one, unless it is the very request."""
        if body == self._asked and request is not None:
            return _echo(request)
        if reply is not None:
            if reply.state & ~_STATUS_ERROR and not reply.data:
                return _refused(reply)
            if not reply.state & ~_STATUS_ERROR and len(reply.data) in _REPLY_LENGTHS.get(reply.command, ()):
                return self._answer(reply)
        if request is not None and request.command in _REPLY_LENGTHS:
            return _echo(request)
        return Refusal(UNSUPPORTED, f"command {body[1]:#04x} with {len(body) - 5} data bytes is none of an SPS30")

    def _answer(self, reply: Reply) -> Content:
        command, data = reply.command, reply.data
        if command == _READ and data:
            return _measurement(reply)
        info: dict[str, Any] = {"reply": f"{command:02x}"}
        if command == _READ:
            info["new_value"] = False
        elif command == _INTERVAL and data:
            info["interval_s"] = int.from_bytes(data, "big")
        elif command == _INFORMATION:
            of = self._asked[3:4] if self._asked[1:2] == bytes([_INFORMATION]) else b""
            info[_INFORMATION_NAMES.get(of, "text")] = data.split(b"\x00")[0].decode("ascii", "replace")
        elif command == _VERSION:
            info |= {"firmware": f"{data[0]}.{data[1]}", "hardware": data[3], "shdlc": f"{data[5]}.{data[6]}"}
        elif command == _STATUS:
            register = int.from_bytes(data[:4], "big")
            faults = {"fan_speed": _FAN_SPEED, "laser": _LASER, "fan_blocked": _FAN}
            info |= {"register": f"{register:08x}", "says": [name for name, bit in faults.items() if register & bit]}
        if reply.state & _STATUS_ERROR:
            info["status_error"] = True
        return Content((), info)


def _measurement(reply: Reply) -> Content:
    """Ten floats, or ten words whose last, the typical size, is in nm."""
    names = (*_MASSES, *_COUNTS, _SIZE)
    if len(reply.data) == 40:
        values = dict(zip(names, struct.unpack(">10f", reply.data), strict=True))
    else:
        values = dict(zip(names, map(float, struct.unpack(">10H", reply.data)), strict=True))
        values[_SIZE] /= _NM_PER_UM
    verdict = INVALID if reply.state & _STATUS_ERROR else STARTING if all_zero(values) else FINE
    return Content(dust_readings(values, FULL_SCALE, verdict))


def _echo(request: Request) -> Content:
    return Content((), {"echo": f"{request.command:02x}" + request.data.hex()})


def _refused(reply: Reply) -> Refusal:
    code = reply.state & ~_STATUS_ERROR
    what = _ERRORS.get(code, "an error that the datasheet does not name")
    return Refusal(DEVICE, f"the sensor answers command {reply.command:#04x} with {code:#04x}: {what}")
