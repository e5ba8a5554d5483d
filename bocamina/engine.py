"""The engine: a pure function of (site file, state, events, time). Live run, replay, drill and simulation are this one code.

`step(now, a + b)` decides what `step(now, a)` and then `step(now, b)` decide. There is no clock, thread, port or
disk in it; ids are counted. What it decides is carried out by `bocamina/service.py`.
"""

from typing import Final

REMEMBERED_REQUESTS: Final = 1000
"""Requests are idempotent by id; a repeat within this many gets the first answer again."""

DESK_ACTIONS: Final = frozenset({"acknowledge", "shelve", "unshelve", "reset"})


class Engine:
    """All that the gateway knows, moved by events only."""
