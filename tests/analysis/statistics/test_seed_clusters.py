"""Seeds as clusters: against simulations with known truth, and against what independent runs give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.runs.load import load_study
from analysis.statistics.bootstrap import TaskRuns
from analysis.statistics.bootstrap import over_seeds as resampled
from analysis.statistics.ert import TIED, LogEstimate, combine, estimate
from analysis.statistics.seed_clusters import EXACT, SeedShares, difference, mean_over_tasks, seed_shares
from analysis.study.incumbents import optima
from analysis.study.speedup import speedups
from tests.analysis.fabricate import evaluations, guided_order, landscape, write_reference, write_run

TASKS, SEEDS = 6, 30


def times(rng: np.random.Generator, shared: float, hit_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Costs and hits of runs with exponential times of mean 1. [tasks, seeds] twice

    shared: of each run, the chance that it takes the draw that its seed has on all tasks.
    """
    alone, common = rng.exponential(1.0, (TASKS, SEEDS)), rng.exponential(1.0, SEEDS)
    drawn = np.where(rng.random((TASKS, SEEDS)) < shared, common, alone)
    limit = np.inf if hit_rate == 1 else -np.log1p(-hit_rate)
    return np.minimum(drawn, limit), drawn <= limit


def both(cost: np.ndarray, hit: np.ndarray) -> tuple[LogEstimate, LogEstimate]:
    """Estimate the mean log ERT over tasks with clusters, and without."""
    logs = [estimate(c, h).log for c, h in zip(cost, hit, strict=True)]
    shares = [seed_shares(range(len(c)), c, h) for c, h in zip(cost, hit, strict=True)]
    return mean_over_tasks(logs, shares), combine(logs, [1 / len(logs)] * len(logs))


def holds(found: LogEstimate) -> bool:
    low, high = found.interval()
    return low <= 1.0 <= high  # an exponential time with restarts has no memory: ERT is the mean, 1


def simulated(shared: float, hit_rate: float, studies: int) -> tuple[float, float, float]:
    """Estimate the coverage with clusters and without, and the ratio of their mean variances."""
    rng = np.random.default_rng(18)
    found = [both(*times(rng, shared, hit_rate)) for _ in range(studies)]
    cover = [float(np.mean([holds(pair[i]) for pair in found])) for i in (0, 1)]
    variances = [float(np.mean([pair[i].se ** 2 for pair in found])) for i in (0, 1)]
    return cover[0], cover[1], variances[0] / variances[1]


@pytest.mark.parametrize("hit_rate", [1.0, 0.7])
def test_only_clusters_hold_the_truth_where_tasks_share_their_streams(hit_rate: float) -> None:
    clusters, apart, _ = simulated(0.6, hit_rate, 400)
    assert 0.92 <= clusters <= 0.985 and apart <= 0.88


@pytest.mark.slow
@pytest.mark.parametrize("hit_rate", [1.0, 0.7])
@pytest.mark.parametrize("shared", [0.5, 0.8, 1.0])
def test_coverage_is_nominal_with_clusters_and_not_without(shared: float, hit_rate: float) -> None:
    clusters, apart, _ = simulated(shared, hit_rate, 3000)
    assert 0.93 <= clusters <= 0.97 and apart <= 0.90


def test_a_ratio_of_two_sides_with_lacking_seeds_holds_its_truth() -> None:
    """Both sides share their streams over tasks; on every task, one side lacks two other seeds."""
    rng, held, studies = np.random.default_rng(19), {"clusters": 0, "apart": 0}, 500
    for _ in range(studies):
        one, other = times(rng, 0.8, 1.0), times(rng, 0.8, 0.7)
        logs, shares = [], []
        for task in range(TASKS):
            seeds = [seed for seed in range(SEEDS) if seed // 2 != task]
            own = estimate(one[0][task, seeds], one[1][task, seeds])
            base = estimate(other[0][task], other[1][task])
            logs.append(base.log - own.log)
            own_shares = seed_shares(seeds, one[0][task, seeds], one[1][task, seeds])
            shares.append(difference(seed_shares(range(SEEDS), other[0][task], other[1][task]), own_shares, EXACT))
        held["clusters"] += holds(mean_over_tasks(logs, shares))
        held["apart"] += holds(combine(logs, [1 / TASKS] * TASKS))
    assert 0.925 <= held["clusters"] / studies <= 0.98 and held["apart"] / studies <= 0.85, held


@pytest.mark.parametrize("hit_rate", [1.0, 0.7])
def test_of_independent_runs_both_say_the_same_on_average(hit_rate: float) -> None:
    clusters, apart, ratio = simulated(0.0, hit_rate, 400)
    assert ratio == pytest.approx(1.0, abs=0.05)
    assert 0.92 <= clusters <= 0.985 and 0.92 <= apart <= 0.985


def test_closed_forms() -> None:
    rng = np.random.default_rng(1)
    cost, hit = rng.exponential(1.0, 12), rng.random(12) < 0.7
    one, shares = estimate(cost, hit).log, seed_shares(range(12), cost, hit)
    same = mean_over_tasks([one] * 4, [shares] * 4)  # four times the same runs say no more than one
    assert (same.se, same.df) == (pytest.approx(one.se), 11)
    assert mean_over_tasks([one], [shares]) == combine([one], [1.0])
    others = [seed_shares(range(100 * t, 100 * t + 12), cost, hit) for t in range(4)]  # no seed in common
    assert mean_over_tasks([one] * 4, others).se == pytest.approx(one.se / 2)
    half = seed_shares(range(6, 18), cost, hit)  # seeds 0 to 5 lack on the second task, 12 to 17 on the first
    r = cost / cost.mean() - hit / hit.mean()
    padded = np.concatenate([r, np.zeros(6)]) + np.concatenate([np.zeros(6), r])
    expected = (1 + 1 / 12) / np.sqrt(12 * 11) * np.sqrt((padded**2).sum()) / 2
    found = mean_over_tasks([one] * 2, [shares, half])
    assert found.se == pytest.approx(float(expected)) and found.df == 17
    apart = mean_over_tasks([one] * 2, [shares, None])
    assert apart.se == pytest.approx(one.se / np.sqrt(2)) and apart.df == pytest.approx(22)
    nothing = mean_over_tasks([one - one] * 2, [difference(shares, shares, EXACT)] * 2)
    assert nothing.se == pytest.approx(TIED * one.se)  # one side is the other, seed by seed: no certainty


def test_ties_and_single_runs_are_no_certainty() -> None:
    tied, alike = estimate([3.0] * 5, [True] * 5).log, seed_shares(range(5), [3.0] * 5, [True] * 5)
    assert mean_over_tasks([tied] * 3, [alike] * 3).se == pytest.approx(tied.se)
    one = estimate([3.0], [True]).log
    assert np.isnan(mean_over_tasks([one] * 2, [seed_shares([0], [3.0], [True])] * 2).se)
    assert seed_shares([0, 1], [3.0, 3.0], [False, False]) is None


def test_a_bootstrap_of_shared_seeds_is_as_wide_as_clusters() -> None:
    cost, hit = times(np.random.default_rng(5), 1.0, 0.7)
    joint = [TaskRuns("k", c, h, 0.0, tuple(range(SEEDS))) for c, h in zip(cost, hit, strict=True)]
    joint[0] = TaskRuns("k", cost[0, 3:], hit[0, 3:], 0.0, tuple(range(3, SEEDS)))  # three seeds lack
    alone = [TaskRuns(task.kernel, task.cost, task.hit, 0.0) for task in joint]
    together, apart = (resampled(tasks, 3000, np.random.default_rng(6)) for tasks in (joint, alone))
    assert together.values.std() == pytest.approx(together.centre_se, rel=0.15)
    assert together.centre_se > 1.8 * apart.centre_se
    assert np.median(together.se) == pytest.approx(together.centre_se, rel=0.15)


def test_a_report_takes_seeds_as_clusters_by_the_version_of_its_runs(tmp_path: Path) -> None:
    """Two tasks have the same table and the same orders by seed, and so no more information than one."""
    table, found = landscape(200), {}
    for version in (1, 2):
        for task in ("k-1__toy", "k-2__toy"):
            for seed in range(12):
                order = guided_order(0.5)(np.random.default_rng(seed), table)
                write_run(tmp_path / str(version), task, "s", seed, evaluations(table, order[:80]), streams=version)
            write_reference(tmp_path / str(version), task, table)
        study = load_study([tmp_path / str(version)])
        rows = speedups(study, optima(study), (0.1,))
        rows = rows[(rows["axis"] == "evaluations") & (rows["stratum"] != "all") | (rows["task"] == "ALL")]
        found[version] = rows[rows["axis"] == "evaluations"].drop_duplicates("task").set_index("task")["se"]
    assert found[1]["ALL"] == pytest.approx(found[1]["k-1__toy"]) == pytest.approx(found[1]["kernel:k"])
    assert found[2]["ALL"] == pytest.approx(found[2]["k-1__toy"] / np.sqrt(2))


def test_a_task_of_two_seeds_with_most_of_the_variance_leaves_one_degree_of_freedom() -> None:
    """Welch and Satterthwaite by hand: 0.01 with 9 degrees of freedom and 0.5 with one."""
    many = SeedShares(dict.fromkeys(range(10), 0.1 * 0.1**0.5), 0.01, 0.0, 9.0)
    few = SeedShares({0: 0.5, 1: -0.5}, 0.5, 0.0, 1.0)
    found = mean_over_tasks([LogEstimate(0.0, 0.1, 9.0), LogEstimate(0.0, 0.5**0.5, 1.0)], [many, few])
    assert found.df == pytest.approx(0.51**2 / (0.01**2 / 9 + 0.5**2 / 1))
