"""Epsilon-greedy search: mostly a neighbour of the best configuration so far, sometimes a random one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace


class Greedy:
    """Exploits with probability 1 - epsilon. Failures are told and never become the best.

    Args:
        space, seed, budget: what NearOpt builds every strategy from.
        epsilon: share of random draws.
    """

    def __init__(
        self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget, *, epsilon: float = 0.3
    ) -> None:
        del budget
        self._space, self._epsilon = space, epsilon
        self._rng = np.random.default_rng(seed)
        self._visited = Visited(space)
        self._best: tuple[float, np.ndarray] | None = None

    def ask(self, n: int) -> Sequence[Configuration]:
        asked = []
        while len(asked) < n and not self._visited.exhausted:
            row = self._next()
            self._visited.add(row)
            asked.append(self._space.decode(row))
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            if evaluation.latency_ms is not None and (self._best is None or evaluation.latency_ms < self._best[0]):
                self._best = evaluation.latency_ms, self._space.encode(evaluation.configuration)

    def _next(self) -> np.ndarray:
        if self._best is not None and self._rng.random() >= self._epsilon:
            around = [row for row in self._space.neighbour_codes(self._best[1]) if row not in self._visited]
            if around:
                return around[self._rng.integers(len(around))]
        if self._visited.mask is not None:
            free = np.flatnonzero(~self._visited.mask)
            return self._space.codes()[free[self._rng.integers(len(free))]]
        while (row := self._space.sample_codes(self._rng, 1)[0]) in self._visited:
            pass
        return row
