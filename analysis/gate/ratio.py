"""How much slower a candidate is than a baseline: log ERT ratios per task, and their mean over tasks.

log ERT = log mean(cost) - log mean(hit), each minus its second-order bias: E log(mean) = log mu - cv^2 / (2n). The bias
matters if the two sides have unequal numbers of seeds. The error is that of :func:`analysis.statistics.ert.estimate`:
the delta method over seeds. A side without a hit on a task counts as half a hit, with variance 2 (that of the logarithm
of a Poisson count at one half). This is an imprecise bound, which counts for its side but cannot decide alone. No
variance is 0, because equal readings are not certainty: equal times get the variance of exponential times, as in
:mod:`analysis.statistics.ert`; equal differences get a hundredth of the variance of independent sides; and n pairs
without any difference still allow for the share of differing seeds that n pairs can miss.

All functions are vectorised over leading axes, so that the simulations of ``experiments/gate`` use the same code.
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
"""Probability of seeing no differing seed, below which so large a share of differing seeds is excluded."""


@dataclass(frozen=True)
class Part:
    """One side of one task, or several of them at once.

    Attributes:
        log: log ERT. [...]
        share: influence of each run on the log, with mean 0; nan without a hit. [..., seeds]
    """

    log: Floats
    share: Floats

    @property
    def seeds(self) -> int:
        return int(self.share.shape[-1])


def part(cost: ArrayLike, hit: ArrayLike) -> Part:
    """log ERT from the cost of each run (T, or its total without a hit) and whether it hit. Both [..., seeds]."""
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

    [..., seeds] to [...]; nan for one seed.
    """
    n = share.shape[-1]
    if n < 2:
        return np.full(share.shape[:-1], np.nan)
    spread = np.where(_tied(share), 1.0, share.var(axis=-1, ddof=1))
    return np.asarray(np.where(np.isnan(spread), HALF_HIT_VARIANCE, (1 + 1 / n) ** 2 / n * spread))


def _tied(share: Floats) -> NDArray[np.bool_]:
    """Whether the runs of a side are too similar for their spread to be informative. [..., seeds] to [...]"""
    return np.asarray(share.var(axis=-1, ddof=1) <= TIED**2)


@dataclass(frozen=True)
class TaskRatio:
    """log (candidate's ERT / baseline's) on one task, or on several at once.

    Attributes:
        log: [...]
        variances: of the candidate's and the baseline's part, or only of the difference if runs pair. [parts, ...]
        df: degrees of freedom of each. [parts]
    """

    log: Floats
    variances: Floats
    df: Floats


def unpaired(candidate: Part, baseline: Part) -> TaskRatio:
    """The ratio with independent seeds on both sides."""
    parts = np.stack([variance(candidate.share), variance(baseline.share)])
    return TaskRatio(candidate.log - baseline.log, parts, np.array([candidate.seeds, baseline.seeds]) - 1.0)


def paired(candidate: Part, baseline: Part) -> TaskRatio:
    """The ratio with the same seeds, order and start on both sides, so that what they share cancels."""
    n = candidate.seeds
    both = np.isfinite(candidate.share).all(axis=-1) & np.isfinite(baseline.share).all(axis=-1)
    apart = variance(candidate.share) + variance(baseline.share)
    together = (1 + 1 / n) ** 2 / n * (candidate.share - baseline.share).var(axis=-1, ddof=1)
    spread = ~(_tied(candidate.share) & _tied(baseline.share))
    same = np.where(both & spread, np.maximum(together, TIED**2 * apart), apart)
    return TaskRatio(candidate.log - baseline.log, same[None], np.array([n - 1.0]))


def identical(runs: Part) -> TaskRatio:
    """The ratio if every run has the same outcome on both sides: only seeds that were not run may differ.

    If none of n seeds differs, a share of up to 1 - 0.025^(1/n) of all seeds may; it gets the variance of independent
    sides.
    """
    apart = 2 * variance(runs.share)
    return TaskRatio(
        np.zeros_like(runs.log), ((1 - UNSEEN ** (1 / runs.seeds)) * apart)[None], np.array([runs.seeds - 1.0])
    )


def mean_of(log: Floats, variances: Floats, df: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean over tasks with its standard error and degrees of freedom (Welch and Satterthwaite).

    Args:
        log: [tasks, ...]
        variances: those of the independent parts of all tasks, flattened. [parts, ...]
        df: [parts]
    """
    shares = variances / len(log) ** 2
    total = shares.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / (shares**2 / df.reshape(-1, *[1] * (shares.ndim - 1))).sum(axis=0)
    return log.mean(axis=0), np.sqrt(total), np.where(total > 0, freedom, np.inf)


def side_shares(side: Part, seeds: Sequence[int]) -> SeedShares | None:
    """The influence of each seed of one side of one task on its log ERT; ``None`` without a hit."""
    return of_influence(seeds, side.share) if np.isfinite(side.share).all() else None


def stratified(tasks: list[TaskRatio], shared: Sequence[SeedShares | None] = ()) -> LogEstimate:
    """The log of the geometric mean of the tasks' ratios; all tasks have equal weight.

    Args:
        shared: the influence of the seeds of each task on its ratio, if tasks share random streams; else empty.

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
