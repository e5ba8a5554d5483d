"""Where each number of a sensor's streaming state stands in its two rows.

A sensor's state is one row of an int64 array (times, exact sums, records' times) and one of a float64 array (levels,
answers): every array argument of a compiled call costs about 55 ns, so there are two and no more.
Times and lengths are µs. An exact sum is three integers ("limbs"), see `sums.add`.
"""

from typing import Final

WINDOWS_US: Final = (60_000_000, 300_000_000, 600_000_000, 900_000_000)
"""The short windows: 1 and 5 min (alarm ladder, limits reference 6.3), 10 min (NIOSH H2S ceiling), 15 min (STEL)."""
ONE_MIN, FIVE_MIN, TEN_MIN, FIFTEEN_MIN = range(4)

RECORDS: Final = 2048
"""Level changes kept per sensor, a power of two: 15 min at 2.2 a second; above that whole seconds are merged."""
BINS: Final = 28_800
"""One-second bins of the rolling 8 h window."""

OVER: Final = 1      # the level is a lower bound: the sensor was over its range
DOUBT: Final = 2     # the level counts but is no evidence of compliance
ABSURD: Final = 4    # no level: the value was not finite or above 1e9

# --- int64 row -----------------------------------------------------------------------------------------------------
HEAD: Final = 0                 # time up to which everything is summed; NO_TIME before the first event
HOLD_UNTIL: Final = 1           # when the present sample stops to stand for anything
VALUE_US: Final = 2             # time of the newest sample, its quality and reason
QUALITY: Final = 3
REASON: Final = 4
FLAGS: Final = 5                # of the present level
HOLD: Final = 6                 # the longest time that one sample may stand for
COUNT: Final = 7                # records written so far; record k stands in slot k % RECORDS
MERGES: Final = 8               # how often the ring was merged to whole seconds
SHIFT_START: Final = 9
SUMS: Final = 10                # 3 limbs of ∫c dt, then covered, over-range, doubtful and absurd time, since ever
N_SUMS: Final = 7
AT_SHIFT: Final = SUMS + N_SUMS   # the same as they were when the shift began
TAILS: Final = AT_SHIFT + N_SUMS  # per short window: edge, record at the edge, the sums as they were at the edge
TAIL: Final = 2 + N_SUMS
BIN_SECOND: Final = TAILS + 4 * TAIL  # the open bin, its covered time; 3 limbs and covered time of the closed bins
BIN_COVERED: Final = BIN_SECOND + 1
BIN_SUMS: Final = BIN_COVERED + 1
RING_I: Final = 80              # records: start << 3 | flags
BINS_I: Final = RING_I + RECORDS  # bins: float32 maximum << 32 | covered time
INTS: Final = BINS_I
INTS_8H: Final = BINS_I + BINS

# --- float64 row ---------------------------------------------------------------------------------------------------
LEVEL: Final = 0                # the present level, NaN in a gap
VALUE: Final = 1                # the newest sample as it came
LAST_VALID: Final = 2           # the newest level that counted
FULL_SCALE: Final = 3           # NaN: unknown
BIN_TOTAL: Final = 4            # of the open bin: ∫c dt and maximum
BIN_MAX: Final = 5
FIGURES: Final = 8              # answer of `figures`, in the order of domain.figures.Figures
N_FIGURES: Final = 13
STATE: Final = FIGURES + N_FIGURES  # answer of `state`: N_WINDOW numbers per short window, then for the shift, then now
N_WINDOW: Final = 5             # ∫c dt [unit·s], covered, over-range, doubtful, absurd time [s]
N_STATE: Final = 5 * N_WINDOW + 4  # … elapsed time of the shift [s], present level, its flags, last valid level
EIGHT_HOURS: Final = STATE + N_STATE  # answer of `eight_hours`: ∫c dt [unit·s], covered [s], maximum
RING_F: Final = 64              # records: level, NaN for a gap
BINS_F: Final = RING_F + RECORDS  # bins: mean level of the covered time
FLOATS: Final = BINS_F
FLOATS_8H: Final = BINS_F + BINS
