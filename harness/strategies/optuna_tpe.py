"""Optuna's tree-structured Parzen estimator.

Bergstra et al. (2011), *Algorithms for Hyper-Parameter Optimization*; multivariate and grouped as in
Falkner et al. (2018), *BOHB*, and Watanabe (2023), *Tree-Structured Parzen Estimator*.

* **Conditions**: ``group=True`` keeps one joint density per set of parameters that are active together.
* **Failures** are infinite latencies, and TPE only ranks values.
* **Batches**: ``constant_liar`` counts running trials as bad, so that a batch spreads out.
* The rest is in :mod:`harness.strategies.optuna_sampler`.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from optuna.samplers import TPESampler

from harness.strategies.base import Budget
from harness.strategies.optuna_sampler import OptunaSampler
from search_spaces.space import SearchSpace


class OptunaTPE(OptunaSampler):
    """TPE behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        multivariate, group, constant_liar, n_startup_trials, n_ei_candidates: arguments of ``TPESampler``.
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
    ) -> None:
        sampler = partial(
            TPESampler,
            multivariate=multivariate,
            group=group,
            constant_liar=constant_liar,
            n_startup_trials=n_startup_trials,
            n_ei_candidates=n_ei_candidates,
        )
        super().__init__(space, seed, budget, sampler=sampler)
