"""Substances that act on the same organ are judged together: Em = Σ C/L, which fails above 1 (limits reference 4.6)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "chemical_asphyxiants": ("co", "hcn"),
    "respiratory_irritants": ("no2", "so2", "nh3", "ch2o", "c3h4o"),
})
"""Additive groups of the reference [M]. Its third, quartz with cristobalite, waits for records that name the phase."""

NEVER: Final = frozenset(["o2", "ch4"])
"""Never in an index: their limits are no doses (limits reference 4.6)."""
