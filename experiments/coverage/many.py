"""The report's t intervals of thousands of studies at once.

This module computes what :func:`analysis.statistics.ert.estimate`, :func:`analysis.study.pairing.compared` and the
means of :mod:`analysis.study.aggregate` compute for one study, as arrays over studies;
``tests/experiments/test_coverage_study.py`` checks that the numbers are the same. All kernels have equally many tasks.
Studies in which a side never hits a task have no interval here: the report gives a bound for them, by another law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from analysis.statistics.ert import TIED

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Logs:
    """Estimates of logs with their errors, like :class:`analysis.statistics.ert.LogEstimate`. Arrays of one shape.

    ``se`` is nan if a side never hit.
    """

    log: Floats
    se: Floats
    df: Floats
    bias: Floats

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """The two-sided interval on the log scale."""
        half = np.where(self.se > 0, stdtrit(self.df, 0.5 + level / 2) * self.se, self.se)
        return self.log - self.bias - half, self.log - self.bias + half

    def p_at_most(self, log_threshold: float | Floats) -> Floats:
        """p of "the truth is at most the threshold"; nan without an error."""
        return np.asarray(stdtr(self.df, (log_threshold - self.log + self.bias) / self.se))


def estimates(cost: Floats, hit: Flags) -> Logs:
    """Estimate log ERT for every study and task. [..., seeds] to [...]"""
    n = cost.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        of_cost = cost / cost.mean(axis=-1, keepdims=True)
        of_hit = hit / hit.mean(axis=-1, keepdims=True)
        log = np.log(cost.sum(axis=-1) / hit.sum(axis=-1))
    exponential = (1 + 1 / n) / float(np.sqrt(n))
    se = exponential * np.sqrt(((of_cost - of_hit) ** 2).sum(axis=-1) / (n - 1))
    bias = ((of_hit**2).sum(axis=-1) - (of_cost**2).sum(axis=-1)) / (2 * n * (n - 1))
    se = np.where(np.isnan(se) | (se > TIED * exponential), se, exponential)
    return Logs(log, se, np.full(log.shape, n - 1.0), bias)


def ratio(base: Logs, own: Logs) -> Logs:
    """Compute the log speedup; an exact baseline has ``se`` 0."""
    return _combined(np.stack([base.log, -own.log]), np.stack([base.se, own.se]), np.stack([base.df, own.df]),
                     np.stack([base.bias, -own.bias]))  # fmt: skip


def exact(log: Floats) -> Logs:
    zero = np.zeros_like(log)
    return Logs(log, zero, np.full(log.shape, np.inf), zero)


def over_seeds(tasks: Logs) -> Logs:
    """Average over the last axis, the tasks."""
    count = tasks.log.shape[-1]
    parts = (np.moveaxis(of, -1, 0) for of in (tasks.log / count, tasks.se / count, tasks.df, tasks.bias / count))
    return _combined(*parts)


def over_kernels(tasks: Logs, kernels: int) -> Logs:
    """Jackknife over kernels with equally many tasks each; a kernel's tasks are adjacent on the last axis."""
    means = tasks.log.reshape(*tasks.log.shape[:-1], kernels, -1).mean(axis=-1)
    se, seeds = means.std(axis=-1, ddof=1) / np.sqrt(kernels), over_seeds(tasks)
    kept = np.where(np.isnan(seeds.se) | (se > TIED * seeds.se), se, seeds.se)
    kept = np.where(np.isnan(seeds.se), np.nan, kept)
    return Logs(means.mean(axis=-1), kept, np.full(kept.shape, kernels - 1.0), tasks.bias.mean(axis=-1))


def _combined(log: Floats, se: Floats, df: Floats, bias: Floats) -> Logs:
    """Sum over the first axis, with degrees of freedom by Welch and Satterthwaite."""
    variance = se**2
    total = variance.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / np.where(variance > 0, variance**2 / df, 0.0).sum(axis=0)
    return Logs(log.sum(axis=0), np.sqrt(total), freedom, bias.sum(axis=0))
