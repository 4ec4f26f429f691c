"""Uniform random search without replacement: the baseline of every comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from search_spaces.space import SearchSpace

CHUNK = 1024


class RandomSearch:
    """Draws uniformly over the feasible set, never the same configuration twice.

    Args:
        space: what to search.
        seed: seeds the one generator.
        budget: not used; random search does not plan.
    """

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        del budget
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._domains = tuple((parameter.name, parameter.values) for parameter in space.parameters)
        self._rows = self._shuffled_table() if space.enumerable else self._distinct_samples()

    def _shuffled_table(self) -> Iterator[list[int]]:
        table = self._space.codes()
        order = self._rng.permutation(len(table))
        for start in range(0, len(order), CHUNK):
            yield from table[order[start : start + CHUNK]].tolist()

    def _distinct_samples(self) -> Iterator[list[int]]:
        seen: set[tuple[int, ...]] = set()
        while True:
            for row in self._space.sample_codes(self._rng, CHUNK).tolist():
                if tuple(row) not in seen:
                    seen.add(tuple(row))
                    yield row

    def ask(self, n: int) -> Sequence[Configuration]:
        """The next ``n`` draws; fewer when the space is exhausted."""
        return [
            {name: values[code] for (name, values), code in zip(self._domains, row, strict=True) if code >= 0}
            for row in islice(self._rows, n)
        ]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Random search learns nothing."""
