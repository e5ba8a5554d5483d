"""Exact sums of level · time in integers: nothing drifts, and what is taken away leaves no trace."""

import math

import numpy as np
import numpy.typing as npt

from gateway.exposure.compiler import piece
from gateway.exposure.layout import ABSURD, DOUBT, OVER

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LIMB = 26
LIMB_MASK = (1 << LIMB) - 1


@piece
def add(s: Ints, at: int, level: float, length: int) -> None:
    """Add level · length to the exact sum s[at:at+3]; a negative length takes away what was added before.

    The level is cut on the grid of 2^-44 [unit] into limbs of 2^8, 2^-18 and 2^-44; each product is an integer.
    |level| ≤ 1e9 and |length| < 2^37 µs (38 h) fit 63 bits; carries leave only the highest limb unbounded.
    """
    x = level * 0.00390625
    whole = math.floor(x)
    rest = int((x - whole) * 4503599627370496.0 + 0.5)
    low = s[at + 2] + (rest & LIMB_MASK) * length
    middle = s[at + 1] + (rest >> LIMB) * length + (low >> LIMB)
    s[at] += whole * length + (middle >> LIMB)
    s[at + 1] = middle & LIMB_MASK
    s[at + 2] = low & LIMB_MASK


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
def add_stretch(s: Ints, at: int, level: float, flags: int, length: int) -> None:
    """Add one stretch of constant level to a set of sums; a gap (NaN) adds nothing but its flag."""
    if not math.isnan(level):
        add(s, at, level, length)
        s[at + 3] += length
        if flags & OVER:
            s[at + 4] += length
        if flags & DOUBT:
            s[at + 5] += length
    elif flags & ABSURD:
        s[at + 6] += length
