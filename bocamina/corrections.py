"""Shifts that late samples belong to, computed anew out of the journal: one at a time, beside the engine."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from bocamina.person_corrections import Beside, corrected_persons
from bocamina.person_record import PersonsWanted
from bocamina.person_scope import scope_of
from bocamina.shift_record import Wanted, result_document
from gateway.domain.errors import BocaminaError
from gateway.domain.events import Corrected
from gateway.domain.history import History, Page, Reading, every
from gateway.domain.limit import Limit
from gateway.domain.moment import SECOND_US
from gateway.domain.site import Site
from gateway.exposure.shift_anew import OnRecord, shift_anew
from gateway.exposure.streaming import Line
from gateway.stores.embedded_history import EmbeddedHistory

log = logging.getLogger(__name__)

PAGE: Final = 2000
"""Readings that are asked for at once: a short transaction, and little of the interpreter's time at a stretch."""
PAUSE_S: Final = 0.02
"""Between two pages, so that a month of backlog keeps nothing waiting."""


def corrected(history: History, site: Site, line: Line, limits: tuple[Limit, ...], wanted: Wanted,
              pause: Callable[[float], object] = lambda _seconds: None) -> Corrected:  # fmt: skip
    """The result of one sensor's shift as the record has it now. limits: of a whole shift. Raises StoreFailed."""
    shift = wanted.shift
    first_us = shift.start_us - round(line.hold_s * SECOND_US)

    def readings() -> Iterator[OnRecord]:
        def page(cursor: str | None) -> Page[Reading]:
            pause(PAUSE_S)
            return history.readings([wanted.sensor], first_us, shift.end_us, PAGE, cursor)

        for one in every(page):
            if one.time_us is not None:
                yield OnRecord(one.time_us, float("nan") if one.value is None else one.value, one.quality, one.reason)

    found = shift_anew(
        line, readings(), shift.start_us, shift.end_us, limits,
        shift_hours=site.site.shift_hours, gap_level=wanted.gap_level,
    )  # fmt: skip
    document = result_document(site.sensors[wanted.i], shift.key, shift.start_us, shift.end_us, found)
    return Corrected(wanted.sensor, shift.key, wanted.asked_us, document)


class Corrector:
    """A thread that answers each question with `Corrected`; what it could not compute comes without figures."""

    def __init__(self, site: Site, path: Path, lines: Callable[[int], Line],
                 limits: Callable[[int], tuple[Limit, ...]], answer: Callable[[Corrected], None]) -> None:  # fmt: skip
        self._site, self._history = site, EmbeddedHistory(path)
        self._lines, self._limits, self._answer = lines, limits, answer
        self._beside = Beside(site, scope_of(site), path, self._history, lines)
        self._queue: SimpleQueue[Wanted | PersonsWanted | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="corrections", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, wait_s: float) -> None:
        """End, at the latest after the page at hand."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(wait_s)

    def ask(self, wanted: Wanted | PersonsWanted) -> None:
        """Never blocks; a shift is asked for once until it is answered, so the queue is bounded."""
        self._queue.put(wanted)

    def _work(self) -> None:
        while (wanted := self._queue.get()) is not None and not self._stopping.is_set():
            try:
                done = self._computed(wanted)
            except _Stopped:
                return
            except BocaminaError as error:
                log.warning("%s, shift %s is not corrected: %s", wanted, wanted.shift.key, error)
                done = wanted.unanswered(str(error))
            except Exception as error:
                log.exception("fault while correcting %s, shift %s", wanted, wanted.shift.key)
                done = wanted.unanswered(f"{type(error).__name__}: {error}"[:200])
            self._answer(done)

    def _computed(self, wanted: Wanted | PersonsWanted) -> Corrected:
        if isinstance(wanted, PersonsWanted):
            return corrected_persons(self._beside, wanted, lambda: self._wait(PAUSE_S))
        lines, limits = self._lines(wanted.i), self._limits(wanted.i)
        return corrected(self._history, self._site, lines, limits, wanted, self._wait)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped


class _Stopped(Exception):
    """`stop` was called in the middle of a shift."""
