"""The gateway's two clocks, read in one place: which of its wall-clock times can be believed, and which were wrong."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

from bocamina.clock_evidence import Evidence
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.journal import Journal
from gateway.stores.redating import DOUBTED, REDATED, TRUSTED
from gateway.stores.rows import Kind

NOT_BEFORE_US: Final = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
"""No wall clock of this software can be right before the year it was written in."""
SET_US: Final = 5 * SECOND_US
"""A wall clock that moves by more than this against the monotonic one was set; less is drift and slewing [D]."""
BELIEVED_US: Final = 86_400 * SECOND_US
"""A trusted clock that is set by more than this is doubted unless the network agrees: a typed year, a dead cell [D]."""


class EngineClock:
    """Engine time goes on from where the journal stopped, then follows the monotonic clock; timers never notice more.

    last_now_us, last_utc_us: the newest moment in the journal [µs]. past: documents of its CLOCK rows, oldest first.
    The wall clock is doubted when it is behind the journal, on a board that lost it with the power, and when it is set
    by more than a day; it is trusted again when the network agrees, or when it is set to what can be right. Then the
    labels of the time between are wrong by a known amount: `news` says so, `gateway.stores.redating` puts them right.
    """

    def __init__(
        self,
        last_now_us: int = 0,
        last_utc_us: int = 0,
        past: Sequence[dict[str, Any]] = (),
        evidence: Evidence | None = None,
    ) -> None:
        self._evidence = evidence or Evidence()
        self._mono_us = time.monotonic_ns() // 1000
        utc_us = time.time_ns() // 1000
        self._base_us = self._last_us = max(utc_us, last_now_us + 1)
        self._skew_us = utc_us - self._mono_us
        self._news: list[dict[str, Any]] = []
        self._pieces: list[tuple[int, int]] = []
        self._anchor_us: int | None = None
        self._trusted = True
        self._ask_again_us = 0
        past = [document for document in past if document["what"] != REDATED]
        newest = past[-1] if past else {}
        doubted = newest.get("what") == DOUBTED
        self._floor_us = max(NOT_BEFORE_US, newest["floor_us"] if doubted else last_utc_us)
        self._begin(utc_us, newest if newest.get("boot") == self._evidence.boot else {}, past)

    @classmethod
    def of(cls, journal: Journal) -> Self:
        """The clock of a gateway that goes on with this journal."""
        last = journal.last()
        past = [row.document() for row in journal.scan(0, [Kind.CLOCK])]
        return cls(last.now_us if last else 0, last.utc_us if last else 0, past)

    def moment(self) -> Moment:
        """Now: engine time never stands still or goes back, whatever the wall clock does."""
        mono_us, utc_us = time.monotonic_ns() // 1000, time.time_ns() // 1000
        self._last_us = max(self._base_us + mono_us - self._mono_us, self._last_us)
        skew_us = utc_us - mono_us
        if not self._trusted:
            self._reconsider(utc_us, skew_us)
        elif utc_us < NOT_BEFORE_US:
            self._doubt(skew_us, "a time before this software was written")
        elif abs(skew_us - self._skew_us) > BELIEVED_US and not self._evidence.synchronised():
            self._doubt(skew_us, "it was set by more than a day")
        else:
            self._skew_us = skew_us
        return Moment(self._last_us, utc_us, self._trusted)

    def news(self) -> list[dict[str, Any]]:
        """What is to go on record (CLOCK rows) since the last call: doubts, and what ended them."""
        news, self._news = self._news, []
        return news

    def _begin(self, utc_us: int, newest: dict[str, Any], past: Sequence[dict[str, Any]]) -> None:
        """Judge the clock as it is found. newest: what the record says last of this very boot."""
        if newest.get("what") == DOUBTED:
            self._trusted, self._anchor_us = False, newest["anchor_us"]
            for document in reversed(past):
                if document["what"] != DOUBTED or document["boot"] != newest["boot"]:
                    break
                self._pieces.insert(0, (document["from_us"], document["skew_us"]))
        elif newest and abs(self._skew_us - newest["skew_us"]) <= BELIEVED_US:
            return
        elif utc_us >= NOT_BEFORE_US and self._evidence.synchronised():
            self._trust(self._skew_us, "the network")
        elif utc_us < self._floor_us - SET_US:
            self._doubt(self._skew_us, "it is behind the journal", before=False)
        elif self._evidence.kept(utc_us):
            self._trust(self._skew_us, "it went on while the power was off")
        else:
            self._doubt(self._skew_us, "nothing kept it while the power was off", before=False)

    def _doubt(self, skew_us: int, why: str, *, before: bool = True) -> None:
        if self._trusted and before:
            self._anchor_us = self._skew_us
        self._trusted = False
        self._pieces.append((self._last_us, skew_us))
        self._news.append(
            {"what": DOUBTED, "boot": self._evidence.boot, "from_us": self._last_us, "skew_us": skew_us,
             "anchor_us": self._anchor_us, "floor_us": self._floor_us, "why": why}
        )  # fmt: skip

    def _reconsider(self, utc_us: int, skew_us: int) -> None:
        was_set = abs(skew_us - self._pieces[-1][1]) > SET_US
        if utc_us >= NOT_BEFORE_US and (was_set or self._last_us >= self._ask_again_us):
            self._ask_again_us = self._last_us + SECOND_US
            if self._evidence.synchronised():
                return self._trust(skew_us, "the network")
        if not was_set:
            return None
        anchor = self._anchor_us
        if utc_us >= self._floor_us if anchor is None else abs(skew_us - anchor) <= BELIEVED_US:
            return self._trust(skew_us, "it was set" if anchor is None else "it was set back")
        return self._doubt(skew_us, "it was set again")

    def _trust(self, skew_us: int, why: str) -> None:
        ends = [*(from_us for from_us, _skew in self._pieces[1:]), self._last_us]
        redated = [[from_us, end, skew_us - wrong] for (from_us, wrong), end in zip(self._pieces, ends, strict=False)]
        self._trusted, self._skew_us, self._anchor_us = True, skew_us, None
        self._pieces.clear()
        self._news.append(
            {"what": TRUSTED, "boot": self._evidence.boot, "from_us": self._last_us, "skew_us": skew_us, "why": why,
             "redated": redated}
        )  # fmt: skip
