"""Means over tasks whose runs share random streams: runs of one seed are one cluster.

Random streams of version 1 were drawn from the seed alone, so that the runs of one seed on several tasks are not
independent. By the delta method (:mod:`analysis.statistics.ert`) run s of a task moves its log ERT by r_s / n. The
variance of a weighted sum over tasks is sum_s (sum_t w_t x_ts)^2 with x_ts = (1 + 1/n_t) sqrt(n_t / (n_t - 1)) r_ts /
n_t; a task without seed s has no part in it. Of one task, or of tasks without a seed in common, that is the error of
independent runs. Degrees of freedom: seeds - 1, or those by Welch and Satterthwaite where they are fewer, because a
task with few seeds has most of the variance.

Runs that are all alike tell nothing of what tasks share, so that their errors add up. Clusters that cancel are no
certainty either: their standard error is a tenth (:data:`analysis.statistics.ert.TIED`) of independent ones' at least.
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
    """How the seeds of a task move a log estimate.

    Attributes:
        moved: seed to what its run moves it by; the squares add up to the variance. 0 where the runs are all alike.
        apart: variance that runs of one seed would give if they were independent, between the two sides of a ratio too.
        alike: standard error of runs that are all alike; else 0. nan of one run.
        df: degrees of freedom of these two.
        rest: what has nothing to do with the seeds, such as an independent baseline; its ``log`` is not used.
    """

    moved: Mapping[int, float]
    apart: float
    alike: float
    df: float
    rest: LogEstimate = EXACT


def seed_shares(seeds: Sequence[int], cost: ArrayLike, hit: ArrayLike) -> SeedShares | None:
    """Of log ERT, from what each run spent and whether it hit. All [runs]; ``None`` where none hit."""
    spent, success = np.asarray(cost, dtype=np.float64), np.asarray(hit, dtype=np.float64)
    if not success.any():
        return None
    return of_influence(seeds, spent / spent.mean() - success / success.mean())


def of_influence(seeds: Sequence[int], share: ArrayLike) -> SeedShares:
    """From r of each run, as in :mod:`analysis.statistics.ert`. Both [runs]"""
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
    """Of ``one`` less ``other``, whose runs of one seed share it too; ``rest``: what either has without seeds."""
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
    """Mean of the tasks' estimates; those without shares are independent of all others. Both [tasks]

    Of one task it is the estimate as it stands.
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
