"""Means over tasks whose runs share random streams: runs of one seed are one cluster.

Random streams of version 1 were derived from the seed only, so the runs of one seed on several tasks are not
independent. By the delta method (:mod:`analysis.statistics.ert`), run s of a task moves its log ERT by r_s / n. The
variance of a weighted sum over tasks is sum_s (sum_t w_t x_ts)^2 with x_ts = (1 + 1/n_t) sqrt(n_t / (n_t - 1)) r_ts /
n_t; a task without seed s contributes nothing to the term of s. For one task, or for tasks without a common seed, this
is the variance of independent runs. The degrees of freedom are seeds - 1, or those of Welch and Satterthwaite if they
are fewer because a task with few seeds has most of the variance.

Runs that are all alike say nothing about what tasks share, so their errors are added. Clusters that cancel do not mean
certainty either: their standard error is at least a tenth (:data:`analysis.statistics.ert.TIED`) of that of independent
runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.statistics.ert import TIED, LogEstimate, combine

EXACT = LogEstimate(0.0)


@dataclass(frozen=True)
class SeedShares:
    """How much each seed of a task moves a log estimate.

    Attributes:
        moved: by how much each seed's run moves the estimate; the squares add up to the variance. 0 for runs that are
            all alike.
        apart: the variance if all runs were independent, also those of one seed on the two sides of a ratio.
        alike: standard error of runs that are all alike; else 0. nan for a single run.
        df: degrees of freedom of ``apart`` and ``alike``.
        rest: the part that does not depend on the seeds, such as an independent baseline; its ``log`` is not used.
    """

    moved: Mapping[int, float]
    apart: float
    alike: float
    df: float
    rest: LogEstimate = EXACT


def seed_shares(seeds: Sequence[int], cost: ArrayLike, hit: ArrayLike) -> SeedShares | None:
    """Compute the shares of log ERT from what each run spent and whether it hit. All [runs]; ``None`` if none hit."""
    spent, success = np.asarray(cost, dtype=np.float64), np.asarray(hit, dtype=np.float64)
    if not success.any():
        return None
    return of_influence(seeds, spent / spent.mean() - success / success.mean())


def of_influence(seeds: Sequence[int], share: ArrayLike) -> SeedShares:
    """Compute the shares from r of each run, as defined in :mod:`analysis.statistics.ert`. Both [runs]"""
    r = np.asarray(share, dtype=np.float64)
    n = len(r)
    if n < 2:
        return SeedShares(dict.fromkeys(map(int, seeds), 0.0), 0.0, float("nan"), float("nan"))
    if float(np.sqrt((r**2).sum() / (n - 1))) <= TIED:
        return SeedShares(dict.fromkeys(map(int, seeds), 0.0), 0.0, (1 + 1 / n) / float(np.sqrt(n)), n - 1)
    moved = (1 + 1 / n) * float(np.sqrt(n / (n - 1))) / n * r
    return SeedShares(
        {int(s): float(x) for s, x in zip(seeds, moved, strict=True)}, float((moved**2).sum()), 0.0, n - 1
    )


def difference(one: SeedShares | None, other: SeedShares | None, rest: LogEstimate) -> SeedShares | None:
    """Compute the shares of ``one`` minus ``other``, which share seeds; ``rest`` is the part that has no seeds."""
    if one is None and other is None:
        return None
    of = [(sign, shares) for sign, shares in ((1.0, one), (-1.0, other)) if shares is not None]
    moved: dict[int, float] = {}
    for sign, shares in of:
        for seed, by in shares.moved.items():
            moved[seed] = moved.get(seed, 0.0) + sign * by
    both = [shares for _, shares in of]
    apart, alike = sum(shares.apart for shares in both), sum(shares.alike for shares in both)
    return SeedShares(moved, apart, alike, min(shares.df for shares in both), rest)


def mean_over_tasks(estimates: Sequence[LogEstimate], shared: Sequence[SeedShares | None]) -> LogEstimate:
    """Average the tasks' estimates; those without shares are independent of all others. Both [tasks]

    The mean over one task is its estimate unchanged.
    """
    count = len(estimates)
    weights = [1.0 / count] * count
    apart = combine(list(estimates), weights)
    known = [shares for shares in shared if shares is not None]
    if count == 1 or not known or not np.isfinite(apart.se):
        return apart
    sums: dict[int, float] = {}
    for shares in known:
        for seed, by in shares.moved.items():
            sums[seed] = sums.get(seed, 0.0) + by / count
    own = np.array([shares.apart for shares in known]) / count**2
    alike = sum(shares.alike for shares in known) / count
    together = max(sum(by**2 for by in sums.values()), TIED**2 * float(own.sum())) + alike**2
    parts = own + np.array([shares.alike for shares in known]) ** 2 / count**2
    with np.errstate(divide="ignore", invalid="ignore"):
        welch = float(parts.sum() ** 2 / (parts**2 / np.array([shares.df for shares in known])).sum())
    clusters = LogEstimate(0.0, float(np.sqrt(together)), min(len(sums) - 1.0, welch))
    others = [e if shares is None else shares.rest for e, shares in zip(estimates, shared, strict=True)]
    found = combine([clusters, *others], [1.0, *weights])
    return LogEstimate(apart.log, found.se, found.df, apart.bias)
