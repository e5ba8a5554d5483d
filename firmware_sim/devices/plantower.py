"""A Plantower PMSx003 that is not there: its frames, its answers to the host, and its moods.

Source: Plantower, PMS5003 series data manual v2.3, appendices I and II (sensor protocols, section 1).
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

Read = Callable[[str], float | None]
"""A channel's value now, None while it is silent or the site has none."""

VERSION: Final = 0x97
STEADY_S: Final = 2.3
CHANGING_S: Final = 0.8
CHANGING: Final = 0.2
"""The module reports every 2.3 s in steady air and every 0.2 to 0.8 s while it changes (manual v2.3); change: by a
fifth since the last frame [D]."""
START_S: Final = 3.0
"""[s] After power-on and wake it sends zeros with version 0 for a moment [M]."""
CF1_FROM: Final = 30.0
"""[ug/m3] Above it the factory column reads higher than the atmospheric one, by up to half [M]."""
PER_UG: Final = (180.0, 50.0, 8.0, 0.6, 0.1, 0.03)
"""Particles above 0.3, 0.5, 1, 2.5, 5, 10 µm in 0.1 L per ug/m3 of PM2.5 or, from 2.5 µm on, of PM10 [D]."""


CH2O_UG_PER_PPM: Final = 1227.3
"""[ug/m3 per ppm] Formaldehyde, 30.026 g/mol, at 25 °C and 1013.25 hPa."""
MODELS: Final = (
    "plantower-pms", "plantower-pms3003", "plantower-pms5003t", "plantower-pms5003s", "plantower-pms5003st",
)  # fmt: skip
"""By their drivers' names; their frames differ behind the masses (manual of each, appendix I)."""


def data_frame(
    cf1: Sequence[int], atmospheric: Sequence[int], counts: Sequence[int], version: int = VERSION, error: int = 0
) -> bytes:
    """The 32 bytes. cf1, atmospheric: PM1, PM2.5, PM10 [ug/m3]; counts: six sizes [1/0.1 L]."""
    return _summed(struct.pack(">2sH12HBB", b"BM", 28, *cf1, *atmospheric, *counts, version, error))


def sibling_frame(model: str, words: Sequence[int], extras: Mapping[str, int], version: int = VERSION) -> bytes:
    """The frame of another model. words: twelve, masses and counts as in `data_frame`; extras: its further words."""
    heat, damp = extras["temperature"] & 0xFFFF, extras["humidity"]
    end = struct.pack(">BB", version, 0)
    if model == "plantower-pms3003":
        body = struct.pack(">2sH9H", b"BM", 20, *words[:6], 0, 0, 0)
    elif model == "plantower-pms5003t":
        body = struct.pack(">2sH12H", b"BM", 28, *words[:10], heat, damp) + end
    elif model == "plantower-pms5003s":
        body = struct.pack(">2sH13H", b"BM", 28, *words, extras["ch2o"])
    else:
        body = struct.pack(">2sH16H", b"BM", 36, *words, extras["ch2o"], heat, damp, 0) + end
    return _summed(body)


def reply_frame(command: int, data: int) -> bytes:
    """The 8 bytes that answer a mode or sleep command."""
    return _summed(struct.pack(">2sHBB", b"BM", 4, command, data))


def _summed(body: bytes) -> bytes:
    return body + struct.pack(">H", sum(body) & 0xFFFF)


class Plantower:
    """The module: active mode after power-on. It has run for a while when it is made; `power_on` begins anew."""

    baud: Final = 9600

    def __init__(self, read: Read, model: str = MODELS[0]) -> None:
        self._read, self._model = read, model
        self._heard = b""
        self._active = self._awake = True
        self._started_s = -START_S
        self._next_s = 0.0
        self._last = 0.0

    def power_on(self, now_s: float) -> None:
        """Power has come: awake, active, starting."""
        self._active = self._awake = True
        self._started_s = self._next_s = now_s

    def speak(self, now_s: float) -> list[bytes]:
        """The frames that are due."""
        pm10 = self._read("pm10")
        changing = pm10 is not None and abs(pm10 - self._last) > CHANGING * max(self._last, 20.0)
        due_s = self._next_s - (STEADY_S - CHANGING_S if changing else 0.0)
        if not (self._awake and self._active) or now_s < due_s:
            return []
        self._next_s = now_s + STEADY_S
        return self._measure(now_s)

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's commands, cut anywhere; the answers."""
        self._heard = (self._heard + data)[-64:]
        answers: list[bytes] = []
        while (at := self._heard.find(b"BM")) >= 0 and len(self._heard) - at >= 7:
            command = self._heard[at : at + 7]
            if sum(command[:5]) & 0xFFFF != int.from_bytes(command[5:], "big"):
                self._heard = self._heard[at + 1 :]
                continue
            self._heard = self._heard[at + 7 :]
            answers += self._obey(now_s, command[2], command[4])
        return answers

    def _obey(self, now_s: float, command: int, data: int) -> list[bytes]:
        if command == 0xE4:
            if data == 0:
                self._awake = False
                return [reply_frame(command, data)]
            if not self._awake:
                self._awake, self._started_s, self._next_s = True, now_s, now_s
            return []
        if command == 0xE1:
            self._active = data == 1
            return [reply_frame(command, data)]
        return self._measure(now_s) if command == 0xE2 and self._awake else []

    def _measure(self, now_s: float) -> list[bytes]:
        if now_s - self._started_s < START_S:
            return [self._frame([0] * 12, version=0)]
        fine, coarse = self._read("pm2_5"), self._read("pm10")
        if fine is None and coarse is None:
            return []
        fine = 0.5 * (coarse or 0.0) if fine is None else fine
        coarse = 2.0 * fine if coarse is None else coarse
        finest = self._read("pm1")
        masses = (0.5 * fine if finest is None else finest, fine, coarse)
        self._last = coarse
        cf1 = [_word(mass if mass <= CF1_FROM else CF1_FROM + 1.5 * (mass - CF1_FROM)) for mass in masses]
        counts = [_word(each * (fine if i < 3 else coarse)) for i, each in enumerate(PER_UG)]
        return [self._frame([*cf1, *(_word(mass) for mass in masses), *counts])]

    def _frame(self, words: Sequence[int], version: int = VERSION) -> bytes:
        if self._model == MODELS[0]:
            return data_frame(words[:3], words[3:6], words[6:], version)
        extras = {
            "temperature": round(10 * (self._read("temperature") or 0.0)),
            "humidity": _word(10 * (self._read("humidity") or 0.0)),
            "ch2o": _word(CH2O_UG_PER_PPM * (self._read("ch2o") or 0.0)),
        }
        return sibling_frame(self._model, words, extras, version)


def _word(value: float) -> int:
    return min(65535, max(0, round(value)))
