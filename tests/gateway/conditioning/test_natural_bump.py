"""Every declared blast gives gas to the cells of its influence: who keeps silent twice is suspect (reference 6.5)."""

import pytest

from tests.fixtures.cells import BLAST, GOOD, OVER, SUSPECT, Cells, site

CO, NO2, NEAR, SIDE, FAR = "co-frente-1", "no2-frente-1", "co-nivel-1", "co-frente-2", "co-lejos"
FUMES = {CO: 300.0, NO2: 9.0}


def cells(*names: str, **more: object) -> Cells:
    return Cells(site(*(names or (CO, NO2, NEAR)), **more))


def test_who_answers_is_trusted_blast_after_blast() -> None:
    one = cells()
    for _ in range(4):
        assert set(one.blast({**FUMES, NEAR: 40.0}).values()) == {GOOD}


@pytest.mark.parametrize(
    ("silent", "witness"),
    [({CO: 0.0}, {NO2: 9.0}), ({NO2: 0.0}, {CO: 300.0}), ({NEAR: 0.0}, {CO: 300.0}), ({CO: 0.0}, {NEAR: 40.0})],
)
def test_silent_twice_running_while_a_neighbour_answered_is_suspect(silent, witness) -> None:
    one = cells()
    (name,) = silent
    assert one.blast({**silent, **witness})[name] == GOOD
    after = one.blast({**silent, **witness})
    assert after[name] == SUSPECT
    assert [after[other] for other in witness] == [GOOD]
    assert one.says(name, 400.0) == ("uncertain", "over_range" if name == NO2 else "bump_suspect")


def test_an_answer_in_between_begins_the_count_anew() -> None:
    one = cells()
    for rise in (0.0, 300.0, 0.0):
        assert one.blast({CO: rise, NO2: 9.0})[CO] == GOOD
    assert one.blast({CO: 0.0, NO2: 9.0})[CO] == SUSPECT


def test_a_blast_that_nobody_near_answered_says_nothing_of_anybody() -> None:
    one = cells(CO, NO2, FAR)
    for _ in range(3):
        assert set(one.blast({CO: 0.0, NO2: 0.0, FAR: 300.0}, "frente-1", "nivel-1", "lejos").values()) == {GOOD}
    one.blast({CO: 0.0, NO2: 9.0})
    one.blast({CO: 0.0, NO2: 0.0})  # not seen: it neither counts nor forgives
    assert one.blast({CO: 0.0, NO2: 9.0})[CO] == SUSPECT


def test_a_faint_breath_is_an_answer_but_no_witness() -> None:
    """Where CO rises by 20 ppm, a sound NO2 cell may well show nothing."""
    one = cells()
    for _ in range(3):
        assert set(one.blast({CO: 20.0, NO2: 0.0}).values()) == {GOOD}
    one.blast({CO: 0.0, NO2: 9.0})
    one.blast({CO: 4.0, NO2: 9.0})
    assert one.blast({CO: 0.0, NO2: 9.0})[CO] == GOOD


def test_an_answer_is_more_than_three_steps_and_more_than_the_noise() -> None:
    for rise, noise, expected in ((3.0, 0.0, SUSPECT), (4.0, 0.0, GOOD), (4.0, 6.0, SUSPECT), (7.0, 6.0, GOOD)):
        one = cells(CO, NO2, co_frente_1={"noise": noise})
        one.blast({CO: rise, NO2: 9.0})
        assert one.blast({CO: rise, NO2: 9.0})[CO] == expected


def test_only_the_influence_is_judged() -> None:
    one = cells(CO, NO2, SIDE)
    for _ in range(3):
        assert one.blast({**FUMES, SIDE: 0.0})[SIDE] == GOOD


def test_whoever_cannot_speak_is_not_judged() -> None:
    """A lost channel, or one driven below zero, has alarms of its own."""
    one = cells()
    for _ in range(3):
        one.says(CO, 0.0)
        one.says(NO2, 0.0)
        one.fire()
        one.says(CO, 0.0)
        one.says(NO2, 9.0, 60)
        one.tick(1300)
        assert one.says(CO, 0.0) == GOOD
    silent = cells()
    for _ in range(3):  # nor one that was silent when the shot was fired
        silent.says(NO2, 0.0, 100)
        silent.fire()
        for _ in range(50):
            silent.says(CO, 0.0, 20)
            silent.says(NO2, 9.0, 5)
        silent.tick()
        assert silent.says(CO, 0.0) == GOOD


def test_the_next_blast_ends_the_window_of_the_one_before() -> None:
    one = cells()
    one.says(NO2, 0.0)
    one.says(CO, 0.0)
    for _ in range(3):
        one.fire()
        for _ in range(9):
            one.says(CO, 0.0)
            one.says(NO2, 9.0)
        one.says(NO2, 0.0)
    assert one.says(CO, 0.0) == SUSPECT


def test_a_blast_that_is_told_again_and_again_is_one() -> None:
    one = cells()
    one.says(CO, 0.0)
    one.says(NO2, 0.0)
    fired = one.moment.now_us
    for _ in range(1300):
        one.conditioner.blast_fired(one.moment, fired, ["frente-1"], detected=False)
        one.says(NO2, 9.0, 0.5)
        one.says(CO, 0.0, 0.5)
        one.tick()
    assert one.says(CO, 0.0) == GOOD


def test_without_a_row_of_the_schedule_the_window_is_the_usual_one() -> None:
    one = Cells(site(CO, NO2, blasts=({**BLAST, "zones": ["lejos"], "influence": ["lejos"]},)))
    one.blast({CO: 0.0, NO2: 9.0})
    one.blast({CO: 0.0, NO2: 9.0})
    assert one.says(CO, 0.0) == GOOD  # 90 minutes are not over yet
    for _ in range(500):
        one.says(NO2, 0.0, 5)
        one.says(CO, 0.0, 5)
        one.tick()
    assert one.says(CO, 0.0) == SUSPECT


def test_a_shot_that_its_fumes_told_of_is_answered_by_whoever_stands_above_zero() -> None:
    """Detected while armed: the values at firing are those of the fumes already."""
    for _ in range(2):
        one = cells()
        for _ in range(3):
            for name, value in FUMES.items():
                one.says(name, value)
            one.says(NEAR, 0.0)
            one.fire(detected=True)
            for name, value in FUMES.items():
                one.says(name, value)
            for _ in range(60):
                for name in (CO, NO2, NEAR):
                    one.says(name, 0.0, 10)
                one.tick()
        assert (one.says(CO, 0.0), one.says(NO2, 0.0), one.says(NEAR, 0.0)) == (GOOD, GOOD, SUSPECT)


@pytest.fixture
def suspect() -> Cells:
    one = cells()
    for _ in range(2):
        one.blast({CO: 0.0, NO2: 9.0})
    assert one.says(CO, 0.0) == SUSPECT
    return one


def test_its_next_answer_ends_the_doubt_at_once(suspect: Cells) -> None:
    suspect.says(NO2, 0.0)
    suspect.fire()
    assert suspect.says(CO, 3.0) == SUSPECT
    assert suspect.says(CO, 300.0) == GOOD


def test_a_bump_test_ends_it_and_the_count(suspect: Cells) -> None:
    suspect.test(CO)
    assert suspect.says(CO, 0.0) == GOOD
    assert suspect.blast({CO: 0.0, NO2: 9.0})[CO] == GOOD
    assert suspect.blast({CO: 0.0, NO2: 9.0})[CO] == SUSPECT


def test_gas_without_a_declared_blast_proves_nothing(suspect: Cells) -> None:
    assert suspect.says(CO, 300.0) == SUSPECT


def test_a_blast_that_saturates_is_followed_by_doubt_until_the_next_one(suspect: Cells) -> None:
    assert suspect.blast({CO: 1000.0, NO2: 9.0})[CO] == SUSPECT  # answered, and over range
    suspect.says(CO, 0.0)
    suspect.fire()
    assert suspect.says(CO, 2.0) == SUSPECT
    assert suspect.says(CO, 300.0) == GOOD
    assert suspect.says(CO, 1000.0) == OVER
    assert suspect.says(CO, 300.0) == SUSPECT


def test_the_answer_counts_only_after_the_zero() -> None:
    one = cells()
    one.says(CO, 1000.0)
    assert one.says(CO, 30.0) == SUSPECT
    one.fire()
    assert one.says(CO, 300.0) == SUSPECT
    assert one.says(CO, 0.0) == SUSPECT


def test_an_open_window_and_the_count_survive_a_restart_and_an_edited_site_file() -> None:
    one = cells()
    one.blast({CO: 0.0, NO2: 9.0})
    one.says(CO, 0.0)
    one.says(NO2, 0.0)
    one.fire()
    one.says(NO2, 9.0)
    again = one.restart(site("h2s-lejos", NO2, CO))
    for _ in range(150):
        again.says(CO, 0.0, 10)
        again.tick()
    assert again.says(CO, 0.0) == SUSPECT
    gone = again.restart(site(NO2))
    assert gone.says(NO2, 0.0) == GOOD
