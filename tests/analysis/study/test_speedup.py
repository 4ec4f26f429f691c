"""Speedups against simulations with known truth, and the null checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.reference import StratumRule, difficulty, kernel_of
from analysis.runs.load import Study, load_study
from analysis.statistics import random_search
from analysis.statistics.ert import LogEstimate, estimate
from analysis.study.aggregate import TaskSpeedup, over_all, over_kernels, over_seeds
from analysis.study.incumbents import Optima, optima
from analysis.study.speedup import COLUMNS, DETAILS, counted_tasks, ground_of, speedups, task_speedups, task_strata
from tests.analysis.fabricate import (
    evaluations,
    guided_order,
    landscape,
    random_order,
    write_reference,
    write_run,
    write_study,
)


def study_of(table: pd.DataFrame, orders: list[np.ndarray], budget: int, strategy: str = "s") -> Study:
    """Build a study of one task in memory, without files."""
    cost = table[["compile_s", "verify_s", "benchmark_s"]].sum(axis=1).to_numpy()
    rows = np.concatenate([order[:budget] for order in orders])
    frame = pd.DataFrame({"run": np.repeat(np.arange(len(orders)), budget)})
    frame["index"] = np.tile(np.arange(budget), len(orders))
    frame["ok"] = (table["status"] == "ok").to_numpy()[rows]
    frame["latency_ms"], frame["oracle_ms"] = table["oracle_ms"].to_numpy()[rows], table["oracle_ms"].to_numpy()[rows]
    frame["clock_end_s"] = cost[rows].reshape(-1, budget).cumsum(axis=1).ravel()
    runs = pd.DataFrame({"seed": range(len(orders)), "strategy": strategy, "task": "k-1", "kernel": "k"})
    runs = runs.assign(budget_evaluations=float(budget), budget_seconds=np.nan, batch=1, compile_workers=1)
    runs = runs.assign(ended="budget", t_star_ms=np.nan, evaluations=budget, coverage="exhaustive", clock_s=np.nan)
    return Study(runs.rename_axis("run"), frame, {"k-1": table})


def headline(study: Study) -> pd.DataFrame:
    best = optima(study)
    return task_speedups(study, best, (0.05,)).set_index("axis")


def tied(kernel: str, runs: int, log: float = 1.0) -> TaskSpeedup:
    """Build a study of one task on which every run hit at the same evaluation."""
    own = LogEstimate(log) - estimate([3.0] * runs, [True] * runs).log
    return TaskSpeedup(kernel, "useful", 9.0, runs, runs, 3.0, "none", *own.interval(), own)


@pytest.mark.parametrize("runs", [1, 2, 3, 10])
@pytest.mark.parametrize("kernels", ["a", "aa", "ab", "abc", "aabbccdd"])
def test_ties_are_no_certainty_for_several_tasks_either(kernels: str, runs: int) -> None:
    for mean in (over_seeds, over_kernels, over_all):
        low, high = mean([tied(kernel, runs) for kernel in kernels]).interval()
        assert np.isnan(low) and np.isnan(high) if runs == 1 else not high <= 1.1 * low


@pytest.mark.slow
def test_random_against_itself_holds_one_on_a_tiny_space() -> None:
    """Three runs over four configurations with one hit hit at the same evaluation in 1 of 16 studies."""
    table, rng = landscape(4, failures=0.0), np.random.default_rng(3)
    rows = [headline(study_of(table, [rng.permutation(4) for _ in range(3)], 4)) for _ in range(120)]
    ends = np.array([[row.loc["evaluations", end] for end in ("speedup_low", "speedup_high")] for row in rows])
    assert (ends[:, 1] > 1.2 * ends[:, 0]).all()
    assert ((ends[:, 0] <= 1.0) & (ends[:, 1] >= 1.0)).mean() >= 0.93


@pytest.mark.slow
def test_random_against_random_is_one_within_its_interval() -> None:
    table, rng, budget = landscape(400, failures=0.15), np.random.default_rng(0), 60
    covered, logs = {"evaluations": [], "seconds": []}, []
    for _ in range(150):
        row = headline(study_of(table, [rng.permutation(400) for _ in range(12)], budget))
        for axis, seen in covered.items():
            seen.append(row.loc[axis, "speedup_low"] <= 1.0 <= row.loc[axis, "speedup_high"])
        logs.append(row.loc["evaluations", "log"])
    for seen in covered.values():
        assert 0.90 <= np.mean(seen) <= 1.0
    assert np.exp(np.mean(logs)) == pytest.approx(1.0, abs=0.12)


@pytest.mark.slow
def test_true_speedup_is_found_despite_censoring() -> None:
    """A search that skips f of f+1 misses is about f+1 times as fast; half of its runs are censored."""
    table, rng, budget, factor = landscape(2000, seed=3), np.random.default_rng(1), 40, 4
    best = float(table["oracle_ms"].min())
    hits = np.flatnonzero(table["oracle_ms"] <= 1.05 * best)
    misses = np.setdiff1d(np.arange(2000), hits)
    ratios, covered = [], []
    kept = len(misses) // factor
    truth = random_search.ert(2000, len(hits), budget) / random_search.ert(kept + len(hits), len(hits), budget)
    for _ in range(100):
        orders = [rng.permutation(np.concatenate([hits, rng.choice(misses, kept, replace=False)])) for _ in range(15)]
        row = headline(study_of(table, orders, budget)).loc["evaluations"]
        assert row["hits"] < row["runs"]
        ratios.append(row["speedup"])
        covered.append(row["speedup_low"] <= truth <= row["speedup_high"])
    assert truth > 3
    assert np.exp(np.log(ratios).mean()) == pytest.approx(truth, rel=0.15)
    assert np.mean(covered) >= 0.90


def test_baseline_is_the_closed_form_at_the_same_budget() -> None:
    table, budget = landscape(500, seed=5), 50
    orders = [np.random.default_rng(i).permutation(500) for i in range(20)]
    rows = headline(study_of(table, orders, budget))
    hard = difficulty(table, float(table["oracle_ms"].min()), 0.05)
    in_evaluations = random_search.ert(500, hard.k, budget)
    in_seconds = random_search.ert_seconds(500, hard.k, budget, hard.miss_cost_s, hard.hit_cost_s)
    assert rows.loc["evaluations", "speedup"] == pytest.approx(in_evaluations / rows.loc["evaluations", "ert"])
    assert rows.loc["seconds", "speedup"] == pytest.approx(in_seconds / rows.loc["seconds", "ert"])


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.sample(frac=1, random_state=1),
        lambda t: t.assign(latency_ms=1000 * t["latency_ms"], oracle_ms=1000 * t["oracle_ms"]),
    ],
    ids=["rows permuted", "latencies times 1000"],
)
def test_order_and_unit_of_the_table_change_nothing(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = landscape(300, seed=2)
    orders = [np.random.default_rng(i).permutation(300) for i in range(6)]
    before = study_of(table, orders, 80)
    changed = change(table)
    where = {key: i for i, key in enumerate(changed["key"])}
    moved = [np.array([where[table["key"].iloc[i]] for i in order]) for order in orders]
    after = study_of(changed.reset_index(drop=True), moved, 80)
    pd.testing.assert_frame_equal(
        speedups(before, optima(before)), speedups(after, optima(after)), rtol=1e-9, check_exact=False
    )


def test_without_a_hit_there_is_only_a_bound(tmp_path: Path) -> None:
    table = landscape(300, seed=2)
    slow = np.argsort(-table["oracle_ms"].fillna(-1).to_numpy())
    for task in ("a-1__h100", "b-1__h100", "c-1__h100"):
        write_reference(tmp_path, task, table)
        for seed in range(4):
            rng = np.random.default_rng(seed)
            order = slow if task.startswith("a") else rng.permutation(300)
            write_run(tmp_path, task, "s", seed, evaluations(table, order[:150]), budget=150)
    study = load_study([tmp_path])
    rows = speedups(study, optima(study)).query("target == 0.05 and axis == 'evaluations'")
    assert list(rows.columns) == [*COLUMNS, *DETAILS]
    missed = rows[rows["task"] == "a-1__h100"].iloc[0]
    assert (missed["hits"], missed["runs"], missed["ert"], missed["bound"]) == (0, 4, 600.0, "upper")
    hard = difficulty(table, float(table["oracle_ms"].min()), 0.05)
    assert missed["speedup"] == pytest.approx(random_search.ert(300, hard.k, 150) / 600)
    assert missed["speedup_low"] == 0
    assert missed["speedup_high"] == pytest.approx(missed["speedup"] * 4 * (0.025 ** (-1 / 4) - 1))
    whole = rows[(rows["task"] == "ALL") & (rows["stratum"] == "all")].iloc[0]
    tasks = rows[rows["task"].str.contains("__")]
    assert (whole["bound"], whole["speedup_low"], whole["hits"]) == ("upper", 0.0, tasks["hits"].sum())
    assert whole["speedup"] == pytest.approx(np.exp(np.log(tasks["speedup"]).mean()))
    assert whole["speedup"] < whole["speedup_high"] and whole["refused"] == ""  # the two solved tasks have hits enough
    assert rows.set_index("task").loc["kernel:b", "bound"].eq("none").all()


def test_runs_of_random_stand_in_where_nothing_is_recorded(tmp_path: Path) -> None:
    table = landscape(600, seed=4, failures=0.0)
    strategies = {"random": random_order, "s": guided_order(1.5)}
    write_study(tmp_path, {"k-1__gpu": table}, strategies, 10, 200, with_reference=False)
    study = load_study([tmp_path])
    rows = speedups(study, optima(study))
    assert set(rows["baseline"]) == {"random"}
    assert set(rows["strategy"]) == {"s"}
    row = rows.query("task == 'k-1__gpu' and target == 0.1 and axis == 'evaluations'").iloc[0]
    assert row["speedup_low"] < row["speedup"] < row["speedup_high"]
    assert row["speedup"] > 1


def test_budgets_are_cut_to_the_smaller_of_strategy_and_random_runs(tmp_path: Path) -> None:
    table = landscape(400, seed=6, failures=0.0)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(400)
        write_run(tmp_path, "k-1", "random", seed, evaluations(table, order[:200]), budget=200)
        write_run(tmp_path, "k-1", "s", seed, evaluations(table, order[:50]), budget=50)
    study = load_study([tmp_path])
    rows = task_speedups(study, optima(study))
    assert rows["budget"].eq(50).all()
    known = rows[rows["bound"] == "none"]
    assert known["speedup"].to_numpy() == pytest.approx(np.ones(len(known)))  # the same traces, cut alike


def test_aggregate_intervals() -> None:
    def task(kernel: str, log: float, se: float = 0.1) -> TaskSpeedup:
        return TaskSpeedup(kernel, "useful", 100, 5, 5, 10.0, "none", 1.0, 2.0, LogEstimate(log, se, 9))

    tasks = [task("a", 1.0), task("b", 2.0), task("c", 0.5), task("d", 1.5)]
    kernels = over_kernels(tasks)
    assert (kernels.log, kernels.df) == (1.25, 3)
    assert kernels.se == pytest.approx(np.std([1.0, 2.0, 0.5, 1.5], ddof=1) / 2)
    assert over_seeds(tasks).se == pytest.approx(0.1 / 2)
    # shapes of one kernel are no independent evidence: twice the tasks, the same interval
    assert over_kernels(tasks * 2).se == pytest.approx(kernels.se)
    assert np.isnan(over_kernels([task("a", 1.0), task("a", 2.0)]).interval()).all()


def test_kernel_interval_covers_the_mean_of_new_kernels() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(2000):
        means = rng.normal(1.0, 0.5, 4)
        tasks = [
            TaskSpeedup(f"k{k}", "useful", 1, 1, 1, 1.0, "none", 0, 0, LogEstimate(m + rng.normal(0, 0.3), 0.3, 9))
            for k, m in enumerate(means)
            for _ in range(2)
        ]
        low, high = over_kernels(tasks).interval()
        covered.append(low <= np.exp(1.0) <= high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_an_optimum_below_the_table_leaves_one_hit() -> None:
    table = landscape(50)
    assert difficulty(table, 0.5 * float(table["oracle_ms"].min()), 0.05).k == 1
    assert isinstance(optima(study_of(table, [np.arange(50)], 50)), Optima)


def test_new_kernels_from_three_on() -> None:
    apart = [TaskSpeedup(k, "useful", 1, 5, 5, 1.0, "none", 1, 2, LogEstimate(i, 0.3, 9)) for i, k in enumerate("abcd")]
    assert over_all(apart) == over_kernels(apart)
    assert over_all(apart[:2]) == over_seeds(apart[:2])


def test_a_sample_whose_pool_holds_no_hit_can_only_be_unknown_and_is_not_counted(tmp_path: Path) -> None:
    table = landscape(200, seed=2)
    best = float(table["oracle_ms"].min()) / 2
    found = table.head(1).assign(key="found", status="ok", latency_ms=best, oracle_ms=best, origin="search")
    write_reference(tmp_path, "a-1__h100", pd.concat([table, found]))
    write_reference(tmp_path, "b-1__h100", table)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(200)
        sample = {"source": "landscape", "coverage": "sample", "t_star_ms": best}
        write_run(tmp_path, "a-1__h100", "s", seed, evaluations(table, order[:90]), budget=90, reference=sample)
        write_run(tmp_path, "b-1__h100", "s", seed, evaluations(table, order), budget=200)
    study = load_study([tmp_path])
    assert difficulty(study.references["a-1__h100"], best, 0.05).k == 0
    rows = speedups(study, optima(study)).query("target == 0.05 and axis == 'seconds' and stratum != 'useful'")
    sampled = rows[rows["task"] == "a-1__h100"].iloc[0]
    assert (sampled["bound"], sampled["stratum"], sampled["hits"]) == ("unknown", "unknown", 0)
    whole = rows[rows["task"] == "ALL"]
    assert whole[["stratum", "bound", "runs"]].to_numpy().tolist() == [["all", "none", 3]]


def test_sampled_tasks_count_only_where_there_are_no_exhaustive_ones(tmp_path: Path) -> None:
    table = landscape(200, seed=2)
    for task, coverage in (("a-1__h100", "sample"), ("b-1__h100", "exhaustive")):
        write_reference(tmp_path, task, table)
        for seed in range(3):
            frame = evaluations(table, np.random.default_rng([seed, len(coverage)]).permutation(200))
            write_run(tmp_path, task, "s", seed, frame, budget=200, reference={"coverage": coverage})
    for where, kernels in ((tmp_path, {"kernel:b", "ALL"}), (tmp_path / "a-1__h100", {"kernel:a", "ALL"})):
        study = load_study([where])
        names = set(speedups(study, optima(study))["task"])
        tasks = counted_tasks(ground_of(study, optima(study)), 0.05)
        assert {f"kernel:{kernel_of(task)}" for task in tasks} == kernels - {"ALL"}
        assert {name for name in names if "__" not in name} == kernels


def test_one_seed_has_no_limits_against_runs_that_never_hit(tmp_path: Path) -> None:
    table = landscape(300, seed=2, failures=0.0)
    slow = np.argsort(-table["oracle_ms"].to_numpy())
    write_run(tmp_path, "k-1", "random", 0, evaluations(table, slow[:50]), budget=50)
    write_run(tmp_path, "k-1", "s", 0, evaluations(table, slow[::-1][:50]), budget=50)
    study = load_study([tmp_path])
    row = speedups(study, optima(study)).query("target == 0.05 and axis == 'evaluations'").iloc[0]
    assert (row["bound"], row["speedup"]) == ("lower", pytest.approx(50.0))
    assert np.isnan(row["speedup_low"])  # one hitting time says nothing of its spread


def test_runs_limited_in_seconds_are_cut_to_the_smaller_limit(tmp_path: Path) -> None:
    table = landscape(400, seed=6, failures=0.0)
    for seed in range(5):
        frame = evaluations(table, np.random.default_rng(seed).permutation(400))
        for strategy, seconds in (("random", 60.0), ("s", 20.0)):
            part = frame[frame["clock_start_s"] < seconds]
            write_run(tmp_path, "k-1", strategy, seed, part, seconds=seconds)
    study = load_study([tmp_path])
    rows = task_speedups(study, optima(study)).query("axis == 'seconds' and bound == 'none'")
    assert len(rows) > 0
    assert rows["budget"].eq(20.0).all()
    assert rows["speedup"].to_numpy() == pytest.approx(np.ones(len(rows)))  # the same traces, cut alike


def test_devices_of_one_kernel_are_one_cluster() -> None:
    assert kernel_of("matmul-64x64x64-bf16__h100") == kernel_of("matmul-8x8x8-f16__h200") == "matmul"
    assert kernel_of("gemm__h100") == kernel_of("gemm__h200") == "gemm"


def test_kernel_interval_covers_although_one_kernel_has_most_tasks() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(1500):
        tasks = [
            TaskSpeedup(f"k{k}", "useful", 1, 1, 1, 1.0, "none", 0, 0, LogEstimate(mean + rng.normal(0, 0.3), 0.3, 9))
            for k, mean in enumerate(rng.normal(1.0, 0.5, 4))
            for _ in range((1, 1, 1, 5)[k])
        ]
        low, high = over_kernels(tasks).interval()
        covered.append(low <= np.exp(1.0) <= high)
    assert np.mean(covered) >= 0.905  # 0.925; the sandwich estimate has 0.875


def test_strata_are_those_of_the_rule(tmp_path: Path) -> None:
    table = landscape(600, seed=4, failures=0.0)
    table["draw_probability"] = np.where(np.arange(600) == table["oracle_ms"].argmin(), 0.5, 0.5 / 599)
    write_study(tmp_path, {"k-1__gpu": table}, {"s": random_order}, 3, 50)
    study = load_study([tmp_path])
    study = replace(study, references={"k-1__gpu": table})
    best = optima(study)
    e5 = difficulty(table, best.t_star_ms["k-1__gpu"], 0.05).expected_evaluations

    def strata(study: Study, rule: StratumRule | None = None) -> dict[str, str]:
        return task_strata(ground_of(study, best, rule=rule))

    assert strata(study) == {"k-1__gpu": "useful"}
    assert strata(study, StratumRule(trivial_below=e5 + 1)) == {"k-1__gpu": "trivial"}
    assert strata(study, StratumRule(trivial_below=1, needle_above=e5 - 1)) == {"k-1__gpu": "needle"}
    # half of the draws by parameter are the optimum
    assert strata(study, StratumRule("exact_random_by_parameter")) == {"k-1__gpu": "trivial"}
    without = replace(study, references={"k-1__gpu": table.drop(columns="draw_probability")})
    assert strata(without, StratumRule("exact_random_by_parameter")) == {"k-1__gpu": "unknown"}
