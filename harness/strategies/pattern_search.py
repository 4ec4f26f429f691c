"""Pattern search with a shrinking step, for spaces with categories, conditions and constraints.

From a centre, one parameter at a time is changed: ordered ones by plus or minus the step, others to each
adjacent value (children that this activates are drawn). The first improvement becomes the centre; if none
of the pattern is better, the step is halved, and at the smallest step the walk has ended. Walks start from
the best few of some random configurations.

Hooke & Jeeves (1961), *Direct Search*; Torczon (1997), *On the Convergence of Pattern Search Algorithms*; with
categories polled as neighbours as in Audet & Dennis (2001), *Pattern Search Algorithms for Mixed Variable
Programming*. Helion's ``PatternSearch`` takes the best 5 of 100 random configurations and then single
steps to the best of the pattern; here 20 are drawn, since budgets are a fifth of Helion's.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from harness.strategies.base import Budget
from harness.strategies.common.draws import completed
from harness.strategies.walks import Walk
from search_spaces.enumeration import INACTIVE, Codes
from search_spaces.neighbours import adjacent
from search_spaces.space import SearchSpace

COMPLETIONS = 4
"""Draws of newly active children for one change; the first feasible one is polled."""


class PatternSearch(Walk):
    """First-improvement pattern search, restarted.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        initial: random configurations of a round.
        copies: number of the best of them from which walks start before the next round.
        step: first step, as a fraction of an ordered parameter's range of values.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        initial: int = 20,
        copies: int = 5,
        step: float = 0.25,
    ) -> None:
        del budget
        super().__init__(space, seed)
        self._initial, self._copies, self._first_step = initial, copies, step
        self._round: deque[Codes] = deque()
        self._centre: Codes | None = None
        self._pattern: list[Codes] = []
        self._step = step

    def step(self) -> None:
        """Move to an improvement at once; without one, finish the pattern, then shrink it or restart."""
        while True:
            if self._centre is not None:
                best = self.memory.best([self._centre, *self._pattern])
                if self.memory[best] < self.memory[self._centre]:
                    self._centre = best
                elif self.trials or self.waits_for(self._pattern):
                    return
                elif self._steps().max(initial=1) > 1:
                    self._step /= 2.0
                else:
                    self._centre = None
            if self._centre is None and not self._restart():
                return
            pattern = self._poll()
            self._pattern = list(pattern)
            self.trials = self.unvisited(pattern)

    def _restart(self) -> bool:
        if not self._round:
            if len(self.starts) < self._initial:
                return False
            self._round.extend(sorted(self.starts, key=self.memory.__getitem__)[: self._copies])
            self.starts.clear()
        self._centre, self._step = self._round.popleft(), self._first_step
        return True

    def _steps(self) -> Codes:
        """Step of each parameter in values, [d]; 1 where the values have no order."""
        sizes = np.array([parameter.size if parameter.ordered else 1 for parameter in self.space.parameters])
        return np.maximum(1, np.rint(self._step * (sizes - 1))).astype(np.int32)

    def _poll(self) -> Codes:
        """The feasible rows of the pattern around the centre, [n, d]."""
        centre = self._centre
        assert centre is not None
        templates: list[Codes] = []
        for i, (parameter, step) in enumerate(zip(self.space.parameters, self._steps().tolist(), strict=True)):
            code = int(centre[i])
            if code == INACTIVE:
                continue
            if parameter.ordered:
                targets = {max(code - step, 0), min(code + step, parameter.size - 1)} - {code}
            else:
                targets = set(adjacent(parameter, code))
            for target in sorted(targets):
                template = centre.copy()
                template[i] = target
                templates.append(template)
        if not templates:
            return np.empty((0, len(centre)), dtype=np.int32)
        rows = completed(self.space, np.repeat(templates, COMPLETIONS, axis=0), self.rng)
        feasible = self.space.feasible(rows).reshape(-1, COMPLETIONS)
        first = np.arange(len(feasible)) * COMPLETIONS + feasible.argmax(axis=1)
        pattern: Codes = rows[first[feasible.any(axis=1)]]
        return pattern
