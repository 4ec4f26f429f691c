"""Uniform random search without replacement: the baseline of every comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from search_spaces.space import SearchSpace

CHUNK = 1024


class RandomSearch:
    """Draws uniformly over the feasible set without replacement.

    Args:
        space: the search space.
        seed: seeds the generator.
        budget: not used; random search does not plan.
    """

    ignores_budget = True

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        del budget
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._domains = tuple((parameter.name, parameter.values) for parameter in space.parameters)
        self._order: NDArray[np.int64] | None = None
        self._seen: set[tuple[int, ...]] = set()
        self._given: list[int] = []  # rows of a listed space that must not be drawn
        self._ready: list[list[int]] = []  # drawn but not asked yet, the next one last
        self._drawn = 0

    def _draw(self) -> bool:
        """Draw some rows; returns false if none are left."""
        if self._space.enumerable:
            if self._order is None:
                order = self._rng.permutation(self._space.size)
                self._order = order[~np.isin(order, self._given)] if self._given else order
            rows = self._order[self._drawn : self._drawn + CHUNK]
            self._drawn += len(rows)
            self._ready = self._space.codes()[rows].tolist()[::-1]
            return len(rows) > 0
        while not self._ready:
            for row in self._space.sample_codes(self._rng, CHUNK).tolist():
                if tuple(row) not in self._seen:
                    self._seen.add(tuple(row))
                    self._ready.append(row)
        self._ready.reverse()
        return True

    def ask(self, n: int) -> Sequence[Configuration]:
        """The next ``n`` draws; fewer when the space is exhausted."""
        asked: list[Configuration] = []
        while len(asked) < n and (self._ready or self._draw()):
            row = self._ready.pop()
            asked.append(
                {name: values[code] for (name, values), code in zip(self._domains, row, strict=True) if code >= 0}
            )
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learns nothing."""

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given configurations are not drawn."""
        for evaluation in evaluations:
            self._exclude(evaluation.configuration)

    def _exclude(self, configuration: Configuration) -> None:
        codes = self._space.encode(configuration)
        self._seen.add(tuple(codes.tolist()))
        if (row := self._space.row_of_codes(codes) if self._space.enumerable else None) is not None:
            self._given.append(row)
