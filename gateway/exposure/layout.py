"""Where each number of a sensor's streaming state stands in its two rows.

A sensor's state is one row of an int64 array (times, exact sums, records' times) and one of a float64 array (levels,
answers): every array argument of a compiled call costs about 55 ns, so there are two and no more.
Times and lengths are µs. An exact sum is three integers ("limbs"), see `sums.add`.
"""

from typing import Final

WINDOWS_US: Final = (60_000_000, 300_000_000, 900_000_000)
"""Windows that run along: 1 and 5 min (alarm ladder, limits reference 6.3), 15 min (STEL)."""
ONE_MIN, FIVE_MIN, FIFTEEN_MIN = range(3)
LONGEST_US: Final = 3_600_000_000
"""Any other window up to 60 min is summed from the ring when it is asked for, as NIOSH's 10 min of H2S."""
LONG_S: Final = (28_800, 36_000)
"""[s] Windows of whole seconds that run along in the bins: 8 and 10 h."""

RECORDS: Final = 3_648
"""Level changes kept per sensor: 60 min at one a second; above that the older ones are merged, see `ring`."""
RECENT: Final = 2_048
"""At most so many of them are of the last 15 min, which are kept as they came up to 2.2 a second."""
BINS: Final = 36_000
"""One-second bins: as long as the longest window."""

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
COUNT: Final = 7                # the next record's number; record k stands in slot k % RECORDS
MERGES: Final = 8               # how often the ring was merged
SHIFT_START: Final = 9
KEEPS_BINS: Final = 10          # 1: this sensor keeps one-second bins
FIRST: Final = 11               # the oldest record that is still there
SUMS: Final = 12                # 3 limbs of ∫c dt, then covered, over-range, doubtful and absurd time, since ever
N_SUMS: Final = 7
AT_SHIFT: Final = SUMS + N_SUMS   # the same as they were when the shift began
TAILS: Final = AT_SHIFT + N_SUMS  # per window: edge, record at the edge, the sums as they were at the edge
TAIL: Final = 2 + N_SUMS
ASKED: Final = TAILS + 3 * TAIL   # the sums as they were at the edge of the window that was asked for
BIN_SECOND: Final = ASKED + N_SUMS  # the open bin
AT_BIN: Final = BIN_SECOND + 1    # the sums as they were when it was opened
LONG: Final = AT_BIN + N_SUMS     # per long window: sums of its closed bins
RING_I: Final = 88              # records: start << 3 | flags
BINS_I: Final = RING_I + RECORDS  # bins: float32 maximum << 32 | flags << 20 | covered time
INTS: Final = BINS_I
INTS_8H: Final = BINS_I + BINS

# --- float64 row ---------------------------------------------------------------------------------------------------
LEVEL: Final = 0                # the present level, NaN in a gap
VALUE: Final = 1                # the newest sample as it came
LAST_VALID: Final = 2           # the newest level that counted
FULL_SCALE: Final = 3           # NaN: unknown
BIN_MAX: Final = 4              # maximum of the open bin
N_WINDOW: Final = 5             # ∫c dt [unit·s], covered, over-range, doubtful, absurd time [s]
STATE: Final = 5                # answer of `state`: N_WINDOW numbers of the shift, then now:
N_STATE: Final = N_WINDOW + 4   # elapsed time of the shift [s], present level, its flags, last valid level
WINDOW: Final = STATE + N_STATE  # answer of `window`: N_WINDOW numbers; of `long_window`: and the maximum
RING_F: Final = 24              # records: level, NaN for a gap
BINS_F: Final = RING_F + RECORDS  # bins: mean level of the covered time
FLOATS: Final = BINS_F
FLOATS_8H: Final = BINS_F + BINS
