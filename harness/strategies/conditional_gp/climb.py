"""Local search on an acquisition, for spaces whose candidates cannot be listed.

The standard for models over mixed and conditional spaces: multi-start local search over one-exchange neighbours, from
the best configurations evaluated and the best of random ones (Hutter, Hoos & Leyton-Brown 2011, *Sequential Model-Based
Optimization for General Algorithm Configuration*, section 4.3).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from search_spaces.encoding import Codes, Floats
from search_spaces.enumeration import distinct

Neighbours = Callable[[Codes], tuple[Codes, NDArray[np.intp]]]
"""From rows [k, d]: neighbours [m, d] of any of them, and the index of the row each belongs to, [m]."""


def climbed(
    starts: Codes, heights: Floats, neighbours: Neighbours, score: Callable[[Codes], Floats], steps: int
) -> tuple[Codes, Floats]:
    """All rows scored while climbing from each start repeatedly to its best neighbour, and their scores.

    Args:
        starts: rows to start from, [k, d].
        heights: their scores, [k]; minus infinity for rows to leave in any case.
        neighbours: gives the rows that a step may lead to.
        score: the score; larger is better.
        steps: most steps.
    """
    met: list[Codes] = [starts[:0]]
    scores: list[Floats] = [heights[:0]]
    here = starts
    for _ in range(steps):
        around, origins = neighbours(here)
        if len(around) == 0:
            break
        values = score(around)
        met.append(around)
        scores.append(values)
        best = best_of_each(values, origins)
        best = best[values[best] > heights[origins[best]]]
        if best.size == 0:
            break
        here, first = distinct(around[best])
        heights = values[best][first]
    return np.concatenate(met), np.concatenate(scores)


def best_of_each(values: Floats, groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Position of the largest value of every group that occurs, [g]."""
    order = np.lexsort((values, groups))
    last = np.append(np.diff(groups[order]) > 0, True)
    return np.asarray(order[last])
