"""Who is inside: empty is never guessed (limits reference 6.6)."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.occupancy import Occupancy
from gateway.domain.errors import Refused
from tests.fixtures.small_mine import MINE, at, site

HOUR = 3600


def test_nobody_knows_until_someone_counts() -> None:
    assert Occupancy(site()).state("frente-1", at(0)) == ("unknown", None)


def test_a_named_persons_zero_that_agrees_with_the_tags_is_empty() -> None:
    inside = Occupancy(site())
    inside.count(at(0), "frente-1", 0, "ana")
    assert inside.state("frente-1", at(1)) == ("empty", 0)
    assert inside.confirmed_by("frente-1", at(1)) == "ana"
    assert inside.state("frente-2", at(1)) == ("unknown", None), "only the zone that was counted"


@pytest.mark.parametrize(("by", "why"), [("eva", "reviewer"), ("rosa", "miner"), ("nadie", "no person of this site")])
def test_a_count_needs_a_named_person_who_may(by: str, why: str) -> None:
    inside = Occupancy(site())
    with pytest.raises(Refused, match=why):
        inside.count(at(0), "frente-1", 0, by)
    assert inside.state("frente-1", at(0))[0] == "unknown"


def test_a_logged_in_officer_need_not_be_of_the_site_file() -> None:
    inside = Occupancy(site())
    inside.count(at(0), "frente-1", 0, "maria", role="officer")
    assert inside.state("frente-1", at(0))[0] == "empty"


def test_a_zero_that_the_tag_board_contradicts_does_not_stand() -> None:
    inside = Occupancy(site())
    inside.presence(at(0), "07", "frente-1")
    with pytest.raises(Refused, match="07"):
        inside.count(at(1), "frente-1", 0, "ana")
    assert inside.state("frente-1", at(1)) == ("occupied", 1)
    inside.presence(at(2), "07", None)
    assert inside.state("frente-1", at(2))[0] == "unknown", "his leaving proves nothing; someone counts again"


def test_emptiness_lapses_on_entry_on_reader_loss_and_after_twelve_hours() -> None:
    for event in ("entry", "reader", "time"):
        inside = Occupancy(site())
        inside.count(at(0), "frente-1", 0, "ana")
        later = at(60)
        if event == "entry":
            inside.presence(at(10), "07", "frente-1")
            inside.presence(at(20), "07", None)
        elif event == "reader":
            inside.reader(at(10), up=False)
            inside.reader(at(20), up=True)
        else:
            assert inside.state("frente-1", at(12 * HOUR - 1))[0] == "empty"
            later = at(12 * HOUR)
        assert inside.state("frente-1", later)[0] == "unknown", event


def test_while_the_reader_is_lost_no_count_makes_a_zone_empty() -> None:
    inside = Occupancy(site())
    inside.reader(at(0), up=False)
    with pytest.raises(Refused, match="reader is lost"):
        inside.count(at(1), "frente-1", 0, "ana")
    assert inside.state("frente-1", at(1))[0] == "unknown"


def test_a_tag_at_a_place_that_the_site_does_not_know_empties_nothing() -> None:
    inside = Occupancy(site())
    inside.count(at(0), "frente-1", 0, "ana")
    with pytest.raises(Refused, match="no zone of this site"):
        inside.presence(at(1), "07", "nivel-9")
    assert inside.state("frente-1", at(1))[0] == "unknown"
    with pytest.raises(Refused, match="unknown place"):
        inside.count(at(2), "frente-1", 0, "ana")


def test_people_are_counted_by_tags_or_by_hand_whichever_is_more() -> None:
    inside = Occupancy(site())
    inside.count(at(0), "frente-1", 3, "ana")
    inside.presence(at(1), "07", "frente-1")
    assert inside.state("frente-1", at(1)) == ("occupied", 3)
    for tag in ("08", "09", "10"):
        inside.presence(at(2), tag, "frente-1")
    assert inside.state("frente-1", at(2)) == ("occupied", 4)


def test_a_tag_is_in_one_place_at_a_time() -> None:
    inside = Occupancy(site())
    inside.presence(at(0), "07", "frente-1")
    inside.presence(at(1), "07", "frente-2")
    assert inside.people_in("frente-1") == ()
    assert inside.people_in("frente-2") == ("07",)


def test_a_step_names_the_zones_that_changed_once() -> None:
    inside = Occupancy(site())
    inside.presence(at(0), "07", "frente-1")
    assert inside.step(at(0)) == ("frente-1",)
    assert inside.step(at(1)) == ()
    inside.count(at(2), "frente-2", 0, "ana")
    assert inside.step(at(2)) == ("frente-2",)
    assert inside.step(at(2 + 12 * HOUR)) == ("frente-2",), "the lapse is a change too"


@pytest.mark.parametrize("people", [-1])
def test_a_count_of_nonsense_is_refused(people: int) -> None:
    with pytest.raises(Refused, match="no number of people"):
        Occupancy(site()).count(at(0), "frente-1", people, "ana")


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("tag"), st.sampled_from(["07", "08"]), st.sampled_from(["frente-1", "frente-2", "x", None])),
        st.tuples(st.just("count"), st.integers(0, 2), st.sampled_from(["ana", "eva"])),
        st.tuples(st.just("reader"), st.booleans(), st.none()),
    ),
    max_size=12,
)


def play(inside: Occupancy, events: list[tuple[str, object, object]], start: int = 0) -> None:
    for second, (kind, a, b) in enumerate(events, start):
        try:
            if kind == "tag":
                inside.presence(at(second), str(a), b)  # type: ignore[arg-type]
            elif kind == "count":
                inside.count(at(second), "frente-1", int(a), str(b))  # type: ignore[call-overload]
            else:
                inside.reader(at(second), up=bool(a))
        except Refused:
            pass


@given(EVENTS)
def test_empty_never_without_a_standing_zero_by_a_named_person(events: list[tuple[str, object, object]]) -> None:
    inside = Occupancy(site())
    play(inside, events)
    if inside.state("frente-1", at(20))[0] == "empty":
        last = max(i for i, event in enumerate(events) if event == ("count", 0, "ana"))
        after = events[last + 1 :]
        assert not any(kind == "tag" and b in ("frente-1", "x") for kind, _, b in after)
        assert not any(kind == "reader" and a is False for kind, a, _ in after)
        assert inside.people_in("frente-1") == ()


@given(EVENTS, EVENTS)
def test_a_restart_between_two_events_changes_nothing(
    before: list[tuple[str, object, object]], after: list[tuple[str, object, object]]
) -> None:
    lasting, restarted = Occupancy(site()), Occupancy(site())
    play(lasting, before)
    restarted.load(msgspec.msgpack.decode(msgspec.msgpack.encode(lasting.dump())))
    for inside in (lasting, restarted):
        play(inside, after, 30)
    assert lasting.dump() == restarted.dump()
    assert lasting.step(at(60)) == restarted.step(at(60))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([*MINE, None, "count", "reader"]), st.integers(0, 9)),
                max_size=25))  # fmt: skip
def test_verified_empty_names_exactly_the_zones_that_hold_nobody(course: list[tuple[str, str | None, int]]) -> None:
    inside = Occupancy(site())
    for hour, (person, what, number) in enumerate(course):
        moment = at(hour * HOUR)
        with suppress(Refused):
            if what == "count":
                inside.count(moment, MINE[number % len(MINE)], 0, "ana")
            elif what == "reader":
                inside.reader(moment, up=bool(number % 2))
            else:
                inside.presence(moment, person, what)
        expected = {zone for zone in MINE if not inside.may_hold_people(zone, moment)}
        assert inside.verified_empty(moment) == expected
        assert expected == {zone for zone in MINE if inside.state(zone, moment) == ("empty", 0)}
        for zone in MINE:
            assert inside.state(zone, moment)[1] in (None, 0, len(inside.people_in(zone)))
