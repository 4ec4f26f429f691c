"""Optuna's tree-structured Parzen estimator.

Bergstra et al. (2011), *Algorithms for Hyper-Parameter Optimization*; multivariate and grouped as in
Falkner et al. (2018), *BOHB*, and Watanabe (2023), *Tree-Structured Parzen Estimator*.

* **Conditions**: ``group=True`` keeps one joint density per set of parameters that are active together.
* **Failures** are infinite latencies, and TPE only ranks values.
* **Batches**: ``constant_liar`` counts running trials as bad, so that a batch spreads out.
* The rest is in :mod:`harness.strategies.optuna_sampler`.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from optuna.samplers import TPESampler

from harness.errors import UserError
from harness.strategies.base import Budget
from harness.strategies.optuna_sampler import OptunaSampler
from search_spaces.space import SearchSpace

MOST_GOOD = 25


class OptunaTPE(OptunaSampler):
    """TPE behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        multivariate, group, constant_liar, n_startup_trials, n_ei_candidates: arguments of ``TPESampler``.
        good: share of the trials that the density of good ones is made of, up to 25 trials; ``None`` for Optuna's own,
            which is 0.1 (``gamma`` of ``TPESampler``, which Optuna 6 will not have).
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        multivariate: bool = True,
        group: bool = True,
        constant_liar: bool = True,
        n_startup_trials: int = 10,
        n_ei_candidates: int = 24,
        good: float | None = None,
    ) -> None:
        if good is not None and not 0.0 < good < 1.0:
            raise UserError(f"good={good}: expected a share, above 0 and below 1")
        sampler = partial(
            TPESampler,
            multivariate=multivariate,
            group=group,
            constant_liar=constant_liar,
            n_startup_trials=n_startup_trials,
            n_ei_candidates=n_ei_candidates,
            **({} if good is None else {"gamma": partial(good_of, good)}),
        )
        super().__init__(space, seed, budget, sampler=sampler)


def good_of(share: float, trials: int) -> int:
    """The number of good trials; with 0.1 it is Optuna's ``default_gamma``."""
    return min(math.ceil(share * trials), MOST_GOOD)
