"""The worst window of several substances together."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from gateway.exposure.air import Air
from gateway.exposure.windows import Windows, ring_size

_DAY_US: Final = 86_400_000_000


def worst_index(members: Sequence[tuple[Air, float]], window_us: int) -> float:
    """The largest Σ C/L over the windows that end at an edge of any member; gaps as 0, and never below 0.

    members: at least one, of one record, each with its limit. A day at a time, however long the record is.
    """
    opens_us, closes_us = members[0][0].opens_us, members[0][0].closes_us
    return max(
        0.0,
        *(
            _worst_part(members, window_us, since, min(since + _DAY_US, closes_us))
            for since in range(opens_us, closes_us, _DAY_US)
        ),
    )


def _worst_part(members: Sequence[tuple[Air, float]], window_us: int, since_us: int, until_us: int) -> float:
    """Over the windows that end in (since, until]."""
    opens_us = max(since_us - window_us, members[0][0].opens_us)
    parts = [air.between(opens_us, until_us) for air, _ in members]
    edges = np.sort(np.concatenate([ends for ends, _ in parts]))
    edges = edges[np.append(True, edges[1:] > edges[:-1])]  # np.unique would hash: ten times slower
    share = 1.0 / sum(1.0 / limit for _, limit in members)  # keeps the sum within what the kernel takes for a level
    together = np.zeros(edges.size - 1)
    for (ends, levels), (_, limit) in zip(parts, members, strict=True):
        at = np.searchsorted(ends, edges[:-1], side="right") - 1
        together += np.nan_to_num(levels[at]) / limit * share
    low, gaps = np.empty(edges.size), np.zeros(edges.size, np.int64)
    Windows(ring_size(edges, window_us), window_us).fill(edges, together, 0, edges.size, low, gaps)
    return float(low[edges > since_us].max()) / share
