"""Common base of strategies with a forest as their model: points, candidates, ask and tell.

* **Candidates**: the one-parameter neighbours of the best configurations so far, where the optimum of a
kernel often is, and random unvisited ones, so that everything can be reached. All are feasible.
* **Points**: ordered parameters as numbers, categoricals one-hot, declared features; an inactive
  parameter lies outside the range of its values, so that a single split separates it (as in SMAC).
* **Batches**: a pending configuration counts as a failure (constant liar;
  Ginsbourger et al. 2010, *Kriging Is Well-Suited to Parallelize Optimization*). One forest per pick.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.tree import DecisionTreeRegressor

from harness.evaluation import Configuration
from harness.strategies.common.acquisition import argmax_shuffled
from harness.strategies.common.checks import check
from harness.strategies.common.told import RemembersOutcomes
from harness.system.seeds import shared_design
from search_spaces.encoding import Codes, Encoding, Floats
from search_spaces.space import SearchSpace

DECIMALS = 9
OUTSIDE = -1.0
Points = NDArray[np.float32]
Tree = Any  # sklearn.tree._tree.Tree: arrays of nodes


class ForestSearch(RemembersOutcomes, ABC):
    """Random evaluations first; then the candidate that a freshly fitted forest scores best.

    Args:
        space, seed: see :class:`~harness.strategies.base.Strategy`.
        initial: uniform random evaluations before the first fit.
        drawn: random unvisited candidates per ask.
        incumbents: number of the best configurations whose neighbours are candidates.
        features: use the derived features that the space declares.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        initial: int,
        drawn: int,
        incumbents: int,
        features: bool,
    ) -> None:
        check(initial >= 1, "initial", initial, "1 or more")
        check(drawn >= 1, "drawn", drawn, "1 or more")
        check(incumbents >= 0, "incumbents", incumbents, "0 or more")
        super().__init__(space)
        self._rng, self._design = np.random.default_rng(seed), np.random.default_rng(shared_design(seed))
        self._initial, self._drawn, self._incumbents = initial, drawn, incumbents
        self._encoding = Encoding(space, features, activity="impute")
        self._around: dict[int, Codes] = {}

    @abstractmethod
    def _scores(self, observed: Points, latencies: Floats, candidates: Points) -> Floats | None:
        """A score of each candidate, [m]; ``None`` if there is nothing to learn from yet.

        Args:
            observed: evaluated and pending points, [n, D].
            latencies: their latencies relative to the best, [n]; nan for failures and pending points.
                Not all are nan. Another unit of latency gives the identical numbers.
            candidates: [m, D].
        """

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` unvisited configurations, chosen one after the other."""
        modelled = len(self._latencies_ms) >= self._initial
        rows: list[Codes] = []
        while len(rows) < n and not self._visited.exhausted:
            row = self._best_candidate() if modelled else self._random()
            self._visited.add(row)
            self._pending[row.tobytes()] = row
            rows.append(row)
        return [self._space.decode(row) for row in rows]

    def _best_candidate(self) -> Codes:
        latencies = self._relative_latencies()
        if np.isnan(latencies).all():
            return self._random()
        candidates = np.concatenate([self._unvisited(self._drawn, self._rng), *self._neighbours(latencies)])
        with config_context(assume_finite=True, skip_parameter_validation=True):
            observed = self._points(np.array([*self._told, *self._pending.values()]))
            scores = self._scores(observed, latencies, self._points(candidates))
        return self._random() if scores is None else candidates[argmax_shuffled(scores, self._rng)]

    def _relative_latencies(self) -> Floats:
        waiting: list[float | None] = [None] * len(self._pending)
        ms = np.array([*self._latencies_ms, *waiting], dtype=float)
        # Another unit of latency changes a ratio by a rounding error; trees may split on that.
        return ms if np.isnan(ms).all() else np.round(ms / np.nanmin(ms), DECIMALS)

    def _neighbours(self, latencies: Floats) -> Iterator[Codes]:
        order = np.argsort(latencies, kind="stable")[: self._incumbents]
        for i in order[~np.isnan(latencies[order])].tolist():
            if i not in self._around:
                self._around[i] = self._space.neighbour_codes(self._told[i])
            around = self._around[i]
            yield around[[row not in self._visited for row in around]]

    def _random(self) -> Codes:
        while True:
            for row in self._unvisited(1, self._design):
                return np.asarray(row)

    def _unvisited(self, n: int, rng: np.random.Generator) -> Codes:
        """About ``n`` random unvisited rows, with replacement; all of them if there are at most ``n``."""
        if self._visited.mask is None:
            rows = self._space.sample_codes(rng, n)
            return rows[[row not in self._visited for row in rows]]
        free = np.flatnonzero(~self._visited.mask)
        return self._space.codes()[free if len(free) <= n > 1 else rng.choice(free, n)]

    def _points(self, codes: Codes) -> Points:
        points = self._encoding.points(codes)
        for name, block in zip(self._encoding.names, self._encoding.blocks, strict=True):
            if name in self._space.names:
                points[codes[:, self._space.names.index(name)] < 0, block] = OUTSIDE
        return points.astype(np.float32)


def grow(
    kind: type[DecisionTreeRegressor],
    points: Points,
    y: Floats,
    weights: Floats,
    rng: np.random.Generator,
    trees: int,
    **arguments: Any,
) -> list[Tree]:
    """A random forest: trees on bootstrap samples (Breiman 2001, *Random Forests*).

    scikit-learn's own forests grow the same trees but take four times as long, because of checks.

    Args:
        kind: ``DecisionTreeRegressor``, or ``ExtraTreeRegressor`` for random thresholds.
        points: [n, D]; y, weights: [n].
        arguments: arguments of ``kind``.
    """
    n = len(points)
    grown = []
    for _ in range(trees):
        times = np.bincount(rng.integers(n, size=n), minlength=n)
        tree = kind(random_state=int(rng.integers(2**31)), **arguments)
        grown.append(tree.fit(points, y, sample_weight=times * weights, check_input=False).tree_)
    return grown


def moments(forest: Sequence[Tree], points: Points) -> tuple[Floats, Floats]:
    """Mean and variance of the leaf of each point in a randomly drawn tree: [m], [m].

    By the law of total variance: the variance of the trees' means plus the mean of the leaves' variances.
    """
    means, variances = np.empty((2, len(forest), len(points)))
    for i, tree in enumerate(forest):
        leaf = tree.apply(points)
        means[i], variances[i] = tree.value[leaf, 0, 0], tree.impurity[leaf]
    return means.mean(axis=0), means.var(axis=0) + variances.mean(axis=0)
