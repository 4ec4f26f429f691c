"""Bootstraps of the mean log speedup over seeds only ("these tasks"), or kernels, shapes and seeds ("new kernels").

Most papers show percentile intervals. ``experiments/coverage`` shows where they cover too little while the t intervals
of :mod:`analysis.study.aggregate` do not. Both are available, so that a reader can see the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.ert import LogEstimate, estimate
from analysis.statistics.seed_clusters import mean_over_tasks, seed_shares

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TaskRuns:
    """One strategy's runs on one task, and the ERT of random search there.

    Attributes:
        cost: T of each run, or all that it spent without a hit. [seeds]
        hit: whether each run hit. [seeds]
        log_base: log ERT of random search, taken as exact.
        seeds: each run's seed, if runs of one seed share random streams across tasks; else ``None``. [seeds]
    """

    kernel: str
    cost: Floats
    hit: NDArray[np.bool_]
    log_base: float
    seeds: tuple[int, ...] | None = None

    @property
    def log_speedup(self) -> float:
        """The log speedup over random search; -inf without a hit."""
        hits = int(self.hit.sum())
        return self.log_base - float(np.log(self.cost.sum() / hits)) if hits else float("-inf")


@dataclass(frozen=True)
class Replicates:
    """Resampled mean log speedups, with the standard error of each.

    Attributes:
        centre, centre_se: the mean of the data themselves, and its standard error.
        values, se: the same for each replicate; -inf where a task lost all its hits. [replicates]
    """

    centre: float
    centre_se: float
    values: Floats
    se: Floats

    @property
    def _tied(self) -> bool:
        finite = self.values[np.isfinite(self.values)]
        return len(finite) == len(self.values) and float(np.ptp(finite)) <= 1e-9

    def percentile(self, level: float = 0.95) -> tuple[float, float]:
        """Efron's percentile interval on the natural scale; its lower end is 0 if replicates without a hit reach it.

        Both ends are nan if all replicates are equal: ties do not mean certainty.
        """
        if self._tied:
            return float("nan"), float("nan")
        tail = (1 - level) / 2
        low, high = np.quantile(self.values, [tail, 1 - tail], method="inverted_cdf")
        return float(np.exp(low)), float(np.exp(high))

    def studentised(self, level: float = 0.95) -> tuple[float, float]:
        """The bootstrap-t interval (Efron & Tibshirani 1993, section 12.5) on the natural scale.

        With t = (value - centre) / se it is [centre - q(1 - tail) centre_se, centre - q(tail) centre_se]. An end that
        replicates without a hit reach is 0 or inf. Both ends are nan if all replicates are equal.
        """
        if self._tied:
            return float("nan"), float("nan")
        tail = (1 - level) / 2
        t = np.full(len(self.values), -np.inf)
        usable = np.isfinite(self.values) & (self.se > 0)
        t[usable] = (self.values[usable] - self.centre) / self.se[usable]
        t[self.values == self.centre] = 0.0
        low, high = np.quantile(t, [tail, 1 - tail], method="inverted_cdf")
        with np.errstate(over="ignore"):
            ends = np.exp(self.centre - np.array([high, low]) * self.centre_se)
        return float(ends[0]), float(ends[1])


def over_seeds(tasks: Sequence[TaskRuns], replicates: int, rng: np.random.Generator) -> Replicates:
    """Resample the seeds of each task separately, or together for tasks that share seeds. All tasks stay."""
    apart = [task for task in tasks if task.seeds is None]
    values, errors = _resampled(apart, replicates, rng)
    mean, variance = values.sum(axis=0), np.square(errors).sum(axis=0)
    if len(apart) < len(tasks):
        joint = [task for task in tasks if task.seeds is not None]
        total, of_joint = _resampled_together(joint, replicates, rng)
        mean, variance = mean + total, variance + of_joint
    centre = float(np.mean([task.log_speedup for task in tasks]))
    shares = [None if task.seeds is None else seed_shares(task.seeds, task.cost, task.hit) for task in tasks]
    logs: list[LogEstimate] = [estimate(task.cost, task.hit).log for task in tasks]
    count = len(tasks)
    return Replicates(centre, mean_over_tasks(logs, shares).se, mean / count, np.sqrt(variance) / count)


def two_level(tasks: Sequence[TaskRuns], replicates: int, rng: np.random.Generator) -> Replicates:
    """Resample kernels, then the shapes of each kernel, then the seeds of each shape; kernels have equal weights.

    The standard error of a replicate is computed from its kernel means.
    """
    values, _ = _resampled(tasks, replicates, rng)
    members = [
        np.flatnonzero([task.kernel == name for task in tasks]) for name in sorted({task.kernel for task in tasks})
    ]
    count = len(members)
    means = np.empty((replicates, count))
    chosen = rng.integers(0, count, (replicates, count))
    for slot in range(count):
        for kernel, own in enumerate(members):
            rows = np.flatnonzero(chosen[:, slot] == kernel)
            shapes = own[rng.integers(0, len(own), (len(rows), len(own)))]
            # a shape that is drawn twice gets a new resample of its seeds each time
            means[rows, slot] = values[shapes, rng.integers(0, replicates, shapes.shape)].mean(axis=1)
    original = np.array([np.mean([tasks[int(i)].log_speedup for i in own]) for own in members])
    with np.errstate(invalid="ignore"):
        return Replicates(float(original.mean()), _se(original), means.mean(axis=1), _se_rows(means))


def _se(means: Floats) -> float:
    return float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("nan")


def _se_rows(means: Floats) -> Floats:
    if means.shape[1] < 2:
        return np.full(len(means), np.nan)
    return np.asarray(means.std(axis=1, ddof=1) / np.sqrt(means.shape[1]), dtype=np.float64)


def _resampled(tasks: Sequence[TaskRuns], replicates: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Compute each task's log speedup and its delta-method error under resampled seeds. Both [tasks, replicates]"""
    values, errors = np.empty((len(tasks), replicates)), np.empty((len(tasks), replicates))
    for row, task in enumerate(tasks):
        n = len(task.cost)
        drawn = rng.integers(0, n, (replicates, n))
        cost, hit = task.cost[drawn], task.hit[drawn].astype(np.float64)
        mean_cost, rate = cost.mean(axis=1), hit.mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            values[row] = task.log_base - np.log(mean_cost) + np.log(rate)
            share = cost / mean_cost[:, None] - hit / rate[:, None]
            errors[row] = (1 + 1 / n) * np.sqrt((share**2).sum(axis=1) / max(n - 1, 1) / n)
    return values, errors


def _resampled_together(tasks: Sequence[TaskRuns], replicates: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Sum the log speedups under seeds that all tasks draw at once, with the squared error by clusters of seeds.

    A draw that leaves a task without a run is made again. Both [replicates]
    """
    seeds = sorted({seed for task in tasks for seed in task.seeds or ()})
    places = [np.array([seeds.index(seed) for seed in task.seeds or ()]) for task in tasks]
    even = np.full(len(seeds), 1 / len(seeds))
    drawn = rng.multinomial(len(seeds), even, replicates)
    while (lacking := np.any([drawn[:, own].sum(axis=1) == 0 for own in places], axis=0)).any():
        drawn[lacking] = rng.multinomial(len(seeds), even, int(lacking.sum()))
    total, moved = np.zeros(replicates), np.zeros((replicates, len(seeds)))
    for task, own in zip(tasks, places, strict=True):
        times = drawn[:, own]
        n = times.sum(axis=1, keepdims=True)
        mean_cost, rate = ((times * of).sum(axis=1, keepdims=True) / n for of in (task.cost, task.hit))
        with np.errstate(divide="ignore", invalid="ignore"):
            total += (task.log_base - np.log(mean_cost) + np.log(rate))[:, 0]
            share = task.cost / mean_cost - task.hit / rate
        moved[:, own] += (1 + 1 / n) * np.sqrt(n / np.maximum(n - 1, 1)) / n * share
    return total, (drawn * moved**2).sum(axis=1)
