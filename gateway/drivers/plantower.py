"""Plantower PMSx003 dust sensors: 42 4D, a length, words, and the 16-bit sum of all bytes before it.

Source: Plantower, PMS5003 series data manual v2.3, appendix I, and its siblings' (sensor protocols, section 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.domain.measurement import Measurement
from gateway.domain.quality import Quality, Reason
from gateway.drivers.items import CHECKSUM, UNSUPPORTED, Content, Refusal
from gateway.drivers.scanner import MORE, NO_FRAME

FULL_SCALE_UG_M3: Final = 1000.0
"""[ug/m3] Maximum range of the masses (manual v2.3, "maximum range ≥ 1000"): at and above it the value is a floor."""

FULL_SCALE: Final[Mapping[str, float]] = dict.fromkeys(
    ("pm1", "pm2_5", "pm10", "pm1_cf1", "pm2_5_cf1", "pm10_cf1"), FULL_SCALE_UG_M3
)
WARM_UP_S: Final = 30.0
"""[s] After power-on or wake (manual v2.3: "at least 30 seconds after wake")."""
PERIOD_S: Final = 2.3
"""[s] Slowest reporting of the active mode, in steady air."""
BAUD: Final = 9600

START_COMMAND: Final = bytes.fromhex("424de400010174" "424de100010171")
"""Wake, then active mode: a sensor that somebody put to sleep or into passive mode speaks again."""

_LENGTHS: Final = (28, 20, 36, 4)
"""Length fields of the family; anything else behind 42 4D is no frame."""
_REPLY: Final = 4

_MASSES: Final = {4: "pm1_cf1", 6: "pm2_5_cf1", 8: "pm10_cf1", 10: "pm1", 12: "pm2_5", 14: "pm10"}
_FINE: Final = {16: "nc0_3", 18: "nc0_5", 20: "nc1", 22: "nc2_5"}
_COARSE: Final = {24: "nc5", 26: "nc10"}

_CH2O_UG_PER_PPM: Final = 30.026 / 24.465 * 1000.0
"""[ug/m3 per ppm] at 25 °C and 1013.25 hPa (limits reference 1.1): the sensor reports formaldehyde as a mass."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a model keeps its words (byte offsets in the frame); None where it has no such word.

    length: the frame's length field. version, error: offsets of single bytes.
    """

    length: int
    counts: Mapping[int, str]
    temperature: int | None = None
    humidity: int | None = None
    formaldehyde: int | None = None
    version: int | None = None
    error: int | None = None


LAYOUTS: Final[Mapping[str, Layout]] = {
    "plantower-pms": Layout(28, {**_FINE, **_COARSE}, version=28, error=29),
    "plantower-pms3003": Layout(20, {}),
    "plantower-pms5003t": Layout(28, _FINE, temperature=24, humidity=26, version=28, error=29),
    "plantower-pms5003s": Layout(28, {**_FINE, **_COARSE}, formaldehyde=28),
    "plantower-pms5003st": Layout(
        36, {**_FINE, **_COARSE}, formaldehyde=28, temperature=30, humidity=32, version=36, error=37
    ),
}


class PlantowerRules:
    """FrameRules of one model."""

    first = b"\x42"
    longest = 40

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def length_at(self, data: bytes | bytearray, at: int) -> int:
        """See FrameRules."""
        head = data[at : at + 4]
        if len(head) < 4:
            return MORE if b"\x42\x4d\x00".startswith(head) else NO_FRAME
        return head[3] + 4 if head[:3] == b"\x42\x4d\x00" and head[3] in _LENGTHS else NO_FRAME

    def read(self, frame: bytes) -> Content | Refusal:
        """See FrameRules."""
        told, summed = _word(frame, len(frame) - 2), sum(frame[:-2])
        if told != summed:
            return Refusal(CHECKSUM, f"checksum {told:#06x}, expected {summed:#06x}")
        length = frame[3]
        if length == _REPLY:
            return Content((), {"reply": f"{frame[4]:02x}", "data": frame[5:6].hex()})
        if length != self._layout.length:
            return Refusal(
                UNSUPPORTED, f"a frame of another Plantower model: length {length}, expected {self._layout.length}"
            )
        return Content(_readings(frame, self._layout))


def _word(frame: bytes, at: int) -> int:
    return frame[at] << 8 | frame[at + 1]


def _readings(frame: bytes, layout: Layout) -> tuple[Measurement, ...]:
    """The frame's values with what it says of them.

    An error code marks all of them invalid (no value). All dust words zero and version 0 is a sensor that starts:
    its zeros are kept but `uncertain` (`warming_up`), for they are no clean air; with a version they are. Mass
    without one particle is impossible: `bad` (`fault`), value kept for the record.
    """
    masses = {at: _word(frame, at) for at in _MASSES}
    counts = {at: _word(frame, at) for at in layout.counts}
    dust_seen, particles_seen = any(masses.values()), any(counts.values())
    all_q, all_r = Quality.GOOD, Reason.NONE
    dust_q, dust_r = Quality.GOOD, Reason.NONE
    faulty = layout.error is not None and frame[layout.error] != 0
    if faulty:
        all_q, all_r = Quality.BAD, Reason.FAULT
    elif layout.version is not None and frame[layout.version] == 0 and not dust_seen and not particles_seen:
        all_q, all_r = Quality.UNCERTAIN, Reason.WARMING_UP
    elif counts and dust_seen and not particles_seen:
        dust_q, dust_r = Quality.BAD, Reason.FAULT

    def reading(name: str, value: float, unit: str, *, dust: bool) -> Measurement:
        quality, reason = all_q, all_r
        if dust and quality is Quality.GOOD:
            quality, reason = dust_q, dust_r
            if quality is Quality.GOOD and name in FULL_SCALE and value >= FULL_SCALE_UG_M3:
                quality, reason = Quality.UNCERTAIN, Reason.OVER_RANGE
        return Measurement(name, None if faulty else value, unit, quality, reason)

    # the atmospheric columns first: they are the ones to use
    order = sorted(_MASSES, key=lambda at: (at < 10, at))
    readings = [reading(_MASSES[at], float(masses[at]), "ug/m3", dust=True) for at in order]
    # the words count particles above a size in 0.1 L = 100 cm³
    readings += [reading(name, counts[at] / 100, "1/cm3", dust=True) for at, name in layout.counts.items()]
    if layout.temperature is not None:
        raw = int.from_bytes(frame[layout.temperature : layout.temperature + 2], "big", signed=True)
        readings.append(reading("temperature", raw / 10, "degC", dust=False))
    if layout.humidity is not None:
        readings.append(reading("humidity", _word(frame, layout.humidity) / 10, "%RH", dust=False))
    if layout.formaldehyde is not None:
        ppm = _word(frame, layout.formaldehyde) / _CH2O_UG_PER_PPM
        readings.append(reading("ch2o", ppm, "ppm", dust=False))
    return tuple(readings)
