"""What the computer knows about its own wall clock."""

import ctypes
from functools import cached_property
from pathlib import Path
from typing import Final

from gateway.domain.moment import SECOND_US

_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised with anything."""
_TIMEX_BYTES: Final = 208
"""struct timex with 64-bit words, adjtimex(2); a call with `modes` 0 only reads."""
_AGREES_US: Final = 3600 * SECOND_US
"""A battery-backed clock that kept the time shows it; one without a battery shows 1970 [D]."""


class Evidence:
    """Reads /proc, /sys and the kernel's own word. What this machine does not tell counts as nothing said."""

    @cached_property
    def boot(self) -> str:
        """The kernel's name for this boot; "" where it has none."""
        return _read(Path("/proc/sys/kernel/random/boot_id"))

    def synchronised(self) -> bool:
        """Whether the kernel says that the network, or a receiver, keeps the clock right to within 16 s."""
        try:
            state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(2 * _TIMEX_BYTES)))
        except (AttributeError, OSError):
            return False
        return 0 <= state < _TIME_ERROR

    def kept(self, utc_us: int) -> bool:
        """Whether the clock went on while the power was off.

        Small boards begin with the time of the last shutdown: there a battery-backed clock must agree. Other computers
        have one.
        """
        if not Path("/proc/device-tree/model").exists():
            return True
        found = [_read(clock) for clock in Path("/sys/class/rtc").glob("rtc*/since_epoch")]
        return any(text.isdigit() and abs(int(text) * SECOND_US - utc_us) <= _AGREES_US for text in found)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
