"""The mine as a graph: who is affected, who leaves, and which way (limits reference 6.6)."""

import pytest

from alerts.graph import MineGraph
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
