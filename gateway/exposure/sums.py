"""Exact sums of level · time in integers: nothing drifts, and what is taken away leaves no trace."""

import math

import numpy as np
import numpy.typing as npt

from gateway.exposure.compiler import inner, piece
from gateway.exposure.layout import ABSURD, DOUBT, OVER

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LIMB = 26
LIMB_MASK = (1 << LIMB) - 1


@inner
def added(high: int, middle: int, low: int, level: float, length: int) -> tuple[int, int, int]:
    """An exact sum and level · length; a negative length takes away what was added before.

    The level is cut on the grid of 2^-44 [unit] into limbs of 2^8, 2^-18 and 2^-44; each product is an integer.
    |level| ≤ 1e9 and |length| < 2^37 µs (38 h) fit 63 bits; carries leave only the highest limb unbounded.
    """
    x = level * 0.00390625
    floor = np.floor(x)
    whole, rest = int(floor), int((x - floor) * 4503599627370496.0 + 0.5)
    low += (rest & LIMB_MASK) * length
    middle += (rest >> LIMB) * length + (low >> LIMB)
    return high + whole * length + (middle >> LIMB), middle & LIMB_MASK, low & LIMB_MASK


@inner
def add(s: Ints, at: int, level: float, length: int) -> None:
    """`added` to the sum s[at:at+3]."""
    s[at], s[at + 1], s[at + 2] = added(s[at], s[at + 1], s[at + 2], level, length)


@piece
def seconds_of(high: int, middle: int, low: int) -> float:
    """An exact sum, or the difference of two limb by limb, as a float [unit·s].

    Carried first: the same sum is the same float, whatever way its limbs came about.
    """
    middle += low >> LIMB
    high += middle >> LIMB
    low &= LIMB_MASK
    middle &= LIMB_MASK
    return (high * 256.0 + middle * 3.814697265625e-06 + low * 5.684341886080802e-14) * 1e-6


@piece
def add_flags(s: Ints, at: int, level: float, flags: int, length: int) -> None:
    """Add how long the flags of a stretch stood."""
    if math.isnan(level):
        if flags & ABSURD:
            s[at + 6] += length
        return
    if flags & OVER:
        s[at + 4] += length
    if flags & DOUBT:
        s[at + 5] += length


@inner
def add_stretch(s: Ints, at: int, level: float, flags: int, length: int) -> None:
    """Add one stretch of constant level to a set of sums; a gap (NaN) adds nothing but its flag."""
    if not math.isnan(level):
        add(s, at, level, length)
        s[at + 3] += length
    if flags != 0:
        add_flags(s, at, level, flags, length)
