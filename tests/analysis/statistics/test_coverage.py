"""Coverage of the intervals: a reduced form of experiments/coverage, and the null case."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from analysis.statistics import random_search
from analysis.statistics.bootstrap import TaskRuns
from analysis.statistics.ert import LogEstimate
from analysis.statistics.supported import (
    LEAST,
    METHOD,
    MOST,
    MOST_WRONG,
    NEW_KERNELS,
    THESE_TASKS,
    allowed,
    coverage_table,
    refusal,
)
from analysis.study.aggregate import TaskSpeedup, over_kernels, over_seeds, refused_because, summarise
from experiments.coverage.simulate import Cell, as_speedup, coverage

GRID = list(product((10, 30, 100), (1.0, 0.7, 0.3), (4, 10)))
FAST = {(10, 1.0, 4), (10, 0.3, 10), (30, 0.7, 10), (100, 0.3, 4)}
"""The cells of the fast tier; the slow tier has all."""


@pytest.mark.parametrize(
    "cell",
    [pytest.param(Cell(*values), marks=[] if values in FAST else pytest.mark.slow) for values in GRID],
    ids=str,
)
def test_t_intervals_hold_the_truth_on_the_grid(cell: Cell) -> None:
    found = coverage(cell, repetitions=100, replicates=0, seed=np.random.SeedSequence([1, cell.seeds, cell.kernels]))
    assert 0.85 <= found[NEW_KERNELS, "t"][0] <= 1.0
    # with all runs hitting, the mean of few times is biased in logs: the committed table refuses those cells
    assert found[THESE_TASKS, "t"][0] >= (0.85 if cell.seeds > 10 else 0.75)


def test_random_against_random_contains_one() -> None:
    """Simulate 200 studies of random search: four kernels of two tasks, 30 seeds, tables with a known law."""
    rng, held = np.random.default_rng(20261124), {"these tasks": 0, "new kernels": 0}
    shapes = [(900, 4, 120), (3600, 12, 120), (1800, 30, 120), (1000, 80, 60)]
    laws = {}
    for n, k, budget in shapes:
        survival = random_search.survival(n, k, np.arange(budget + 1))
        laws[n] = np.append(survival[:-1] - survival[1:], survival[-1])  # P(T = 1 .. B), then P(T > B)
    for _ in range(200):
        tasks = []
        for kernel, (n, k, budget) in enumerate(shapes):
            for _ in range(2):
                t = rng.choice(np.arange(1, budget + 2), 30, p=laws[n])
                base = float(np.log(random_search.ert(n, k, budget)))
                tasks.append(TaskRuns(f"k{kernel}", np.minimum(t, budget).astype(float), t <= budget, base))
        known = [as_speedup(task) for task in tasks]
        for question, mean in (("these tasks", over_seeds), ("new kernels", over_kernels)):
            found = summarise(known, mean)
            held[question] += found.low <= 1.0 <= found.high
    assert all(0.92 <= count / 200 <= 0.98 for count in held.values()), held


def test_the_committed_table_covers_the_grid_and_marks_what_is_unsupported() -> None:
    table = coverage_table()
    t = table[table["method"] == "t"]
    keys = set(zip(t["seeds"], t["hit_rate"], t["kernels"], t["baseline_hit_rate"].fillna(0.0), strict=True))
    assert {(*cell, base) for cell in GRID for base in (0.0, 1.0, 0.7, 0.3)} <= keys
    wrong = t[["below", "above"]].max(axis=1) > MOST_WRONG
    assert (t["supported"] == t["coverage"].between(LEAST, MOST) & ~wrong).all()
    assert t[t["seeds"] >= 30]["supported"].all()
    percentile = table[(table["method"] == "percentile bootstrap") & (table["question"] == THESE_TASKS)]
    assert not percentile["supported"].all()  # why t


def test_refusals_have_a_reason() -> None:
    assert refusal(NEW_KERNELS, 30, 0.95, 4) == "" == refusal(THESE_TASKS, 30, 0.95, 4, 0.5)
    assert refusal(NEW_KERNELS, 30, 0.95, 2) == "not enough runs: 2 kernels: expected at least 3"
    assert refusal(NEW_KERNELS, 2, 0.95, 4) == "not enough runs: 2 seeds: expected at least 3"
    assert refusal(THESE_TASKS, 30, 0.1, 4) == "not enough runs: hit rate 10%: expected at least 30%"
    assert refusal(THESE_TASKS, 4, 0.5, 4).startswith("not enough runs: with 3 seeds, 4 kernels and 70% hits a 95% ")


def test_the_guard_sees_the_hits_of_runs_that_stand_for_random_search() -> None:
    assert refusal(THESE_TASKS, 20, 1.0, 4) == ""
    told = refusal(THESE_TASKS, 30, 1.0, 4, 0.05)
    assert told == "not enough runs: hit rate of random search 5%: expected at least 30%"
    assert refusal(THESE_TASKS, 20, 0.3, 4) == ""
    assert "holds the truth in 98.2%" in refusal(THESE_TASKS, 10, 0.3, 4)
    assert "30% hits, over runs with 30% hits, a 95% interval" in refusal(THESE_TASKS, 10, 0.3, 4, 0.3)


def test_the_guard_is_asked_with_the_baselines_runs() -> None:
    def task(base_hits: int, base_runs: int) -> TaskSpeedup:
        own = LogEstimate(1.0, 0.1, 29)
        return TaskSpeedup("k", "useful", 9, 30, 30, 1.0, "none", 1, 2, own, None, base_hits, base_runs)

    assert refused_because([task(0, 0)] * 4, THESE_TASKS) == ""
    assert refused_because([task(25, 30)] * 4, THESE_TASKS) == ""
    assert "hit rate of random search 3%" in refused_because([task(1, 30)] * 4, THESE_TASKS)
    assert "2 seeds: expected at least 3" in refused_because([task(2, 2)] * 4, THESE_TASKS)


@pytest.mark.parametrize("kernels", [4, 10])
def test_a_refusal_names_the_cell_that_is_worst(kernels: int) -> None:
    """Three seeds of which half hit are read at two rates: the worse one covers too much, or far too little."""
    table = coverage_table()
    table = table[(table["question"] == THESE_TASKS) & (table["method"] == METHOD) & ~table["supported"]]
    table = table[(table["seeds"] == 3) & (table["kernels"] == kernels) & table["baseline_hit_rate"].isna()]
    covered = sorted(table.loc[table["hit_rate"].isin({0.3, 0.7}), "coverage"], key=lambda share: abs(share - 0.95))
    assert len(covered) == 2
    assert f"holds the truth in {covered[1]:.1%}" in refusal(THESE_TASKS, 3, 0.5, kernels)


def test_the_seeds_allowed_are_never_fewer_than_asked_for() -> None:
    """Of a rule that refuses all numbers but 5, 7 and 30."""

    def refused(n: int) -> str:
        return "" if n in (5, 7, 30) else "refused"

    assert [allowed(size, refused) for size in (4, 6, 7, 8, 31)] == [5, 30, 7, 30, None]
