"""Expected improvement under a random forest, as in SMAC.

Hutter, Hoos & Leyton-Brown (2011), *Sequential Model-Based Optimization for General Algorithm Configuration*:
a regression forest on log cost; its mean and variance at a point by the law of total variance over
trees, with each leaf's own variance (Hutter et al. 2014, *Algorithm Runtime Prediction*, section 4.3.2); EI.

* **Trees** split at random thresholds, as SMAC's do, on bootstrap samples: away from the observations
  the trees then disagree, which makes EI explore.
* **Failures** count as the slowest latency seen.
* **Conditions, constraints, candidates, batches**: see :mod:`harness.strategies.forest`.
* The forest is refitted for every pick. EI is on log latency. Differences from SMAC: no intensification, no
  interleaved random configurations.
"""

from __future__ import annotations

import numpy as np
from sklearn.tree import ExtraTreeRegressor

from harness.strategies.base import Budget
from harness.strategies.common.acquisition import log_expected_improvement
from harness.strategies.common.checks import check
from harness.strategies.forest import ForestSearch, Points, grow, moments
from search_spaces.encoding import Floats
from search_spaces.space import SearchSpace

SMALLEST_VARIANCE = 1e-10


class RandomForestEI(ForestSearch):
    """EI of log latency over a regression forest.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        trees: size of the forest.
        split_features: share of the columns that a split chooses from.
        min_samples_leaf: least number of observations in a leaf.
        initial, drawn, incumbents, features: see :class:`~harness.strategies.forest.ForestSearch`.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        trees: int = 50,
        split_features: float = 0.83,
        min_samples_leaf: int = 1,
        initial: int = 10,
        drawn: int = 3000,
        incumbents: int = 5,
        features: bool = True,
    ) -> None:
        del budget
        check(trees >= 1, "trees", trees, "1 or more")
        check(0 < split_features <= 1, "split_features", split_features, "in (0, 1]")
        check(min_samples_leaf >= 1, "min_samples_leaf", min_samples_leaf, "1 or more")
        super().__init__(space, seed, initial, drawn, incumbents, features)
        self._trees, self._split_features, self._min_samples_leaf = trees, float(split_features), min_samples_leaf

    def _scores(self, observed: Points, latencies: Floats, candidates: Points) -> Floats | None:
        y = np.log(np.where(np.isnan(latencies), np.nanmax(latencies), latencies))
        forest = grow(
            ExtraTreeRegressor,
            observed,
            y,
            np.ones(len(y)),
            self._rng,
            self._trees,
            max_features=self._split_features,
            min_samples_leaf=self._min_samples_leaf,
        )
        mean, variance = moments(forest, candidates)
        return log_expected_improvement(mean, np.maximum(variance, SMALLEST_VARIANCE), float(y.min()))
