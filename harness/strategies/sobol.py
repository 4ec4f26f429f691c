"""A scrambled Sobol sequence over the feasible configurations.

Sobol' (1967), *On the distribution of points in a cube*; direction numbers of Joe & Kuo (2008), scrambled after
Owen (1998), by ``scipy.stats.qmc.Sobol``. One dimension per parameter: a coordinate in [0, 1) picks among the values in
equal parts (permutations in lexicographic order), coordinates of inactive parameters are dropped. A point
that is infeasible or was visited is repaired to the nearest unvisited feasible configuration, so
that points gather at the boundary of constraints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.proposals import Proposals
from search_spaces.enumeration import Codes
from search_spaces.space import SearchSpace

CHUNK = 128
"""Points drawn at once: a power of two keeps the sequence balanced."""


class SobolSearch:
    """Space-filling search that learns nothing.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
    """

    ignores_budget = True

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        del budget
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(space, self._rng)
        self._sizes = np.array([parameter.size for parameter in space.parameters], dtype=np.int32)
        self._sequence = qmc.Sobol(len(self._sizes), scramble=True, seed=self._rng.spawn(1)[0])
        self._points: deque[Codes] = deque()

    def ask(self, n: int) -> Sequence[Configuration]:
        """The next ``n`` points, repaired where needed; fewer when the space is exhausted."""
        asked: list[Configuration] = []
        while len(asked) < n and not self._proposals.exhausted:
            chosen = self._proposals.accept_codes(self._next())
            assert chosen is not None, "the space is not exhausted"
            asked.append(chosen)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learns nothing."""

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given configurations are not asked again."""
        for evaluation in evaluations:
            self._proposals.given(evaluation.configuration)

    def _next(self) -> Codes:
        if not self._points:
            codes = np.minimum((self._sequence.random(CHUNK) * self._sizes).astype(np.int32), self._sizes - 1)
            self._points.extend(self._space.canonical_codes(codes))
        return self._points.popleft()
