"""A genetic algorithm on codes.

Tournaments choose parents, uniform crossover takes each parameter from either one, every parameter then
mutates with probability 1/d to an adjacent value, and the best of parents and children survive
((mu + lambda) selection): the usual discrete form, as in Eiben & Smith (2015), *Introduction to Evolutionary
Computing*, and with the defaults of pymoo's ``GA`` (Blank & Deb 2020) except for the population of 20, which is
Kernel Tuner's.

A child takes a parameter that only one parent has from that parent; one that neither has is drawn. A child that is
infeasible or was asked before is repaired to the nearest unvisited feasible configuration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.draws import completed
from harness.strategies.common.proposals import Proposals
from search_spaces.enumeration import Codes
from search_spaces.neighbours import adjacent
from search_spaces.space import SearchSpace

Member: TypeAlias = tuple[float, Codes]
"""Latency in ms, infinity for a failure, and codes [d]."""


class Genetic:
    """Generations behind ask and tell.

    A generation ends when ``population`` children have been told. Children asked before that have the parents of the
    time, so batches need not divide the population.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        population: parents, and children of a generation; the first generation is random.
        tournament: members drawn for each choice of a parent.
        mutation: probability of each active parameter; ``None`` is one over their number.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        population: int = 20,
        tournament: int = 2,
        mutation: float | None = None,
    ) -> None:
        del budget
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(space, self._rng)
        self._population, self._tournament, self._mutation = population, tournament, mutation
        self._parents: list[Member] = []
        self._children: list[Member] = []

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` children, random ones in the first generation; fewer when the space is exhausted."""
        asked: list[Configuration] = []
        while len(asked) < n and not self._proposals.exhausted:
            chosen = self._proposals.accept_codes(self._child()) if self._parents else self._proposals.accept_random()
            assert chosen is not None, "the space is not exhausted"
            asked.append(chosen)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Collect children; a full generation competes with its parents."""
        for evaluation in evaluations:
            latency_ms = math.inf if evaluation.latency_ms is None else evaluation.latency_ms
            self._children.append((latency_ms, self._space.encode(evaluation.configuration)))
        if len(self._children) >= self._population:
            ranked = sorted([*self._parents, *self._children], key=lambda member: member[0])
            self._parents, self._children = ranked[: self._population], []

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given evaluations belong to the first generation."""
        for evaluation in evaluations:
            self._proposals.given(evaluation.configuration)
        self.tell(evaluations)

    def _parent(self) -> Codes:
        drawn = self._rng.integers(len(self._parents), size=self._tournament)
        _, codes = self._parents[int(drawn.min())]  # they are ranked
        return codes

    def _child(self) -> Codes:
        one, other = self._parent(), self._parent()
        child = np.where(self._rng.random(len(one)) < 0.5, one, other)
        child = np.where(child < 0, np.maximum(one, other), child)
        return self._mutated(self._completed(child))

    def _mutated(self, codes: Codes) -> Codes:
        active = np.flatnonzero(codes >= 0)
        probability = 1.0 / len(active) if self._mutation is None else self._mutation
        for i in active[self._rng.random(len(active)) < probability]:
            others = adjacent(self._space.parameters[i], int(codes[i]))
            if others:
                codes[i] = self._rng.choice(others)
        return self._completed(codes)

    def _completed(self, codes: Codes) -> Codes:
        row: Codes = completed(self._space, codes[None, :], self._rng)[0]
        return row
