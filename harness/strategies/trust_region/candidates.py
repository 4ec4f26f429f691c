"""Unvisited configurations of a space, or of a region."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.climb import climbed
from harness.strategies.conditional_gp.moves import exchanges, feasible_draws
from harness.strategies.trust_region.region import Geometry, Region
from search_spaces.by_parameter import draw_probabilities
from search_spaces.encoding import Codes, Floats
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace

LISTED = 100_000
"""Largest space that is listed; larger ones are sampled."""
DRAWS = 64
"""Draws per wanted row, of which usually some satisfy the constraints."""
CLIMBERS = 3
STEPS = 5


class Candidates:
    """Draws unvisited configurations.

    Args:
        space: the search space.
        geometry: the geometry of the space.
        most: approximate number of rows per call.
        rng: the generator.

    Attributes:
        visited: configurations that are no longer candidates.
    """

    def __init__(self, space: SearchSpace, geometry: Geometry, most: int, rng: np.random.Generator) -> None:
        self._space, self._geometry, self._most, self._rng = space, geometry, most, rng
        self.visited = Visited(space)

    def anywhere(self, n: int) -> Codes:
        """At most ``n`` rows, at least one if one is left, with each active parameter drawn uniformly subject to the
        constraints (uniform over the remaining configurations if these are too tight)."""
        if (mask := self._listed()) is not None:
            free = np.flatnonzero(~mask)
            chances = draw_probabilities(self._space, self._space.codes()[free])
            drawn = self._rng.choice(free, size=min(n, len(free)), replace=False, p=chances / chances.sum())
            return np.asarray(self._space.codes()[drawn])
        rows = feasible_draws(self._space, self._rng, max(n, DRAWS))
        while not (fresh := self._fresh(rows)).any():
            rows = self._space.sample_codes(self._rng, n)
        return np.asarray(rows[fresh][:n])

    def inside(self, centre: Codes, region: Region, weights: Floats) -> Codes:
        """Rows in the region around ``centre``: all of them, or ``most`` drawn ones and those one change away."""
        if (mask := self._listed()) is not None:
            rows = self._space.codes()[~mask]
            held = rows[self._geometry.inside(rows, centre, region, weights)]
            return np.asarray(self._rng.permutation(held)[: self._most])
        drawn = self._geometry.draws(centre, region, weights, self._most, self._rng)
        near, _ = self._exchanged(centre[None], centre, region, weights)
        rows = np.unique(np.concatenate([drawn[self._fresh(drawn)], near]), axis=0)
        return np.asarray(rows)

    def climbed(
        self,
        rows: Codes,
        scores: Floats,
        score: Callable[[Codes], Floats],
        centre: Codes,
        region: Region,
        weights: Floats,
    ) -> tuple[Codes, Floats]:
        """Rows in the region, and those visited by climbs from the best of them unless all were listed.

        Args:
            rows: rows in the region, [n, d]; scores: their scores, [n].
            score: scores any rows; larger is better.
            centre, region, weights: the region.
        """
        if self._listed() is not None:
            return rows, scores
        top = np.argsort(-scores, kind="stable")[:CLIMBERS]

        def neighbours(here: Codes) -> tuple[Codes, NDArray[np.intp]]:
            return self._exchanged(here, centre, region, weights)

        met, heights = climbed(rows[top], scores[top], neighbours, score, STEPS)
        return np.concatenate([rows, met]), np.concatenate([scores, heights])

    def _exchanged(self, rows: Codes, centre: Codes, region: Region, weights: Floats) -> tuple[Codes, NDArray[np.intp]]:
        around, origins = exchanges(self._space, rows, self._rng)
        kept = self._geometry.inside(around, centre, region, weights)
        kept[kept] = self._fresh(around[kept])
        return around[kept], origins[kept]

    def _listed(self) -> NDArray[np.bool_] | None:
        """Which of the listed rows were visited, [N]; ``None`` if the space is too large to list."""
        mask = self.visited.mask
        return mask if mask is not None and len(mask) <= LISTED else None

    def _fresh(self, rows: Codes) -> NDArray[np.bool_]:
        return np.array([row not in self.visited for row in rows], dtype=bool)
