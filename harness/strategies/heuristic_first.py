"""Begin with configurations that rules of thumb favour, then run any other strategy, which is told their outcomes.

It gives any strategy the beginning of ``conditional_gp``, so that a comparison can tell the rules from the search.

* **Failures** of the first configurations are told to the wrapped strategy like others.
* **Batches**: the next of the first configurations; while they are pending and none is left, an ask waits.
* **Conditions, constraints**: the first configurations are feasible; the rest is the wrapped strategy's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from harness.evaluation import Configuration
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.tries import TriesFirst, wrapped
from harness.strategies.random_heuristic import RandomHeuristic
from search_spaces.space import SearchSpace


class HeuristicFirst(TriesFirst):
    """The first draws of ``random_heuristic``, then ``then``.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        first: number of these draws.
        tournament: see :class:`~.random_heuristic.RandomHeuristic`.
        then: the strategy that follows, as in its YAML.

    Raises:
        UserError: ``then`` is not a strategy that accepts given evaluations.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        first: int = 7,
        tournament: int = 16,
        then: Mapping[str, Any] | None = None,
    ) -> None:
        check(first >= 1, "first", first, "1 or more")
        draws = RandomHeuristic(space, seed.spawn(1)[0], budget, tournament=tournament)
        then_built = wrapped(then, space, seed, budget, ())
        super().__init__(space, _ranked(draws, first), first, then_built, probe=None)


def _ranked(draws: RandomHeuristic, first: int) -> Iterator[tuple[Configuration, float]]:
    """The first draws in their order; nothing is expected of their slowdowns."""
    return ((configuration, 1.0) for configuration in draws.ask(first))
