"""4–20 mA: a loop current to a value with quality and reason, by the profile of the transmitter that drives it.

Sources: NAMUR NE 43; the makers' manuals named in `PROFILES` (sensor protocols, section 9).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.domain.errors import ConfigError
from gateway.domain.names import expected_one_of
from gateway.domain.quality import Quality, Reason

ZERO_MA: Final = 4.0
SPAN_MA: Final = 16.0
MEASURED_FROM_MA: Final = 3.8
MEASURED_TO_MA: Final = 20.5
"""NE 43: in between, a small under- and over-range included, the current is the measurement."""
FAILED_TO_MA: Final = 3.6
FAILED_FROM_MA: Final = 21.0
"""NE 43: failure information, the broken loop included. Between failure and measurement nothing is certain."""
MARK_MA: Final = 0.15
"""[D] How far a status current may be from its nominal value, by the errors of transmitter, shunt and converter."""


class LoopReading(NamedTuple):
    """value: in the unit of zero and span, None when the current tells a state and measures nothing."""

    value: float | None
    quality: Quality
    reason: Reason


FAULT: Final = LoopReading(None, Quality.BAD, Reason.FAULT)
WARM_UP: Final = LoopReading(None, Quality.UNCERTAIN, Reason.WARMING_UP)
CALIBRATION: Final = LoopReading(None, Quality.UNCERTAIN, Reason.UNCALIBRATED)


@dataclass(frozen=True, slots=True)
class LoopProfile:
    """What a transmitter says below its measurement: nominal status current [mA] → state; else NE 43 holds.

    high_is_gas: 21 mA is the end of the range and not a failure: the most dangerous of all mistakes with 4–20 mA.
    """

    name: str
    source: str
    marks: Mapping[float, LoopReading] = field(default_factory=dict)
    high_is_gas: bool = False


_PROFILES: Final = (
    LoopProfile("namur-ne43", "NAMUR NE 43"),
    LoopProfile(
        # warning: the head asks for service; maintenance: somebody works on it
        "draeger-polytron-8000", "Dräger, Polytron 8000 manual", {1.2: FAULT, 3.0: FAULT, 3.4: CALIBRATION},
    ),
    LoopProfile("msa-ultima-x", "MSA, Ultima X manual", {3.0: FAULT, 3.75: WARM_UP}, high_is_gas=True),
    LoopProfile("oldham-ctx-300", "Oldham, CTX 300 manual", {1.0: FAULT, 2.0: CALIBRATION}),
    LoopProfile("pemtech-pt295", "PemTech, PT295 manual: below 1 mA is a fault; the rest of NE 43"),
)  # fmt: skip
PROFILES: Final[Mapping[str, LoopProfile]] = {profile.name: profile for profile in _PROFILES}


def profile_named(name: str) -> LoopProfile:
    """The profile of that name, or the only one with that part in its name. Raises ConfigError."""
    wanted = _letters(name)
    found = [profile for profile in _PROFILES if wanted and wanted in _letters(profile.name)]
    exact = [profile for profile in found if wanted == _letters(profile.name)]
    if len(exact or found) != 1:
        raise ConfigError(f"{name!r} is no loop profile; {expected_one_of(name, PROFILES)}")
    return (exact or found)[0]


def read_loop(profile: LoopProfile, current_ma: float, zero: float, span: float) -> LoopReading:
    """What a loop current [mA] says. zero: value at 4 mA; span: value at 20 mA less zero, both in the value's unit.

    A broken loop is a fault, never zero: for oxygen 4 mA is 0 %. Not a number is a fault too.
    """
    if not math.isfinite(current_ma):
        return FAULT
    if current_ma < MEASURED_FROM_MA:
        for nominal_ma, state in profile.marks.items():
            if abs(current_ma - nominal_ma) <= MARK_MA:
                return state
    if current_ma <= FAILED_TO_MA or (current_ma >= FAILED_FROM_MA and not profile.high_is_gas):
        return FAULT
    value = zero + span * (current_ma - ZERO_MA) / SPAN_MA
    if current_ma > MEASURED_TO_MA:
        return LoopReading(value, Quality.UNCERTAIN, Reason.OVER_RANGE)
    if current_ma < MEASURED_FROM_MA:  # lower than a live zero may be: it has drifted, or the head is failing
        return LoopReading(value, Quality.UNCERTAIN, Reason.UNCALIBRATED)
    return LoopReading(value, Quality.GOOD, Reason.NONE)


def _letters(name: str) -> str:
    plain = name.lower().replace("ä", "ae").replace("drager", "draeger")
    return re.sub(r"[^a-z0-9]", "", plain)
