"""Random search that begins with the default configuration: the baseline for searches that begin with a default.

An engineer has a configuration before any tuning, and searches such as Helion's begin with one. Beside uniform random
search it shows which part of their lead is due to the default. ``start=default`` gives any other strategy the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.errors import UserError
from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.default import default_of
from harness.strategies.random import RandomSearch
from search_spaces.space import SearchSpace


class RandomFromDefault(RandomSearch):
    """The default, then uniform draws without replacement.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        default: the default's values by parameter; empty or ``None`` for Helion's own default in a Helion space.
        fallbacks: values to merge into it, tried in turn, if constraints forbid it
            (:func:`~harness.strategies.common.default.default_of`).

    Raises:
        UserError: there is no default that the space allows.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        default: Mapping[str, Any] | None = None,
        fallbacks: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(space, seed, budget)
        try:
            self._first: Configuration | None = default_of(space, default or {}, fallbacks or ())[0]
        except UserError as error:
            raise UserError(f"strategy.default: {error}") from None
        self._exclude(self._first)

    def ask(self, n: int) -> Sequence[Configuration]:
        """The default first, then the next draws; fewer when the space is exhausted."""
        if self._first is None or n < 1:
            return super().ask(n)
        first, self._first = self._first, None
        return [first, *super().ask(n - 1)]

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given configurations are not drawn, and a given default is not asked."""
        super().start(evaluations)
        if any(dict(evaluation.configuration) == self._first for evaluation in evaluations):
            self._first = None
