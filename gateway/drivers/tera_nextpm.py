"""Tera NextPM dust sensor: 81, a command, a state, data; the sum of all bytes is 0 mod 256. It only answers.

Source: TERA Sensor, NextPM user guide v3.4 (sensor protocols, section 6).
"""

from typing import Final

from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality
from gateway.drivers.dust import DEGRADED, FINE, INVALID, STARTING, Verdict, dust_readings
from gateway.drivers.items import CHECKSUM, Content, Refusal
from gateway.drivers.scanner import MORE, NO_FRAME

BAUD: Final = 115200
PARITY: Final = "E"
WARM_UP_S: Final = 35.0
"""[s] 15 to 35 s after power-on or wake (user guide); the longer one. The state says it too."""
PERIOD_S: Final = 1.0
FULL_SCALE: Final = dict.fromkeys(("pm1", "pm2_5", "pm10"), 1000.0)
"""[ug/m3] Range of the data sheet: 0 to 1,000 [M]."""
POLL_COMMAND: Final = bytes.fromhex("81116e")
"""The means of the last 10 s, renewed every second."""

_ADDRESS: Final = 0x81
_MEANS: Final = (0x11, 0x12, 0x13)
_CLIMATE: Final = 0x14
_FIRMWARE: Final = 0x17
_FAN: Final = 0x21
_LENGTHS: Final = {0x11: 16, 0x12: 16, 0x13: 16, 0x14: 8, 0x15: 4, 0x16: 4, 0x17: 6, 0x21: 5}
"""Command → bytes of its answer."""

_STATES: Final = ("sleep", "degraded", "not_ready", "heater", "climate", "fan", "memory", "laser")
"""Names of the state's bits, from bit 0 on."""
_SLEEP, _DEGRADED, _NOT_READY, _HEATER, _CLIMATE_FAULT, _FAN_FAULT, _MEMORY, _LASER = (1 << bit for bit in range(8))


class NextPmRules:
    """FrameRules of the NextPM."""

    first = bytes([_ADDRESS])
    longest = 16

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        head = data[at : at + 3]
        if len(head) > 1 and head[1] not in _LENGTHS:
            return NO_FRAME
        if len(head) < 3:
            return MORE
        # three bytes that sum to 0 are the host's request, handed back by a half-duplex adapter; the state that would
        # make an answer begin like it has three errors at once
        return 3 if sum(head) & 0xFF == 0 else _LENGTHS[head[1]]

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        told, computed = frame[-1], -sum(frame[:-1]) & 0xFF
        if told != computed:
            return Refusal(CHECKSUM, f"checksum {told:#04x}, expected {computed:#04x}")
        command = frame[1]
        if len(frame) == 3:
            return Content((), {"echo": f"{command:02x}"})
        state, words = frame[2], [int.from_bytes(frame[at : at + 2], "big") for at in range(3, len(frame) - 2, 2)]
        if command in _MEANS:
            # counts per litre, then masses in 0.1 ug/m3, each of what is smaller than the size
            values = {name: words[3 + i] / 10 for i, name in enumerate(("pm1", "pm2_5", "pm10"))}
            values |= {name: words[i] / 1000 for i, name in enumerate(("nc1", "nc2_5", "nc10"))}
            return Content(dust_readings(values, FULL_SCALE, _of_dust(state)))
        if command == _CLIMATE:
            return Content(_climate(frame, _of_climate(state)))
        info: dict[str, object] = {"reply": f"{command:02x}", "state": f"{state:02x}", "says": _words_of(state)}
        if command == _FIRMWARE:
            info["firmware"] = frame[3:5].hex()
        if command == _FAN:
            info["fan_percent"] = frame[3]
        return Content((), info)


def _words_of(state: int) -> list[str]:
    return [name for bit, name in enumerate(_STATES) if state >> bit & 1]


def _of_dust(state: int) -> Verdict:
    """No value without laser, fan or memory, nor asleep; less accurate when wet (heater) or degraded."""
    if state & (_SLEEP | _FAN_FAULT | _MEMORY | _LASER):
        return INVALID
    if state & _NOT_READY:
        return STARTING
    return DEGRADED if state & (_DEGRADED | _HEATER | _CLIMATE_FAULT) else FINE


def _of_climate(state: int) -> Verdict:
    if state & (_SLEEP | _CLIMATE_FAULT | _MEMORY):
        return INVALID
    return STARTING if state & _NOT_READY else FINE


def _climate(frame: bytes, verdict: Verdict) -> tuple[Measurement, ...]:
    """Raw, as the sensor sends them: warm from inside. The page of the sensor gives the correction."""
    temperature = int.from_bytes(frame[3:5], "big", signed=True) / 100
    humidity = int.from_bytes(frame[5:7], "big") / 100
    invalid = verdict[0] is Quality.BAD
    return (
        Measurement("temperature", None if invalid else temperature, "degC", *verdict),
        Measurement("humidity", None if invalid else humidity, "%RH", *verdict),
    )
