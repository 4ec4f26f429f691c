"""How often a 95% t interval covers the truth, by kind of study; the report refuses intervals based on this table.

The strategy's runs and, unless random search is known exactly, the runs of random search are drawn alike: their times
are exponential, and a share of them hits within the budget. Log speedups vary as in
:mod:`experiments.coverage.simulate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.aggregate import MIN_KERNELS
from experiments.coverage import many
from experiments.coverage.simulate import KERNEL_SPREAD, TASK_SPREAD, TASKS_PER_KERNEL, TRUE

_AT_ONCE = 2_000_000
"""The most times held in memory at once."""


@dataclass(frozen=True)
class Kind:
    """One kind of study; ``baseline_hit_rate`` is nan where random search is exact."""

    seeds: int
    hit_rate: float
    kernels: int
    baseline_hit_rate: float = float("nan")


@dataclass(frozen=True)
class Coverage:
    """For one question: the share of intervals that cover the truth, their median log width, and the number of studies.

    ``below`` and ``above`` are the shares of studies in which a one-sided test at 5% errs if the threshold is true.
    """

    question: str
    coverage: float
    median_log_width: float
    below: float
    above: float
    studies: int


def coverage(kind: Kind, studies: int, rng: np.random.Generator) -> list[Coverage]:
    """Answer both questions; studies in which a side never hits a task have no interval and do not count."""
    parts: dict[str, list[tuple[many.Logs, many.Floats]]] = {}
    for tasks, truths in _drawn(kind, studies, rng):
        parts.setdefault(THESE_TASKS, []).append((many.over_seeds(tasks), truths.mean(axis=-1)))
        if kind.kernels >= MIN_KERNELS:
            of = many.over_kernels(tasks, kind.kernels)
            parts.setdefault(NEW_KERNELS, []).append((of, np.full(len(truths), np.log(TRUE))))
    found = []
    for question, blocks in parts.items():
        held, widths, p = [], [], []
        for estimate, truth in blocks:
            known = np.isfinite(estimate.se)
            low, high = (end[known] for end in estimate.interval())
            held.append((low <= truth[known]) & (truth[known] <= high))
            widths.append(high - low)
            p.append(estimate.p_at_most(truth)[known])
        whole, tails = np.concatenate(held), np.concatenate(p)
        if len(whole):
            width = float(np.median(np.concatenate(widths)))
            errors = float((tails >= 0.95).mean()), float((tails <= 0.05).mean())
            found.append(Coverage(question, float(whole.mean()), width, *errors, len(whole)))
    return found


def _drawn(kind: Kind, studies: int, rng: np.random.Generator) -> Iterator[tuple[many.Logs, many.Floats]]:
    """Draw the log speedups of many studies, with their truths. Both [studies, tasks]"""
    tasks = kind.kernels * TASKS_PER_KERNEL
    block = max(1, _AT_ONCE // (tasks * kind.seeds))
    for start in range(0, studies, block):
        count = min(block, studies - start)
        of_kernel = np.repeat(rng.normal(np.log(TRUE), KERNEL_SPREAD, (count, kind.kernels)), TASKS_PER_KERNEL, axis=1)
        truths = of_kernel + rng.normal(0.0, TASK_SPREAD, (count, tasks))
        own = _runs(kind.hit_rate, (count, tasks, kind.seeds), rng)
        base = many.exact(truths)
        if np.isfinite(kind.baseline_hit_rate):
            runs = _runs(kind.baseline_hit_rate, (count, tasks, kind.seeds), rng)
            base = many.Logs(runs.log + truths, runs.se, runs.df, runs.bias)
        yield many.ratio(base, own), truths


def _runs(hit_rate: float, shape: tuple[int, int, int], rng: np.random.Generator) -> many.Logs:
    """Draw runs whose true log ERT is 0, and return the estimates of it."""
    times = rng.exponential(1.0, shape)
    limit = np.inf if hit_rate == 1.0 else -np.log1p(-hit_rate)
    return many.estimates(np.minimum(times, limit), times <= limit)
