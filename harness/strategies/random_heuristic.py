"""Random search with rules of thumb: the baseline for searches that know them."""

from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.tournament import by_heuristic, entrants, rounds, winner
from harness.strategies.random_hierarchical import RandomHierarchical
from search_spaces.enumeration import Codes
from search_spaces.heuristic import Heuristic
from search_spaces.space import SearchSpace


class RandomHeuristic(RandomHierarchical):
    """Each configuration is the one of several draws by parameter that the rules of thumb score best.

    In a space to which no rule applies it is :class:`~.random_hierarchical.RandomHierarchical`.

    Args:
        space, seed, budget, max_rejected: see :class:`~.random_hierarchical.RandomHierarchical`.
        tournament: number of draws.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        tournament: int = 16,
        max_rejected: int = 10_000,
    ) -> None:
        check(tournament >= 1, "tournament", tournament, "1 or more")
        super().__init__(space, seed, budget, max_rejected=max_rejected)
        self._tournament = rounds([(tournament, by_heuristic(space, Heuristic()))])

    def _next(self) -> Codes | None:
        rows: list[Codes] = []
        while len(rows) < entrants(self._tournament) and (row := super()._next()) is not None:
            rows.append(row)
        return winner(np.array(rows), self._tournament) if rows else None
