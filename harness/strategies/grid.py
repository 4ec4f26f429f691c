"""Grid search, coarse to fine, shuffled within a level.

A grid takes evenly spaced values of every ordered parameter, and all choices of the others. Level 0
has the middle value, level 1 also the ends, and each further level halves the spacing: 1, 3, 5, 9, … values, until all
are in. A
configuration belongs to the first level that holds the values of all its active parameters; levels are
visited in turn, each in random order. (In the order of enumeration a budget's worth of a grid would all
be in one corner; shuffled without levels it would be random search.)

Multi-resolution grids: LaValle, Branicky & Lindemann (2004), *On the Relationship Between Classical
Grid Search and Probabilistic Roadmaps*. Why random search is better if few parameters matter: Bergstra &
Bengio (2012), *Random Search for Hyper-Parameter Optimization*.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.draws import drawn
from harness.strategies.common.proposals import Proposals
from search_spaces.enumeration import Codes
from search_spaces.parameter import Parameter
from search_spaces.space import SearchSpace

CHUNK = 256


def levels(parameter: Parameter) -> NDArray[np.int32]:
    """First level of each value of a parameter, then of *inactive*: [m + 1]."""
    first = np.zeros(parameter.size + 1, dtype=np.int32)
    if not parameter.ordered:
        return first
    last = parameter.size - 1
    for level in range(last.bit_length() + 1, 0, -1):
        first[np.rint(np.linspace(0, last, 2**level + 1)).astype(int)] = level
    first[round(last / 2)] = 0
    return first


class Grid:
    """Refined grids in random order.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        max_rejected: beyond the enumeration limit a level is sampled parameter by parameter, and left after this
            many infeasible or visited draws in a row.
    """

    ignores_budget = True

    def __init__(
        self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget, *, max_rejected: int = 10_000
    ) -> None:
        del budget
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(space, self._rng)
        self._max_rejected = max_rejected
        self._levels = tuple(levels(parameter) for parameter in space.parameters)
        self._order: NDArray[np.int64] | None = None
        self._place = self._level = self._rejected = 0
        self._drawn: deque[Codes] = deque()

    def ask(self, n: int) -> Sequence[Configuration]:
        """The next ``n`` points of the grid; fewer when the space is exhausted."""
        asked: list[Configuration] = []
        while len(asked) < n:
            codes = self._listed() if self._space.enumerable else self._sampled()
            chosen = self._proposals.accept_random() if codes is None else self._proposals.accept_codes(codes)
            if chosen is None:
                break
            asked.append(chosen)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learns nothing."""

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given configurations are not asked again."""
        for evaluation in evaluations:
            self._proposals.given(evaluation.configuration)

    def _listed(self) -> Codes | None:
        table = self._space.codes()
        if self._order is None:
            level = np.max([own[table[:, i]] for i, own in enumerate(self._levels)], axis=0)
            self._order = np.lexsort((self._rng.random(len(table)), level))
        if self._place == len(self._order):
            return None
        self._place += 1
        return np.asarray(table[self._order[self._place - 1]])

    def _sampled(self) -> Codes | None:
        while self._level <= max(own.max() for own in self._levels):
            while self._drawn:
                codes = self._drawn.popleft()
                if self._proposals.fresh(codes[None, :])[0]:
                    self._rejected = 0
                    return codes
            if self._rejected >= self._max_rejected:
                self._level, self._rejected = self._level + 1, 0
                continue
            self._rejected += CHUNK
            choices = [np.flatnonzero(own[:-1] <= self._level).astype(np.int32) for own in self._levels]
            self._drawn.extend(drawn(self._space, self._rng, CHUNK, choices))
        return None
