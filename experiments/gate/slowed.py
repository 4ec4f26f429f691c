"""A strategy whose asks take a known time, to measure how long a gate takes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from hydra.utils import get_class

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget, Strategy
from search_spaces.space import SearchSpace


class Slowed:
    """A wrapped strategy, each ask of which keeps a core busy for at least ``seconds``.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        of: dotted path of the wrapped strategy's class.
        seconds: CPU time of the process in s.
    """

    def __init__(
        self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget, *, of: str, seconds: float
    ) -> None:
        self._inner: Strategy = get_class(of)(space=space, seed=seed, budget=budget)
        self._seconds = seconds

    def ask(self, n: int) -> Sequence[Configuration]:
        begun = time.process_time()
        found = self._inner.ask(n)
        while time.process_time() - begun < self._seconds:
            pass
        return found

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self._inner.tell(evaluations)
