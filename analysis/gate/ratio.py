"""How much slower a candidate is than a baseline: log ERT ratios per task, and their mean over tasks.

log ERT = log mean(cost) - log mean(hit), each less its second-order bias: E log(mean) = log mu - cv^2 / (2n). That
matters where the two sides have unequal numbers of seeds. Its error is that of
:func:`analysis.statistics.ert.estimate`: the delta method over seeds. A side without any hit on a task counts as half
a hit, with variance 2 (that of a Poisson count's logarithm at one half): a bound that is known badly, so that it weighs
on its side and cannot decide alone.

Everything is vectorised over leading axes, so that the simulations of ``experiments/gate`` judge with the same code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.ert import LogEstimate

Floats = NDArray[np.float64]
HALF_HIT_VARIANCE = 2.0
NO_ERROR = 1e-12


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
    squared_se = (1 + 1 / n) ** 2 * share.var(axis=-1, ddof=1) / n
    return np.asarray(
        np.where(np.isnan(squared_se), HALF_HIT_VARIANCE, np.where(squared_se > NO_ERROR**2, squared_se, 0.0))
    )


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
    both = np.isfinite(candidate.share).all(axis=-1) & np.isfinite(baseline.share).all(axis=-1)
    apart = variance(candidate.share) + variance(baseline.share)
    same = np.where(both, variance(candidate.share - baseline.share), apart)
    return TaskRatio(candidate.log - baseline.log, same[None], np.array([candidate.seeds - 1.0]))


def identical() -> TaskRatio:
    """Run by run the same outcome on both sides: nothing has changed, whether there were hits or not."""
    return TaskRatio(np.zeros(()), np.zeros((1,)), np.array([np.inf]))


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


def stratified(tasks: list[TaskRatio]) -> LogEstimate:
    """The log of the geometric mean of the tasks' ratios; every task weighs the same.

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
    return LogEstimate(float(log), float(se), float(df))
