"""New kernels if runs of one seed share random streams on every task: the interval covers the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.statistics.ert import LogEstimate, estimate
from analysis.statistics.seed_clusters import difference, seed_shares
from analysis.study.aggregate import TaskSpeedup, over_kernels

KERNELS, TASKS, SEEDS = 5, 2, 12
BETWEEN, TOGETHER = 0.05, 0.5


def study(rng: np.random.Generator) -> list[TaskSpeedup]:
    """Simulate log speedups around 0; a seed's runs are equally lucky on every task."""
    common, found = rng.normal(0.0, TOGETHER, SEEDS), []
    for kernel in range(KERNELS):
        truth = rng.normal(0.0, BETWEEN)
        for _ in range(TASKS):
            cost = np.exp(common + rng.normal(0.0, 0.2, SEEDS) - truth - (TOGETHER**2 + 0.04) / 2)
            hit = np.ones(SEEDS, dtype=bool)
            own = estimate(cost, hit)
            shared = difference(None, seed_shares(range(SEEDS), cost, hit), LogEstimate(0.0))
            log = LogEstimate(0.0) - own.log
            found.append(
                TaskSpeedup(f"k{kernel}", "useful", 1.0, SEEDS, SEEDS, own.ert, "none", 0.0, 0.0, log, shared=shared)
            )
    return found


def test_intervals_hold_the_truth_only_with_seeds_as_clusters() -> None:
    rng, held = np.random.default_rng(8), np.zeros(2)
    studies = 300
    for _ in range(studies):
        tasks = study(rng)
        for i, of in enumerate((tasks, [replace(task, shared=None) for task in tasks])):
            low, high = over_kernels(of).interval()
            held[i] += low <= 1.0 <= high
    assert held[0] / studies >= 0.92 and held[1] / studies < 0.8, held


def test_independent_tasks_have_nothing_in_common() -> None:
    tasks = [replace(task, shared=None) for task in study(np.random.default_rng(1))]
    kernels = [f"k{kernel}" for kernel in range(KERNELS)]
    means = [np.mean([task.log.log for task in tasks if task.kernel == kernel]) for kernel in kernels]
    assert over_kernels(tasks).se == pytest.approx(np.std(means, ddof=1) / np.sqrt(KERNELS))
