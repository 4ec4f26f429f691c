"""Probability of improvement: how often one search ends better than another, with ties counted half.

P(X > Y) + P(X = Y) / 2 over pairs of runs is Mann & Whitney's U over n m (Agarwal et al. 2021 recommend it for
reinforcement learning). 1/2 means that neither is ahead.

If all runs win equally often (they all win, or all tie), there is no spread, but this does not mean certainty: n runs
miss a share q of runs that differ with chance (1 - q)^n, which is at least 2.5% for q up to 3.7/n. The standard error
is then 2 max(P, 1 - P) / n, with which the t interval reaches that far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from analysis.statistics import random_search

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Probability:
    """A probability with its standard error and degrees of freedom; ``se`` is nan if it cannot be estimated."""

    value: float
    se: float
    df: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The t interval, clipped to [0, 1]."""
        if not np.isfinite(self.se):
            return float("nan"), float("nan")
        half = float(stdtrit(self.df, 0.5 + level / 2)) * self.se if self.se > 0 else 0.0
        return max(0.0, self.value - half), min(1.0, self.value + half)


def over_runs(ours: ArrayLike, theirs: ArrayLike) -> Probability:
    """P(ours is better), where larger is better, with the error of DeLong et al. (1988). Shapes [n] and [m].

    V10_i is the share of their runs that our i-th run beats, V01_j likewise; var = var(V10)/n + var(V01)/m.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (ours, theirs))
    if len(x) == 0 or len(y) == 0:
        raise ValueError("expected at least one run on either side")
    wins = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    if len(x) < 2 or len(y) < 2:
        return Probability(float(wins.mean()), float("nan"), float("nan"))
    variance = wins.mean(axis=1).var(ddof=1) / len(x) + wins.mean(axis=0).var(ddof=1) / len(y)
    fewer = min(len(x), len(y))
    return Probability(
        float(wins.mean()), _error(float(np.sqrt(variance)), float(wins.mean()), fewer), float(fewer - 1)
    )


def over_exact_random(ours: ArrayLike, table: ArrayLike, budget: int) -> Probability:
    """P(a run ends better than exact random search of ``budget`` evaluations), without simulating random search.

    P(the best of ``budget`` draws is worse than x) is S(budget) if the rows at least as good as x are the hits.

    Args:
        ours: final quality of each run; larger is better. [n]
        table: quality of every configuration. [N]
    """
    x = np.asarray(ours, dtype=np.float64)
    ordered = np.sort(np.asarray(table, dtype=np.float64))
    size = len(ordered)
    at_least = size - np.searchsorted(ordered, x, side="left")
    better = size - np.searchsorted(ordered, x, side="right")
    drawn = min(budget, size)
    wins = np.empty(len(x))
    for i, (k_ties, k) in enumerate(zip(at_least.tolist(), better.tolist(), strict=True)):
        worse, not_better = (float(random_search.survival(size, hits, drawn)) for hits in (k_ties, k))
        wins[i] = 0.5 * (worse + not_better)
    se = float(wins.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else float("nan")
    return Probability(float(wins.mean()), _error(se, float(wins.mean()), len(x)), float(len(x) - 1))


def _error(se: float, value: float, n: int) -> float:
    return 2 * max(value, 1 - value) / n if se <= 1e-12 else se


def average(probabilities: list[Probability]) -> Probability:
    """Average over tasks with equal weights; the result is about these tasks only."""
    values = np.array([p.value for p in probabilities])
    errors = np.array([p.se for p in probabilities])
    total = float((errors**2).sum())
    count = len(probabilities)
    if not np.isfinite(total) or total == 0:
        return Probability(float(values.mean()), total, float("inf") if total == 0 else float("nan"))
    df = total**2 / sum(e**4 / p.df for e, p in zip(errors.tolist(), probabilities, strict=True) if e > 0)
    return Probability(float(values.mean()), total**0.5 / count, float(df))
