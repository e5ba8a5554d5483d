"""The mine as a graph: where the air goes, how people get out, who is affected (limits reference 6.6)."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import networkx as nx

from alerts.rulebook import figure
from gateway.domain.site import Site

EXITS: Final = frozenset(("portal", "surface"))
"""Kinds of zone in which one is outside, or at the mouth."""

NEVER_EVACUATE: Final = frozenset(("surface", "workshop", "amalgam_room", "lamp_room", "muster"))
"""Kinds of zone that never start or join a mine evacuation (limits reference 6.3, last lines; a muster point is
where the evacuation ends)."""

SEARCHES: Final = 16
"""Sets of avoided zones whose routes are kept: an evacuation knows one at a time."""
ANSWERS: Final = 4096
"""Other answers that are kept: twice the zones of any mine of this size."""


class MineGraph:
    """Zones and connections of a site file. Air flows along a connection; people walk it both ways.

    All routes come from one search that begins at the exits, whatever the number of zones.
    """

    def __init__(self, site: Site) -> None:
        self._kinds = {zone.id: zone.kind for zone in site.zones}
        self._declared_dead_end = {zone.id: zone.dead_end for zone in site.zones}
        self._air: nx.DiGraph[str] = nx.DiGraph()
        self._air.add_nodes_from(self._kinds)
        self._air.add_edges_from((link.from_, link.to) for link in site.connections)
        self._ways: nx.Graph[str] = nx.Graph()
        self._ways.add_nodes_from(self._kinds)
        self._ways.add_weighted_edges_from((link.from_, link.to, link.length_m) for link in site.connections)
        self._exits = frozenset(zone for zone, kind in self._kinds.items() if kind in EXITS)
        self._intakes = frozenset(s.zone for s in site.sensors if s.role == "intake_guard")
        portals = sum(kind == "portal" for kind in self._kinds.values())
        small = portals <= 1 or len(site.people) <= figure("evacuation", "small_mine")
        self._whole_mine = (site.site.evacuation_scope or ("mine" if small else "affected")) == "mine"
        self.mine = frozenset(zone for zone, kind in self._kinds.items() if kind not in NEVER_EVACUATE)
        self.downstream = lru_cache(maxsize=ANSWERS)(self._downstream)
        self.affected_set = lru_cache(maxsize=ANSWERS)(self._affected_set)
        self._cut_off = lru_cache(maxsize=ANSWERS)(self._find_cut_off)
        self._routes = lru_cache(maxsize=SEARCHES)(self._search)
        self._routes(frozenset())  # the first alarm does not wait for it

    def kind(self, zone: str) -> str | None:
        """The zone's kind, None for a zone that the site file does not have."""
        return self._kinds.get(zone)

    def neighbours(self, zone: str) -> frozenset[str]:
        """Zones that one connection joins to this one."""
        return frozenset(self._ways.adj[zone]) if zone in self._ways else frozenset()

    def upstream(self, zone: str) -> frozenset[str]:
        """Zones whose air comes to this one as designed, itself not included."""
        return frozenset(nx.ancestors(self._air, zone)) if zone in self._air else frozenset()

    def _downstream(self, zone: str, airflow_known: bool = True) -> frozenset[str]:
        """Zones that this one's air reaches, itself not included; all connected ones while the direction is unknown."""
        if zone not in self._air:
            return frozenset()
        if airflow_known:
            return frozenset(nx.descendants(self._air, zone))
        return frozenset(nx.node_connected_component(self._ways, zone)) - {zone}

    def is_dead_end(self, zone: str) -> bool:
        """Whether a zone has a single way in and out: declared, else by its connections."""
        declared = self._declared_dead_end.get(zone)
        if declared is not None:
            return declared
        return zone in self._ways and zone not in self._exits and self._ways.degree(zone) <= 1

    def _affected_set(self, zone: str, airflow_known: bool) -> frozenset[str]:
        """The zone, what lies downstream, and what has no way out but through these (limits reference 6.6).

        A zone of the surface affects itself alone; zones of the surface are never affected by another.
        """
        if self._kinds.get(zone) in NEVER_EVACUATE:
            return frozenset((zone,))
        direct = frozenset((zone,)) | (self.downstream(zone, airflow_known) & self.mine)
        return direct | self._cut_off(direct)

    def _find_cut_off(self, closed: frozenset[str]) -> frozenset[str]:
        """Zones of the mine whose every way out passes through `closed`."""
        lengths, _ = self._search(closed)
        return self.mine - lengths.keys() - closed

    def evacuation_scope(
        self, origins: frozenset[str], airflow_known: bool, people_may_be_in: Iterable[str], methane: bool = False
    ) -> frozenset[str]:
        """Zones to evacuate for the zones `origins` that reached Evacuate (limits reference 6.6, Scope).

        people_may_be_in: zones that are not verified empty. methane: CH4 at or above the mine's withdrawal level.
        An origin of the surface evacuates itself alone.
        """
        inside = frozenset(zone for zone in origins if self._kinds.get(zone) not in NEVER_EVACUATE)
        outside = origins - inside
        if not inside:
            return outside
        direct = inside.union(*(self.downstream(z, airflow_known) & self.mine for z in inside))
        whole = (
            self._whole_mine
            or methane
            or len(inside) > 1
            or any(self._kinds.get(z) == "portal" or z in self._intakes for z in direct)
            or not self._cut_off(direct).isdisjoint(people_may_be_in)
            or not inside <= self._kinds.keys()
        )
        return outside.union(*((self.mine,) if whole else (self.affected_set(z, airflow_known) for z in inside)))

    def way_out(self, zone: str, avoiding: frozenset[str] = frozenset()) -> list[str] | None:
        """The shortest way [m] from a zone to the outside that enters no zone of `avoiding`, None without one."""
        if zone in self._exits:
            return [zone]
        lengths, paths = self._routes(avoiding)
        if zone in paths:
            return paths[zone][::-1]
        if zone not in avoiding:  # shut in, or no zone of this site
            return None
        # from where the gas is one leaves by the best neighbour
        near = [(lengths[n] + link["weight"], n) for n, link in self._adjacent(zone) if n in lengths]
        return [zone, *paths[min(near)[1]][::-1]] if near else None

    def _adjacent(self, zone: str) -> Iterable[tuple[str, dict[str, Any]]]:
        return self._ways.adj[zone].items() if zone in self._ways else ()

    def _search(self, avoiding: frozenset[str]) -> tuple[dict[str, float], dict[str, list[str]]]:
        """Length [m] of the shortest way from the nearest exit to every zone that has one, and the way."""
        exits = sorted(self._exits - avoiding)
        if not exits:
            return {}, {}

        def length(_from: str, to: str, link: dict[str, Any]) -> float | None:
            return None if to in avoiding else link["weight"]

        found: Any = nx.multi_source_dijkstra(self._ways, exits, weight=length)
        lengths, paths = found
        return lengths, paths
