"""Means over tasks by closed forms: of single runs, and of tasks that one side never solved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, t

from analysis.statistics.ert import ErtEstimate, LogEstimate, estimate
from analysis.statistics.supported import THESE_TASKS
from analysis.study.aggregate import (
    TaskSpeedup,
    over_kernels,
    over_seeds,
    p_of_limit,
    refused_because,
    summarise,
    task_of,
)
from analysis.study.pairing import compared

SINGLE = LogEstimate(0.0, float("nan"), float("nan"))


def task(kernel: str, log: LogEstimate, **more: object) -> TaskSpeedup:
    own = TaskSpeedup(kernel, "useful", 60.0, 1, 1, 10.0, "none", 0.5, 8.0, log)
    return replace(own, **more)  # type: ignore[arg-type]


def test_of_single_runs_only_the_spread_between_kernels_is_known() -> None:
    logs = np.array([0.1, 0.4, 0.7, 1.6])
    found = over_kernels([task(f"k{i}", replace(SINGLE, log=float(log))) for i, log in enumerate(logs)])
    assert found.log == pytest.approx(logs.mean()) and found.se == pytest.approx(logs.std(ddof=1) / 2) and found.df == 3
    half = t.ppf(0.975, 3) * logs.std(ddof=1) / 2
    assert found.interval() == pytest.approx((np.exp(logs.mean() - half), np.exp(logs.mean() + half)))
    alike = over_kernels([task(f"k{i}", replace(SINGLE, log=0.3)) for i in range(4)])
    assert np.isnan(alike.se) and alike.df == 3
    assert np.isnan(over_kernels([task("k0", LogEstimate(0.3, 0.1, 9.0))] * 2).se)  # one kernel has no spread


def test_kernels_closer_together_than_their_seeds_allow_have_the_error_of_the_seeds() -> None:
    tasks = [task(f"k{i}", LogEstimate(0.3, 0.2, 9.0)) for i in range(4)]
    assert over_kernels(tasks).se == pytest.approx(over_seeds(tasks).se) == pytest.approx(0.1)


def test_a_mean_over_tasks_that_one_side_never_solved_is_bounded_on_that_side() -> None:
    """A speedup of 4 with an error, and one that is below 8 or above 0.5: the mean has half the first one's error."""
    known = task("k0", LogEstimate(float(np.log(4.0)), 0.1))
    never = task("k1", replace(SINGLE, log=0.0), bound="upper")
    factor = float(np.exp(norm.ppf(0.975) * 0.1 / 2))
    upper, lower = (summarise([known, replace(never, bound=bound)], over_seeds) for bound in ("upper", "lower"))
    assert (upper.bound, upper.low, lower.bound, lower.high) == ("upper", 0.0, "lower", float("inf"))
    assert upper.high == pytest.approx(np.sqrt(4.0 * 8.0) * factor)
    assert lower.low == pytest.approx(np.sqrt(4.0 * 0.5) / factor)
    both = summarise([known, never, replace(never, bound="lower")], over_seeds)
    assert (both.bound, both.low, both.high) == ("unknown", 0.0, float("inf")) and np.isnan(both.estimate.log)


def test_what_never_solves_anything_is_judged_beside_a_simulated_baseline_as_beside_an_exact_one() -> None:
    """The error of a simulation has no degrees of freedom to lose."""
    never, p = estimate(np.full(30, 60.0), np.zeros(30)), {}
    for error in (0.0, 1e-6):
        row = compared(never, ErtEstimate(80.0, 1, 1, LogEstimate(float(np.log(80.0)), error)))
        tasks = [task_of(row | {"kernel": kernel, "stratum": "useful", "budget": 60.0}) for kernel in ("k0", "k1")]
        p[error] = p_of_limit(tasks, THESE_TASKS, 0.1, "upper")
        assert over_seeds([replace(one, log=LogEstimate(0.0, error)) for one in tasks]).df == float("inf")
    assert 0.01 < p[0.0] < 0.5 and p[1e-6] == pytest.approx(p[0.0], rel=0.02)


def test_the_hit_rate_is_that_of_the_tasks_that_were_solved() -> None:
    """One task is always solved, and three are never: their law is exact."""
    solved = task("k0", LogEstimate(0.3, 0.1, 29.0), hits=30, runs=30)
    never = task("k1", SINGLE, hits=0, runs=30, bound="upper")
    assert refused_because([solved, never, never, never], THESE_TASKS) == ""
    assert "hit rate 10%" in refused_because([replace(solved, hits=3), never], THESE_TASKS)
