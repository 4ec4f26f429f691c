"""Best-improvement local search, restarted at random.

The whole neighbourhood (:meth:`SearchSpace.neighbours`: one parameter changed by one step) is evaluated
in random order, then the walk moves to its fastest member if that is faster than the centre. At a local
optimum it starts again from a random unvisited configuration. Hoos & Stützle (2004), *Stochastic Local
Search*; on GPU kernels (as MLS): Schoonhoven, van Werkhoven & Batenburg (2022), *Benchmarking Optimization
Algorithms for Auto-Tuning GPU Kernels*.
"""

from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget
from harness.strategies.walks import Walk
from search_spaces.enumeration import Codes
from search_spaces.space import SearchSpace


class LocalSearch(Walk):
    """Restarted steepest descent.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
    """

    ignores_budget = True

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        del budget
        super().__init__(space, seed)
        self._around: list[Codes] = []
        self._centre: Codes | None = None

    def step(self) -> None:
        """Once the neighbourhood is told: move, or restart. Neighbours known from before count as told."""
        while not self.trials:
            if self._centre is not None:
                if self.waits_for(self._around):
                    return
                best = self.memory.best([self._centre, *self._around])
                moved = self.memory[best] < self.memory[self._centre]
                self._centre = best if moved else None
            if self._centre is None:
                if not self.starts:
                    return
                self._centre = self.starts.popleft()
            around = self.space.neighbour_codes(self._centre)
            self._around = list(around)
            self.trials = self.unvisited(around)
