"""The mine as a graph: who is affected, who leaves, and which way (limits reference 6.6)."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.graph import EXITS, NEVER_EVACUATE, MineGraph
from tests.fixtures.small_mine import MINE, graph, site

MINE_SET = frozenset(MINE)


def ring() -> MineGraph:
    """Two portals: bocamina → nivel-1 → frente-1 and frente-2 → salida; frente-2 hangs between both."""
    zones = [
        {"id": "bocamina", "name": "B", "kind": "portal"},
        {"id": "nivel-1", "name": "N", "kind": "gallery"},
        {"id": "frente-1", "name": "F1", "kind": "face"},
        {"id": "frente-2", "name": "F2", "kind": "face"},
        {"id": "salida", "name": "S", "kind": "portal"},
    ]
    links = [("bocamina", "nivel-1", 100), ("nivel-1", "frente-1", 50), ("nivel-1", "frente-2", 80),
             ("frente-2", "salida", 30)]  # fmt: skip
    return MineGraph(
        site(
            zones=zones,
            connections=[{"from": a, "to": b, "length_m": m} for a, b, m in links],
            site={"id": "mina", "name": "Mina", "evacuation_scope": "affected"},
        )
    )


def test_air_goes_downstream_only_while_its_direction_is_known() -> None:
    assert graph().downstream("nivel-1") == {"frente-1", "frente-2"}
    assert graph().downstream("frente-1") == frozenset()
    assert graph().downstream("frente-1", False) == MINE_SET - {"frente-1"}


def test_gas_in_the_gallery_affects_the_headings_whose_only_way_out_it_is() -> None:
    assert graph().affected_set("nivel-1", True) == {"nivel-1", "frente-1", "frente-2"}
    assert graph().affected_set("frente-1", True) == {"frente-1"}


def test_a_heading_with_another_way_out_is_not_cut_off() -> None:
    mine = ring()
    assert mine.affected_set("frente-1", True) == {"frente-1"}
    assert mine.affected_set("nivel-1", True) == {"nivel-1", "frente-1", "frente-2", "salida"}, "downstream"


def test_a_workshop_affects_itself_and_nobody_else() -> None:
    assert graph().affected_set("taller", False) == {"taller"}
    assert graph().evacuation_scope(frozenset({"taller"}), True, MINE) == {"taller"}


def test_a_mine_with_one_portal_is_evacuated_whole() -> None:
    assert graph().evacuation_scope(frozenset({"frente-1"}), True, ()) == MINE_SET


def test_a_large_mine_evacuates_the_affected_set_or_all_when_it_must() -> None:
    mine = ring()
    assert mine.evacuation_scope(frozenset({"frente-1"}), True, MINE) == {"frente-1"}
    assert mine.evacuation_scope(frozenset({"frente-1"}), True, MINE, methane=True) == mine.mine
    assert mine.evacuation_scope(frozenset({"frente-1", "frente-2"}), True, ()) == mine.mine, "two separate zones"
    assert mine.evacuation_scope(frozenset({"bocamina"}), True, ()) == mine.mine, "the intake"
    assert mine.evacuation_scope(frozenset({"frente-1"}), False, ()) == mine.mine, "direction unknown: the portal too"


def test_the_way_out_avoids_where_the_gas_is() -> None:
    mine = ring()
    assert mine.way_out("frente-2") == ["frente-2", "salida"]
    assert mine.way_out("nivel-1") == ["nivel-1", "bocamina"]
    assert mine.way_out("nivel-1", frozenset({"bocamina"})) == ["nivel-1", "frente-2", "salida"]
    assert mine.way_out("frente-1", frozenset({"nivel-1"})) is None
    assert mine.way_out("nowhere") is None


@pytest.mark.parametrize(("zone", "expected"), [("frente-1", True), ("nivel-1", False), ("bocamina", False)])
def test_dead_ends(zone: str, expected: bool) -> None:
    assert graph().is_dead_end(zone) is expected


def test_neighbours() -> None:
    assert graph().neighbours("nivel-1") == {"bocamina", "frente-1", "frente-2"}
    assert graph().neighbours("nowhere") == frozenset()


KINDS = ["portal", "surface", "gallery", "face", "workshop", "muster", "gallery", "face"]


@st.composite
def mines(draw: st.DrawFn) -> tuple[list[str], dict[tuple[int, int], int]]:
    """Kinds of zones `z0`, `z1`, …, and the length [m] of each connection."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=9))
    places = st.integers(0, len(kinds) - 1)
    links = draw(st.dictionaries(st.tuples(places, places), st.integers(1, 50), max_size=14))
    return kinds, {(a, b): m for (a, b), m in links.items() if a < b}


def built(kinds: list[str], links: dict[tuple[int, int], int]) -> MineGraph:
    return MineGraph(
        site(
            zones=[{"id": f"z{n}", "name": "Z", "kind": kind} for n, kind in enumerate(kinds)],
            connections=[{"from": f"z{a}", "to": f"z{b}", "length_m": m} for (a, b), m in links.items()],
            sensors=[], actuators=[], blasts=[], site={"id": "mina", "name": "M", "evacuation_scope": "affected"},
        )
    )  # fmt: skip


def lengths(links: dict[tuple[int, int], int]) -> dict[tuple[str, str], int]:
    both: dict[tuple[str, str], int] = {}
    for (a, b), m in links.items():
        both[f"z{a}", f"z{b}"] = both[f"z{b}", f"z{a}"] = m
    return both


def shortest(zone: str, exits: set[str], steps: dict[tuple[str, str], int], avoiding: set[str]) -> float:
    """By relaxing every connection as often as there are zones: slow and obvious."""
    far = dict.fromkeys(exits - avoiding, 0.0) | ({zone: 0.0} if zone in exits else {})
    for _ in range(20):
        for (a, b), m in steps.items():
            if b in far and (a == zone or a not in avoiding) and (b == zone or b not in avoiding):
                far[a] = min(far.get(a, math.inf), far[b] + m)
    return far.get(zone, math.inf)


@settings(max_examples=80, deadline=None)
@given(mines(), st.sets(st.integers(0, 8)))
def test_every_way_out_is_a_shortest_one_and_avoids_the_gas(mine: Any, gas: set[int]) -> None:
    kinds, links = mine
    graph_, steps, avoiding = built(kinds, links), lengths(links), {f"z{n}" for n in gas}
    exits = {f"z{n}" for n, kind in enumerate(kinds) if kind in EXITS}
    for zone in (f"z{n}" for n in range(len(kinds))):
        way = graph_.way_out(zone, frozenset(avoiding))
        best = shortest(zone, exits, steps, avoiding)
        assert (way is None) == math.isinf(best)
        if way is not None:
            assert (way[0], way[-1] in exits) == (zone, True)
            assert not avoiding & set(way[1:])
            assert sum(steps[step] for step in pairwise(way)) == best
            assert graph_.way_out(zone, frozenset(avoiding)) is not way, "nobody can spoil what is kept"


@settings(max_examples=60, deadline=None)
@given(mines(), st.integers(0, 8))
def test_cut_off_is_who_has_no_way_out_without_entering_what_is_affected(mine: Any, origin: int) -> None:
    kinds, links = mine
    zone = f"z{origin % len(kinds)}"
    if kinds[origin % len(kinds)] in NEVER_EVACUATE:
        return
    graph_ = built(kinds, links)
    direct = {zone} | (graph_.downstream(zone) & graph_.mine)
    cut = {z for z in graph_.mine - direct if graph_.way_out(z, frozenset(direct)) is None}
    assert graph_.affected_set(zone, True) == direct | cut


def test_people_leave_the_gas_itself_by_the_best_neighbour() -> None:
    mine = ring()
    assert mine.way_out("nivel-1", frozenset({"nivel-1"})) == ["nivel-1", "bocamina"]
    assert mine.way_out("nivel-1", frozenset({"nivel-1", "bocamina"})) == ["nivel-1", "frente-2", "salida"]
    assert mine.way_out("bocamina", frozenset({"bocamina"})) == ["bocamina"], "at the mouth one is outside"
