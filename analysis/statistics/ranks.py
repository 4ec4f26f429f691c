"""Ranks of strategies over tasks: Friedman's test, then Wilcoxon's signed ranks with Holm's correction.

The pairwise tests with Holm's correction replace Nemenyi's critical difference, whose outcome for a pair depends on the
other strategies (Benavoli, Corani & Mangili 2016). The diagram is Demsar's (2006): a bar joins strategies that do not
differ significantly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from analysis.statistics.multiplicity import holm

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Strategies by their mean rank over tasks, best first.

    Attributes:
        strategies: names, ordered by mean rank.
        mean_rank: 1 is the best; ties share the mean of their ranks. [strategies]
        friedman_p: p of "all are alike"; nan with fewer than three strategies or two tasks.
        p_holm: adjusted p of each pair, symmetric, 1 on the diagonal, in the order of ``strategies``. [s, s]
        cliques: first and last index of each maximal group of neighbours in rank without a significant difference.
        tasks: how many tasks the ranks come from.
    """

    strategies: tuple[str, ...]
    mean_rank: Floats
    friedman_p: float
    p_holm: Floats
    cliques: tuple[tuple[int, int], ...]
    tasks: int


def rank(strategies: list[str], scores: ArrayLike, alpha: float = 0.05) -> Ranking:
    """Rank ``strategies`` by ``scores``, larger is better. [tasks, strategies]

    Raises:
        ValueError: there are fewer than two strategies or no task, or a score is nan.
    """
    table = np.asarray(scores, dtype=np.float64)
    tasks, count = table.shape
    if count < 2 or tasks < 1 or count != len(strategies):
        raise ValueError(f"expected at least one task and two strategies, got a table of {tasks} x {count}")
    if np.isnan(table).any():
        raise ValueError("scores: expected a number for every task and strategy")
    means = rankdata(-table, axis=1).mean(axis=0)
    order = np.argsort(means, kind="stable")
    table, means = table[:, order], means[order]
    pairs = list(combinations(range(count), 2))
    adjusted = holm([_pair(table[:, a], table[:, b]) for a, b in pairs])
    p = np.ones((count, count))
    for (a, b), value in zip(pairs, adjusted, strict=True):
        p[a, b] = p[b, a] = value
    names = tuple(strategies[i] for i in order)
    return Ranking(names, means, _friedman(table), p, _cliques(p, alpha), tasks)


def _pair(a: Floats, b: Floats) -> float:
    """Wilcoxon's signed-rank p; 1 if the two never differ. Two infinite scores are a tie."""
    with np.errstate(invalid="ignore"):
        difference = np.where(a == b, 0.0, a - b)
    return float(wilcoxon(difference, zero_method="zsplit").pvalue) if difference.any() else 1.0


def _friedman(table: Floats) -> float:
    tasks, count = table.shape
    if count < 3 or tasks < 2 or bool((table == table[:, :1]).all()):
        return float("nan")
    return float(friedmanchisquare(*table.T).pvalue)


def _cliques(p: Floats, alpha: float) -> tuple[tuple[int, int], ...]:
    count = len(p)
    cliques: list[tuple[int, int]] = []
    for first in range(count):
        last = first
        while last + 1 < count and bool((p[first : last + 2, first : last + 2] > alpha).all()):
            last += 1
        if last > first and not any(a <= first and last <= b for a, b in cliques):
            cliques.append((first, last))
    return tuple(cliques)
