"""A strategy made slower by a known factor: some of its evaluations are wasted."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hydra.utils import get_class

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget, Strategy
from search_spaces.space import SearchSpace

OWN_DRAWS = 8


class Handicapped:
    """A strategy in which a share ``wasted`` of the evaluations goes to random unvisited configurations.

    The wrapped strategy is never told about those. Its own trace is therefore the one that it has with the same seed
    and without a handicap, only stretched: T grows by the factor 1 / (1 - wasted) on average, except for lucky hits. If
    the strategy asks for a configuration that was wasted before, it is told the result at once, at no further cost.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`; the space must be enumerable.
        of: dotted path of the wrapped strategy's class.
        wasted: the probability that an evaluation is wasted.
        arguments: the arguments of the wrapped strategy.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        of: str,
        wasted: float,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self._space = space
        self._inner: Strategy = get_class(of)(space=space, seed=seed, budget=budget, **(arguments or {}))
        self._rng = np.random.default_rng(
            np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, OWN_DRAWS)),
        )
        self._wasted = wasted
        self._order = deque(self._rng.permutation(len(space.codes())).tolist())
        self._asked: set[int] = set()
        self._unheard: dict[int, Evaluation] = {}
        self._for_inner: list[bool] = []

    def ask(self, n: int) -> Sequence[Configuration]:
        found: list[Configuration] = []
        self._for_inner = []
        for _ in range(n):
            useful = self._rng.random() >= self._wasted
            configuration = self._useful() if useful else self._useless()
            if configuration is None:
                break
            self._asked.add(self._row(configuration))
            self._for_inner.append(useful)
            found.append(configuration)
        return found

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        useful = [e for e, mine in zip(evaluations, self._for_inner, strict=True) if mine]
        for evaluation, mine in zip(evaluations, self._for_inner, strict=True):
            if not mine:
                self._unheard[self._row(evaluation.configuration)] = evaluation
        if useful:
            self._inner.tell(useful)

    def _useful(self) -> Configuration | None:
        while proposals := self._inner.ask(1):
            known = self._unheard.pop(self._row(proposals[0]), None)
            if known is None:
                return proposals[0]
            self._inner.tell([known])
        return None

    def _useless(self) -> Configuration | None:
        while self._order:
            row = self._order.popleft()
            if row not in self._asked:
                return self._space.decode(self._space.codes()[row])
        return None

    def _row(self, configuration: Configuration) -> int:
        row = self._space.row_of(configuration)
        assert row is not None, "expected a strategy that asks only for feasible configurations"
        return int(row)
