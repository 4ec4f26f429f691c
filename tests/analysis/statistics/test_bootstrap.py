"""Bootstraps of the mean log speedup."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.bootstrap import TaskRuns, over_seeds, two_level
from analysis.statistics.ert import estimate


def tasks(kernels: str, seeds: int, rng: np.random.Generator, rate: float = 1.0) -> list[TaskRuns]:
    found = []
    for kernel in kernels:
        times = rng.exponential(10.0, seeds)
        limit = np.inf if rate == 1.0 else -10 * np.log(1 - rate)
        found.append(TaskRuns(kernel, np.minimum(times, limit), times <= limit, float(np.log(20.0))))
    return found


def test_one_task_has_the_error_of_its_ert() -> None:
    task = tasks("a", 40, np.random.default_rng(0), 0.7)
    found = over_seeds(task, 4000, np.random.default_rng(1))
    assert found.centre == pytest.approx(np.log(20.0) - estimate(task[0].cost, task[0].hit).log.log)
    assert found.values.std() == pytest.approx(found.centre_se, rel=0.12)
    low, high = found.percentile()
    assert low < np.exp(found.centre) < high


def test_two_levels_hold_the_spread_of_kernels() -> None:
    rng = np.random.default_rng(2)
    flat = [
        TaskRuns(k, np.full(5, np.exp(x)), np.ones(5, bool), 0.0)
        for k, x in zip("aabbcc", rng.normal(size=6), strict=True)
    ]
    found = two_level(flat, 20_000, rng)
    means = -np.array([np.log(flat[i].cost[0]) for i in range(6)]).reshape(3, 2).mean(axis=1)
    assert found.centre == pytest.approx(means.mean())
    assert found.centre_se == pytest.approx(means.std(ddof=1) / np.sqrt(3))
    assert np.isnan(two_level(flat[:2], 10, rng).centre_se), "one kernel has no spread"
    within = np.array([np.var([-np.log(flat[2 * k + i].cost[0]) for i in range(2)]) / 2 for k in range(3)])
    assert found.values.var() == pytest.approx((means.var() + within.mean()) / 3, rel=0.05)
    assert over_seeds(flat, 100, rng).values.std() == pytest.approx(0.0, abs=1e-12)


def test_replicates_without_a_hit_reach_down_to_zero() -> None:
    task = TaskRuns("a", np.full(4, 9.0), np.array([True, False, False, False]), 0.0)
    found = over_seeds([task], 500, np.random.default_rng(0))
    assert found.percentile()[0] == 0.0
    low, high = found.studentised()
    assert low >= 0.0 and np.isinf(high)


def test_ties_give_no_interval() -> None:
    tied = [TaskRuns(kernel, np.full(3, 2.0), np.ones(3, bool), 0.0) for kernel in "abc"]
    for found in (over_seeds(tied, 200, np.random.default_rng(0)), two_level(tied, 200, np.random.default_rng(0))):
        assert np.isnan([*found.percentile(), *found.studentised()]).all()
