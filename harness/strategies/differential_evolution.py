"""Differential evolution, DE/rand/1/bin, on codes.

Storn & Price (1997), *Differential Evolution – A Simple and Efficient Heuristic for Global Optimization over
Continuous Spaces*. Discrete as in Lampinen & Zelinka (1999), *Mixed Integer-Discrete-Continuous Optimization by
Differential Evolution*: members are vectors of value indices (log-spaced sizes are thereby on a log
axis), differences are rounded to codes. Categories and permutations are indices as well: the field's usual form,
although their order has no meaning. A trial replaces its target as soon as it is told (asynchronous).

A member has no value for inactive parameters: where one is needed, a random one stands in. A trial that is infeasible
or was asked before is repaired to the nearest unvisited feasible configuration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.draws import completed
from harness.strategies.common.proposals import Proposals
from search_spaces.enumeration import Codes
from search_spaces.space import SearchSpace

FEWEST = 4
"""Smallest population: a target and three different others."""


class DifferentialEvolution:
    """DE/rand/1/bin behind ask and tell.

    Targets take turns. Trials see the members as of the last tell; if more than a population are asked before any
    are told, the population grows to that size.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        population: members, random at first; 4 or more.
        weight: F, the factor of differences.
        crossover: CR, the probability that a parameter comes from the mutant.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        population: int = 20,
        weight: float = 0.8,
        crossover: float = 0.9,
    ) -> None:
        del budget
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(space, self._rng)
        self._population, self._weight, self._crossover = max(population, FEWEST), weight, crossover
        self._sizes = np.array([parameter.size for parameter in space.parameters])
        self._members: list[Codes] = []
        self._latencies_ms: list[float] = []
        self._targets: dict[bytes, int | None] = {}
        self._turn = 0

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` trials, random members at first; fewer when the space is exhausted."""
        asked: list[Configuration] = []
        while len(asked) < n and not self._proposals.exhausted:
            target = self._next_target()
            chosen = (
                self._proposals.accept_random() if target is None else self._proposals.accept_codes(self._trial(target))
            )
            assert chosen is not None, "the space is not exhausted"
            self._targets[self._space.encode(chosen).tobytes()] = target
            asked.append(chosen)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """A trial that is at least as fast replaces its target; failures are infinitely slow."""
        for evaluation in evaluations:
            codes = self._space.encode(evaluation.configuration)
            target = self._targets.pop(codes.tobytes())
            latency_ms = math.inf if evaluation.latency_ms is None else evaluation.latency_ms
            if target is None:
                self._members.append(codes)
                self._latencies_ms.append(latency_ms)
            elif latency_ms <= self._latencies_ms[target]:
                self._members[target], self._latencies_ms[target] = codes, latency_ms

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given evaluations become members."""
        for evaluation in evaluations:
            self._targets[self._proposals.given(evaluation.configuration).tobytes()] = None
        self.tell(evaluations)

    def _next_target(self) -> int | None:
        """The next target; ``None`` until the population is complete."""
        if len(self._members) < self._population:
            return None
        self._turn = (self._turn + 1) % len(self._members)
        return self._turn

    def _trial(self, target: int) -> Codes:
        others = [i for i in range(len(self._members)) if i != target]
        a, b, c = (self._position(i) for i in self._rng.choice(others, size=3, replace=False))
        mutant = np.rint(a + self._weight * (b - c)).astype(np.int32)
        outside = (mutant < 0) | (mutant >= self._sizes)
        mutant = np.where(outside, self._rng.integers(self._sizes), mutant)
        crossed = self._rng.random(len(mutant)) < self._crossover
        crossed[self._rng.integers(len(mutant))] = True
        trial = np.where(crossed, mutant, self._members[target]).astype(np.int32)
        row: Codes = completed(self._space, trial[None, :], self._rng)[0]
        return row

    def _position(self, member: int) -> Codes:
        codes = self._members[member]
        return np.where(codes < 0, self._rng.integers(self._sizes), codes).astype(np.int32)
