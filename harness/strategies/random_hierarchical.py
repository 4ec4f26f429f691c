"""Random search that draws parameter by parameter, as Helion, Optuna and most tuners do.

Every active parameter is drawn uniformly in declaration order, and infeasible or visited draws are
rejected. So every *branch* of a conditional parameter is as likely as its siblings, however many
configurations it has, and draws are not uniform over the feasible set, unlike those of
:mod:`harness.strategies.random`. Both are null models; a claim should hold against both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.draws import drawn
from harness.strategies.common.proposals import Proposals
from search_spaces.enumeration import Codes
from search_spaces.space import SearchSpace

CHUNK = 128


class RandomHierarchical:
    """Uniform draws of each active parameter, without replacement.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        max_rejected: number of consecutive rejections after which draws are uniform over the rest.
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
        self._drawn: list[Codes] = []
        self._stalled = False

    def ask(self, n: int) -> Sequence[Configuration]:
        """The next ``n`` draws; fewer when the space is exhausted."""
        asked: list[Configuration] = []
        while len(asked) < n:
            codes = self._next()
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

    def _next(self) -> Codes | None:
        """The next feasible unvisited draw; ``None`` if draws are rejected too often."""
        rejected = 0
        while not (self._stalled or self._proposals.exhausted):
            while self._drawn:
                codes = self._drawn.pop()
                if self._proposals.fresh(codes[None, :])[0]:
                    return codes
            if rejected >= self._max_rejected:
                self._stalled = True
                break
            rows = drawn(self._space, self._rng, CHUNK)
            self._drawn = list(rows[self._proposals.fresh(rows)])
            rejected += CHUNK - len(self._drawn)
        return None
