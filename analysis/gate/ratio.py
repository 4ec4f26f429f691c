"""How much slower a candidate is than a baseline: log ERT ratios per task, and their mean over tasks.

log ERT = log mean(cost) - log mean(hit), each less its second-order bias: E log(mean) = log mu - cv^2 / (2n). That
matters where the two sides have unequal numbers of seeds. Its error is that of
:func:`analysis.statistics.ert.estimate`: the delta method over seeds. A side without any hit on a task counts as half
a hit, with variance 2 (that of a Poisson count's logarithm at one half): a bound that is known badly, so that it weighs
on its side and cannot decide alone. Equal readings are not certainty: no variance is 0. Times that are all alike have
that of exponential ones, as in :mod:`analysis.statistics.ert`; differences that are all alike a hundredth of what the
two sides have apart; and n pairs without any difference leave room for as many seeds with one as the others may hold.

Everything is vectorised over leading axes, so that the simulations of ``experiments/gate`` judge with the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.ert import TIED, LogEstimate
from analysis.statistics.seed_clusters import SeedShares, mean_over_tasks, of_influence

Floats = NDArray[np.float64]
HALF_HIT_VARIANCE = 2.0
UNSEEN = 0.025
"""The chance at which it is no longer believed that so large a share of seeds differs and none was seen."""


@dataclass(frozen=True)
class Part:
    """One side of one task, or several of them at once.

    Attributes:
        log: log ERT. [...]
        share: influence of each run on it, of mean 0; nan without a hit. [..., seeds]
    """

    log: Floats
    share: Floats

    @property
    def seeds(self) -> int:
        return int(self.share.shape[-1])


def part(cost: ArrayLike, hit: ArrayLike) -> Part:
    """log ERT from what each run spent (T, or everything without a hit) and whether it hit. Both [..., seeds]."""
    spent, success = np.asarray(cost, dtype=np.float64), np.asarray(hit, dtype=np.float64)
    n = spent.shape[-1]
    mean, rate = spent.mean(axis=-1, keepdims=True), success.mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = spent / mean - success / np.where(rate > 0, rate, np.nan)
    at_least = np.where(rate > 0, rate, 0.5 / n)
    if n > 1:
        curvature = (
            spent.var(axis=-1, ddof=1) / mean[..., 0] ** 2 - success.var(axis=-1, ddof=1) / at_least[..., 0] ** 2
        )
    else:
        curvature = np.zeros(spent.shape[:-1])
    return Part((np.log(mean) - np.log(at_least))[..., 0] + curvature / (2 * n), share)


def variance(share: Floats) -> Floats:
    """Squared standard error of a mean of ``share``, with :mod:`analysis.statistics.ert`'s factor for few seeds.

    [..., seeds] to [...]; nan of one seed.
    """
    n = share.shape[-1]
    if n < 2:
        return np.full(share.shape[:-1], np.nan)
    spread = np.where(_tied(share), 1.0, share.var(axis=-1, ddof=1))
    return np.asarray(np.where(np.isnan(spread), HALF_HIT_VARIANCE, (1 + 1 / n) ** 2 / n * spread))


def _tied(share: Floats) -> NDArray[np.bool_]:
    """Whether the runs of a side are too much alike for their spread to say anything. [..., seeds] to [...]"""
    return np.asarray(share.var(axis=-1, ddof=1) <= TIED**2)


@dataclass(frozen=True)
class TaskRatio:
    """log (candidate's ERT / baseline's) on one task, or on several at once.

    Attributes:
        log: [...]
        variances: of the candidate's and the baseline's half, or of the difference alone where runs pair. [parts, ...]
        df: degrees of freedom of each. [parts]
    """

    log: Floats
    variances: Floats
    df: Floats


def unpaired(candidate: Part, baseline: Part) -> TaskRatio:
    """Independent seeds on both sides."""
    parts = np.stack([variance(candidate.share), variance(baseline.share)])
    return TaskRatio(candidate.log - baseline.log, parts, np.array([candidate.seeds, baseline.seeds]) - 1.0)


def paired(candidate: Part, baseline: Part) -> TaskRatio:
    """The same seeds in the same order on both sides, with the same start: what they share cancels."""
    n = candidate.seeds
    both = np.isfinite(candidate.share).all(axis=-1) & np.isfinite(baseline.share).all(axis=-1)
    apart = variance(candidate.share) + variance(baseline.share)
    together = (1 + 1 / n) ** 2 / n * (candidate.share - baseline.share).var(axis=-1, ddof=1)
    spread = ~(_tied(candidate.share) & _tied(baseline.share))
    same = np.where(both & spread, np.maximum(together, TIED**2 * apart), apart)
    return TaskRatio(candidate.log - baseline.log, same[None], np.array([n - 1.0]))


def identical(runs: Part) -> TaskRatio:
    """Run by run the same outcome on both sides: what may differ are seeds that were not run.

    Of n seeds without a difference, a share of 1 - 0.025^(1/n) of all may have one, and weighs as two sides apart do.
    """
    apart = 2 * variance(runs.share)
    return TaskRatio(
        np.zeros_like(runs.log), ((1 - UNSEEN ** (1 / runs.seeds)) * apart)[None], np.array([runs.seeds - 1.0])
    )


def mean_of(log: Floats, variances: Floats, df: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean over tasks with its standard error and degrees of freedom (Welch and Satterthwaite).

    Args:
        log: [tasks, ...]
        variances: of the independent parts of all tasks, flattened. [parts, ...]
        df: [parts]
    """
    shares = variances / len(log) ** 2
    total = shares.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / (shares**2 / df.reshape(-1, *[1] * (shares.ndim - 1))).sum(axis=0)
    return log.mean(axis=0), np.sqrt(total), np.where(total > 0, freedom, np.inf)


def side_shares(side: Part, seeds: Sequence[int]) -> SeedShares | None:
    """How the seeds of one side of one task move its log ERT; ``None`` without a hit."""
    return of_influence(seeds, side.share) if np.isfinite(side.share).all() else None


def stratified(tasks: list[TaskRatio], shared: Sequence[SeedShares | None] = ()) -> LogEstimate:
    """The log of the geometric mean of the tasks' ratios; every task weighs the same.

    Args:
        shared: how the seeds of each task move its ratio, where tasks share random streams; empty where none do.

    Raises:
        ValueError: no task.
    """
    if not tasks:
        raise ValueError("expected at least one task")
    log, se, df = mean_of(
        np.stack([task.log for task in tasks]),
        np.concatenate([task.variances for task in tasks]),
        np.concatenate([task.df for task in tasks]),
    )
    if any(shares is not None for shares in shared):
        return mean_over_tasks([stratified([task]) for task in tasks], shared)
    return LogEstimate(float(log), float(se), float(df))
