"""Likelihood-free Bayesian optimisation with a random-forest classifier.

Song, Yu, Neiswanger & Ermon (2022), *A General Recipe for Likelihood-free Bayesian Optimization*. The
expected improvement over a threshold tau is, up to a monotone transform, the output of a classifier that is
shown every observation once as a 0, and those better than tau again as a 1 with weight tau - y. No model of
the latency is needed. It is also the method behind Helion's default tuner.

* **Threshold**: tau is the quantile gamma = 0.33 of the latencies seen, as in the authors' experiments.
* **Failures** are bad examples: always shown as 0. In the quantile they count as the slowest latency.
* **Conditions, constraints, candidates, batches**: see :mod:`harness.strategies.forest`.
* **The classifier** is Breiman's forest: sqrt(D) columns per split, fully grown. Its trees regress on the labels,
  which is equivalent: the variance of a 0/1 label is half the Gini impurity, its mean the share of ones.
* **Features** that the space declares are left out, as the authors' inputs are the parameters alone.
* The forest is refitted for every pick, with 50 trees instead of the authors' 1,000: an ask should cost less than a
  compile.
"""

from __future__ import annotations

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.forest import ForestSearch, Points, grow, moments
from search_spaces.encoding import Floats
from search_spaces.space import SearchSpace


class LFBO(ForestSearch):
    """Expected improvement as a weighted classification problem.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        gamma: share of the observations that count as improvements.
        trees: size of the forest.
        initial, drawn, incumbents, features: see :class:`~harness.strategies.forest.ForestSearch`.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        gamma: float = 0.33,
        trees: int = 50,
        initial: int = 10,
        drawn: int = 3000,
        incumbents: int = 5,
        features: bool = False,
    ) -> None:
        del budget
        check(0 < gamma < 1, "gamma", gamma, "in (0, 1)")
        check(trees >= 1, "trees", trees, "1 or more")
        super().__init__(space, seed, initial, drawn, incumbents, features)
        self._gamma, self._trees = gamma, trees

    def _scores(self, observed: Points, latencies: Floats, candidates: Points) -> Floats | None:
        weights = improvements(latencies, self._gamma)
        good = weights > 0
        if not good.any():
            return None
        points = np.concatenate([observed[good], observed])
        labels = np.repeat([1.0, 0.0], [good.sum(), len(observed)])
        # Both classes have the same total weight, as in the authors' code.
        balanced = np.concatenate([weights[good] / weights.sum(), np.full(len(observed), 1 / len(observed))])
        forest = grow(DecisionTreeRegressor, points, labels, balanced, self._rng, self._trees, max_features="sqrt")
        return moments(forest, candidates)[0]


def improvements(latencies: Floats, gamma: float) -> Floats:
    """max(tau - y, 0) of each observation, [n]; 0 for failures (nan)."""
    y = np.where(np.isnan(latencies), np.nanmax(latencies), latencies)
    return np.asarray(np.maximum(np.quantile(y, gamma) - y, 0.0))
