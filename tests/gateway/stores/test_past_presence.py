"""Presence out of the journal: tags and what people said, in pages, and never older than positions may be kept."""

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.events import Presence, Request, Tick
from gateway.domain.history import DAY_US, every
from gateway.domain.moment import Moment
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.rows import steps_row

T0 = 20_600 * DAY_US


def commit(journal, at, *events):
    journal.append([steps_row("h", [Step(Moment(at, at), events, [])])])


def test_presence_in_order_in_pages_and_for_thirty_days(tmp_path):
    history = EmbeddedHistory(tmp_path / "journal.db")
    assert history.presence() == ([], None)
    with Journal.open(tmp_path / "journal.db") as journal:
        commit(journal, T0 - 40 * DAY_US, Presence("tag-1", "face"))
        commit(journal, T0, Tick(), Presence("tag-1", "face", T0 - 7), Presence("tag-2", None))
        commit(journal, T0 + 1, *(Tick() for _ in range(500)))
        said = Request("r", "presence", "ana", "officer", "tag-3", {"zone": "face"})
        counted = Request("s", "presence", "ana", "officer", "face", {"count": 3})
        commit(journal, T0 + 2, said, counted, Request("t", "acknowledge", "ana", "officer", "x", {"zone": "face"}))
        found = history.presence().items
        assert found == [(T0 - 7, "tag-1", "face"), (T0, "tag-2", None), (T0 + 2, "tag-3", "face")]
        for limit in (1, 2, 3):
            assert list(every(lambda cursor: history.presence(limit=limit, cursor=cursor))) == found  # noqa: B023
        assert history.presence("tag-2").items == found[1:2]
        assert history.presence(start_us=T0 + 1).items == found[2:]
        assert history.presence(start_us=T0 - 50 * DAY_US, end_us=T0 - 30 * DAY_US).items == []
    with pytest.raises(ConfigError, match="none of this list"):
        history.presence(cursor="1:2:3")
