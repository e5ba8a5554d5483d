"""What the journal lost, as its NOTICE rows have it, in sentences for people: a log line reaches nobody."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.domain.events import JournalLoss
from gateway.domain.moment import rfc3339
from gateway.stores.journal import Journal
from gateway.stores.rows import DAMAGED, OVERFLOW, SALVAGED, Kind

_BEFORE: Final = 1000
"""Rows: an alarm that was told shortly before the newest snapshot may have missed it; whoever knows it ignores it."""


def loss_of(n: int, document: Mapping[str, Any]) -> JournalLoss | None:
    """The event that the document of NOTICE row `n` is, None for one that tells of no loss."""
    sentence = _SENTENCES.get(document.get("what", ""))
    return JournalLoss(n, document["what"], sentence(document)) if sentence is not None else None


def newest_losses(journal: Journal) -> list[JournalLoss]:
    """Losses that the newest snapshot of the engine may not know of, oldest first. Raises StoreFailed."""
    snapshot = journal.last_snapshot()
    after_n = max(0, snapshot.n - _BEFORE) if snapshot is not None else 0
    found = (loss_of(row.n, row.document()) for row in journal.scan(after_n, [Kind.NOTICE]))
    return [loss for loss in found if loss is not None]


def _salvaged(document: Mapping[str, Any]) -> str:
    lost = f"{document['lost_rows']} rows are lost{_span(document.get('from_us'), document.get('until_us'))}"
    return f"{lost}, {document['kept']} are saved; the damaged file is kept as {document['set_aside']}"


def _damaged(document: Mapping[str, Any]) -> str:
    return f"{document['rows']} rows cannot be read any more{_span(document['from_us'], document['until_us'])}"


def _overflow(document: Mapping[str, Any]) -> str:
    return f"{document['readings']} readings were refused{_span(document['first_utc_us'], document['last_utc_us'])}"


def _span(from_us: int | None, until_us: int | None) -> str:
    if from_us is None and until_us is None:
        return ""
    begins = "the beginning" if from_us is None else rfc3339(from_us)
    return f" between {begins} and {'the end' if until_us is None else rfc3339(until_us)}"


_SENTENCES: Final = {SALVAGED: _salvaged, DAMAGED: _damaged, OVERFLOW: _overflow}
