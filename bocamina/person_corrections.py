"""Shifts of persons that late samples belong to, computed anew out of the journal: where they were, what was there."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

from bocamina import elsewhere
from bocamina.person_record import PERSONS, PersonShift, PersonsWanted
from bocamina.person_rows import Standing, shift_row
from bocamina.person_scope import Scope, came_late
from gateway.domain.events import Corrected, Presence, Request
from gateway.domain.history import History, Page, Reading, every
from gateway.domain.moment import NO_TIME, SECOND_US
from gateway.domain.site import Site
from gateway.exposure.person_figures import Hours
from gateway.exposure.person_shift_anew import Move, PastShift, Place, persons_anew
from gateway.exposure.persons import BEFORE_US
from gateway.exposure.shift_anew import OnRecord
from gateway.exposure.streaming import Line
from gateway.stores.journal import Journal
from gateway.stores.past_moves import Told, kept_since_us, told
from gateway.stores.redating import Redating

PAGE: Final = 2000
"""Readings that are asked for at once."""

Pause = Callable[[], object]


class Beside(NamedTuple):
    """What the gateway has, for who computes beside it. lines: of the sensors, by index."""

    site: Site
    scope: Scope
    path: Path
    history: History
    lines: Callable[[int], Line]


def corrected_persons(beside: Beside, wanted: PersonsWanted, pause: Pause = lambda: None) -> Corrected:
    """The results of everybody who was in the air of a late sample, as the record has it now. Raises StoreFailed.

    Who cannot be placed any more is named in the answer's `detail`; the others are computed all the same.
    """
    tracks, lost, by_us = _tracks(beside, wanted, pause)
    shift, site = wanted.shift._replace(skew_us=wanted.shift.skew_us + by_us), beside.site
    zones = {site.sensors[i].zone for i in wanted.late}
    concerned = {tag: moves for tag, moves in tracks.items() if any(move.zone in zones for move in moves)}
    visited = {move.zone for moves in concerned.values() for move in moves}
    followed = sorted(i for i in beside.scope.sensors() if site.sensors[i].zone in visited)
    places = [Place(site.sensors[i].zone, site.sensors[i].quantity, beside.lines(i), wanted.typical.get(i))
              for i in followed]  # fmt: skip
    away = {one.tag: (one.hours, one.doses) for one in shift.people if one.hours and one.tag in concerned}
    lived = PastShift(
        shift.begun_us, shift.over_us, shift.lost_us, Hours(site.site.shift_hours, site.site.week_hours), away
    )
    found, worst = persons_anew(
        beside.scope.asked, places, _readings(beside, shift, followed, places, pause),
        sorted((move for moves in concerned.values() for move in moves), key=attrgetter("at_us")), lived,
    )  # fmt: skip
    rows = [
        shift_row(
            NO_TIME, Standing(one.tag, one.inside, shift.key, one.late, one.elsewhere_h), one.judged, worst,
            shift.between_us,
        )
        for one in found if one.touched
    ]  # fmt: skip
    detail = f"{', '.join(lost)}: where they were is no longer on record"[:200] if lost else ""
    return Corrected("", shift.key, wanted.asked_us, {PERSONS: rows}, detail)


def _tracks(beside: Beside, wanted: PersonsWanted, pause: Pause) -> tuple[dict[str, list[Move]], list[str], int]:
    """The moves of each person by time, from where they were before the shift on; and who cannot be placed.

    Last comes by how much the labels at its end were put right since [µs].
    """
    shift = wanted.shift
    first_us = shift.begun_us - BEFORE_US
    with Journal.reader(beside.path) as journal:
        kept_us = kept_since_us(journal)
        by_us = Redating.of(journal).by_us(shift.over_us) or 0
        before: dict[str, Move] = {}
        for one in shift.people:
            if one.since_us is not None and one.since_us > NO_TIME:
                arrived = _moves(told(journal, one.since_us, one.since_us + 1, pause))
                before |= {move.tag: move._replace(at_us=first_us) for move in arrived if move.tag == one.tag}
        during = list(_moves(told(journal, first_us, shift.over_us, pause)))
    tracks: dict[str, list[Move]] = {}
    lost = []
    for one in shift.people:
        moves = [move for move in during if move.tag == one.tag]
        moves = [before[one.tag], *moves] if one.tag in before else moves
        is_placed = one.since_us is None or one.tag in before
        if kept_us is None or kept_us > shift.begun_us or not is_placed:
            lost.append(one.tag)
        else:
            tracks[one.tag] = moves
    return tracks, lost, by_us


def _moves(found: Iterable[Told]) -> Iterator[Move]:
    """What `Response` makes of these events: one answer an id, a retained word of *outside* is no news."""
    answered: set[str] = set()
    for moment, event in found:
        if isinstance(event, Presence):
            if not (event.retained and event.zone is None):
                yield Move(moment.now_us, event.person, event.zone, came_late(moment, event))
        elif _moves_somebody(event) and event.id not in answered:
            answered.add(event.id)
            yield Move(moment.now_us, event.target, event.args["zone"])


def _moves_somebody(request: Request) -> bool:
    args: Mapping[str, object] = request.args
    if request.malformed or not request.target or elsewhere.is_asked(request) or "count" in args or "zone" not in args:
        return False
    return args["zone"] is None or isinstance(args["zone"], str)


def _readings(
    beside: Beside, shift: PersonShift, followed: list[int], places: list[Place], pause: Pause
) -> Iterator[tuple[int, OnRecord]]:
    """All readings of these sensors by time [engine time], from one hold before the first move on."""
    if not followed:
        return
    hold_us = max(round(place.line.hold_s * SECOND_US) for place in places)
    first_us, over_us = (at_us + shift.skew_us for at_us in (shift.begun_us - BEFORE_US - hold_us, shift.over_us))
    at = {beside.site.sensors[i].id: place for place, i in enumerate(followed)}

    def page(cursor: str | None) -> Page[Reading]:
        pause()
        return beside.history.readings(list(at), first_us, over_us, PAGE, cursor)

    for one in every(page):
        if one.time_us is not None:
            value = math.nan if one.value is None else one.value
            yield at[one.sensor], OnRecord(one.time_us - shift.skew_us, value, one.quality, one.reason)
