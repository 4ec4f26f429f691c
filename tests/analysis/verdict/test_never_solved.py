"""Verdicts on strategies that never solve a task, from runs to the verdict."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from analysis.runs.load import Study
from analysis.statistics.ert import ErtEstimate, LogEstimate, estimate
from analysis.study.aggregate import aggregates
from analysis.study.incumbents import Optima
from analysis.study.pairing import compared
from analysis.study.results import StudyResults
from analysis.study.speedup import COLUMNS, DETAILS
from analysis.verdict.judge import Verdict, judge
from tests.analysis.hypotheses import CLAIM

KERNELS, SEEDS, BUDGET = 4, 30, 100.0
ERT = 80.0


def verdict(speedup: float, never: int = 1, seed: int = 0) -> Verdict:
    """A strategy with one speedup on eight tasks of four kernels, ``never`` of which it never solves."""
    rng, rows = np.random.default_rng(seed), []
    base = ErtEstimate(ERT, 1, 1, LogEstimate(float(np.log(ERT))))
    for task in range(2 * KERNELS):
        times = np.full(SEEDS, np.inf) if task < never else rng.exponential(ERT / speedup, SEEDS)
        own = estimate(np.minimum(times, BUDGET), times <= BUDGET)
        row = {"task": f"k{task // 2}-{task}", "kernel": f"k{task // 2}", "strategy": "lfbo", "stratum": "useful"}
        row |= {"budget": BUDGET, "refused": ""} | compared(own, base)
        for target, axis, baseline in product(CLAIM.targets, CLAIM.axes, CLAIM.baselines):
            rows.append(row | {"target": target, "axis": axis, "baseline": baseline})
    whole = aggregates(pd.DataFrame(rows)).reindex(columns=[*COLUMNS, *DETAILS])
    other, empty = whole["baseline"] == "random_hierarchical", pd.DataFrame()
    others = {"random_hierarchical": whole[other]}
    found = StudyResults(Study(empty, empty), Optima({}, {}), empty, empty, whole[~other], others, {}, {})
    return judge(found, CLAIM)


def test_as_fast_as_random_elsewhere_is_refuted() -> None:
    found = verdict(1.0)
    assert found.verdicts["these tasks"]["useful"]["lfbo"] == "refuted"
    judged = found.judgements["these tasks"]["useful"]["lfbo"]
    assert judged.p_refuted < 1e-3 and judged.p_supported == 1.0
    assert "less than" in found.details and "refuted for lfbo" in found.details


def test_twenty_times_as_fast_elsewhere_is_neither() -> None:
    """The limit is far above 5, and the mean may be anywhere below it."""
    found = verdict(20.0)
    assert found.verdicts["these tasks"]["useful"]["lfbo"] == "undecided"
    assert {cell.reason for cell in found.cells} == {"some task was never solved"}


def test_what_never_solves_anything_is_refuted() -> None:
    found = verdict(1.0, never=2 * KERNELS)
    assert found.verdicts["these tasks"]["useful"]["lfbo"] == "refuted"


def test_three_runs_that_solve_nothing_are_too_few_where_the_budget_is() -> None:
    rows = compared(estimate(np.full(3, 5.0), np.zeros(3)), ErtEstimate(ERT, 1, 1, LogEstimate(float(np.log(ERT)))))
    assert rows["speedup_high"] > 5.0 and rows["limit"].runs == 3
