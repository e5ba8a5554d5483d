"""Pages of the journal go bad, as on a dying card: what stood elsewhere is kept, and nothing is made up.

A page is filled with zeros, ones, noise or another page, or loses a single bit.
"""

import os
import random
import shutil

import pytest

from gateway.domain.errors import StoreFailed
from gateway.domain.events import Tick
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.database import PAGE_BYTES
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind, document_row, steps_row

pytestmark = pytest.mark.timeout(120)

GROUPS = 600
HOWS = ("zeros", "ones", "noise", "another page", "one bit")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """(path of a sound journal, its rows by number)."""
    path = tmp_path_factory.mktemp("sound") / "journal.db"
    with Journal.open(path) as journal:
        for k in range(GROUPS):
            moment = Moment(k * SECOND_US, k * SECOND_US)
            outcomes = [Outcome(i, 0, 0, 0, k * SECOND_US, float(k), float(k)) for i in range(12)]
            journal.append([
                steps_row("h", [Step(moment, [Tick()], outcomes)]),
                document_row(Kind.TRANSITION, moment, {"k": k, "filler": os.urandom(13 * k % 6000)}),
            ])  # fmt: skip
        rows = {row.n: row for row in journal.scan()}
    return path, rows


def spoil(path, chance: random.Random) -> int:
    """Spoil up to three pages of the file, the first one included; how many."""
    data = bytearray(path.read_bytes())
    pages = chance.sample(range(len(data) // PAGE_BYTES), chance.randint(1, 3))
    for page in pages:
        at = page * PAGE_BYTES
        how = chance.choice(HOWS)
        if how == "one bit":
            data[at + chance.randrange(PAGE_BYTES)] ^= 1 << chance.randrange(8)
            continue
        other = chance.randrange(len(data) // PAGE_BYTES) * PAGE_BYTES
        data[at : at + PAGE_BYTES] = {
            "zeros": bytes(PAGE_BYTES), "ones": b"\xff" * PAGE_BYTES, "noise": chance.randbytes(PAGE_BYTES),
            "another page": bytes(data[other : other + PAGE_BYTES]),
        }[how]  # fmt: skip
    path.write_bytes(data)
    return len(pages)


def spoil_often(original, tmp_path, times: int, seed: int) -> dict[str, int]:
    path, rows = original
    chance = random.Random(seed)
    most_on_a_page = PAGE_BYTES // min(len(row.body) for row in rows.values())
    told = {"runs": times, "pages": 0, "rows": 0, "lost": 0, "salvaged": 0}
    for run in range(times):
        here = tmp_path / f"run-{run}"
        here.mkdir()
        copy = here / "journal.db"
        shutil.copy(path, copy)
        pages = spoil(copy, chance)
        for opening in range(3):  # damage that is met later is salvaged by the opening after that
            with Journal.open(copy) as journal:
                if journal.salvaged is not None:
                    told["salvaged"] += 1
                try:
                    found = list(journal.scan())
                    n = journal.append([document_row(Kind.NOTICE, Moment(0, 0), {"what": f"after {opening}"})])
                    break
                except StoreFailed:
                    continue
        kept = {row.n: row for row in found if row.kind != Kind.NOTICE}
        assert kept.items() <= rows.items(), "nothing is made up, moved or changed"
        lost = len(rows) - len(kept)
        assert lost <= pages * most_on_a_page, "damage is local"
        assert n > max(rows), "numbers go on"
        told["pages"] += pages
        told["rows"] += len(rows)
        told["lost"] += lost
        shutil.rmtree(here)
    return told


def test_fifteen_dying_cards(original, tmp_path) -> None:
    told = spoil_often(original, tmp_path, 15, seed=1)
    assert 0 < told["lost"] < 0.02 * told["rows"]
    assert told["salvaged"] > 5


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_five_hundred_dying_cards(original, tmp_path) -> None:
    print(spoil_often(original, tmp_path, 500, seed=2))
