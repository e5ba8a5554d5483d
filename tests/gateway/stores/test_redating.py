"""Labels of a wrong wall clock are put right for whoever reads, and only those."""

import numpy as np
import pytest

from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.quality import Quality
from gateway.stores.journal import BEGINNING_US, Journal
from gateway.stores.packing import OUTCOME_DTYPE, Outcome, Step
from gateway.stores.redating import DOUBTED, REDATED, TRUSTED, Piece, Redating, Righting
from gateway.stores.rows import Kind, document_row, steps_row


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


def note(journal: Journal, what: str, from_us: int, boot: str = "b", **more) -> None:
    document = {"what": what, "boot": boot, "from_us": from_us} | more
    journal.append([document_row(Kind.CLOCK, Moment(from_us, 0), document)])


def outcomes(*rows: tuple[int, int, int]) -> np.ndarray:
    found = np.zeros(len(rows), OUTCOME_DTYPE)
    for i, (now_us, time_us, quality) in enumerate(rows):
        found[i]["now_us"], found[i]["time_us"], found[i]["quality"] = now_us, time_us, quality
    return found


def test_without_a_doubt_every_label_stands(journal) -> None:
    redating = Redating.of(journal)
    assert (redating.pieces, redating.open_from_us, redating.by_us(5)) == ([], None, None)
    times, put_right = redating.correct(outcomes((1, 10, 0)))
    assert (times.tolist(), put_right.tolist()) == ([10], [False])


def test_a_doubt_is_open_until_what_was_labelled_in_it_is_put_right(journal) -> None:
    note(journal, DOUBTED, 100)
    note(journal, DOUBTED, 150)
    redating = Redating.of(journal)
    assert redating.open_from_us == 100
    assert [redating.is_open(at) for at in (99, 100, 200)] == [False, True, True]
    note(journal, TRUSTED, 200, redated=[[100, 150, 7], [150, 200, -3]])
    assert Redating.of(journal).is_open(160), "announced, not done"
    note(journal, REDATED, 200, redated=[[100, 150, 7], [150, 200, -3]])
    redating = Redating.of(journal)
    assert (redating.pieces, redating.is_open(160)) == ([Piece(100, 150, 7), Piece(150, 200, -3)], False)
    assert [redating.by_us(at) for at in (99, 100, 149, 150, 199, 200)] == [None, 7, 7, -3, -3, None]


def test_the_doubt_of_an_earlier_boot_is_not_open_any_more(journal) -> None:
    note(journal, DOUBTED, 100)
    note(journal, DOUBTED, 300, boot="c")
    assert Redating.of(journal).open_from_us == 300


def test_live_samples_are_put_right_late_ones_and_those_without_a_time_stay(journal) -> None:
    note(journal, REDATED, 200, redated=[[100, 200, 1000]])
    late = int(Quality.LATE)
    found = outcomes((99, 10, 0), (100, 11, 0), (150, 12, 1), (150, 13, late), (150, NO_TIME, 0), (200, 14, 0))
    times, put_right = Redating.of(journal).correct(found)
    assert times.tolist() == [10, 1011, 1012, 13, NO_TIME, 14]
    assert put_right.tolist() == [False, True, True, False, False, False]


def lived(journal: Journal, seconds: int, wrong: range, by_us: int) -> None:
    """A reading a second; the labels of a stretch are wrong by `by_us`."""
    for second in range(seconds):
        label = second * SECOND_US - (by_us if second in wrong else 0)
        moment = Moment(second * SECOND_US + 1, label, second not in wrong)
        journal.append([steps_row("h", [Step(moment, [], [Outcome(0, 0, 0, 0, label, 0.0, float(second))])])])


def found_in(journal: Journal, start_us: int, end_us: int) -> list[int]:
    rows, more = [], (BEGINNING_US, 0)
    while more is not None:
        some, more = journal.overlapping(start_us, end_us, more)
        rows += some
    return sorted(round(float(row.steps().outcomes["value"][0])) for row in rows)


@pytest.mark.parametrize("by_us", [3600 * SECOND_US, -10 * 365 * 86_400 * SECOND_US])
@pytest.mark.parametrize("kill_after", [None, 1, 2])
def test_readings_are_found_where_they_belong_once_they_are_put_right_also_after_a_kill(
    journal, by_us, kill_after
) -> None:
    wrong = range(100, 700)
    lived(journal, 1000, wrong, by_us)
    bodies = [row.body for row in journal.scan(0, [Kind.STEPS])]
    assert found_in(journal, 100 * SECOND_US, 700 * SECOND_US) == []
    assert not Righting(journal).pending
    pieces = [[wrong.start * SECOND_US, wrong.stop * SECOND_US, by_us]]
    note(journal, TRUSTED, wrong.stop * SECOND_US, redated=pieces)
    righting = Righting(journal)
    steps = 0
    while righting.pending:
        righting.step()
        steps += 1
        if steps == kill_after:
            righting = Righting(journal)
    assert steps >= 4, "in bounded parts"
    assert found_in(journal, 0, 1000 * SECOND_US) == list(range(1000))
    assert found_in(journal, 100 * SECOND_US, 700 * SECOND_US) == list(wrong)
    assert [row.body for row in journal.scan(0, [Kind.STEPS])] == bodies, "what was written stays as it was"
    assert journal.damaged == set()
    redating = Redating.of(journal)
    assert (redating.pieces, redating.open_from_us) == ([Piece(*pieces[0])], None)
    assert not Righting(journal).pending


def test_the_range_of_labels_to_look_in_is_as_wide_as_it_must_be() -> None:
    redating = Redating([Piece(0, 10, 500), Piece(10, 20, -30)])
    assert redating.labels(1000, 2000) == (500, 2030)
    assert redating.labels(NO_TIME, -NO_TIME - 1) == (NO_TIME, -NO_TIME - 1)
