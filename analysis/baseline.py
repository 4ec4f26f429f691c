"""What strategies are compared with: exact random search on the recorded table, or the runs of ``random``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import random_search, random_simulation
from analysis.ert import LogEstimate
from analysis.reference import Difficulty, costs, pool

EXACT_RANDOM = "exact_random"
RANDOM_RUNS = "random"
_REPETITIONS = 400


@dataclass(frozen=True)
class Conditions:
    """How runs were executed, as far as the baseline's clock depends on it."""

    budget: int
    batch: int = 1
    compile_workers: int = 1


def exact_random(table: pd.DataFrame, difficulty: Difficulty, axis: str, conditions: Conditions) -> LogEstimate | None:
    """log ERT of exact random search at the strategy's budget (in evaluations); ``None`` without known costs.

    In seconds: the closed form for one worker and batches of one, else simulated with the same workers.
    """
    n, k, budget = difficulty.n, difficulty.k, conditions.budget
    if axis == "evaluations":
        return LogEstimate(float(np.log(random_search.ert(n, k, budget))))
    if not np.isfinite(difficulty.miss_cost_s + difficulty.hit_cost_s):
        return None
    if conditions.batch == 1 and conditions.compile_workers == 1:
        seconds = random_search.ert_seconds(n, k, budget, difficulty.miss_cost_s, difficulty.hit_cost_s)
    else:
        seconds = _simulated_seconds(table, difficulty, conditions)
    return LogEstimate(float(np.log(seconds))) if seconds > 0 else None


def _simulated_seconds(table: pd.DataFrame, difficulty: Difficulty, conditions: Conditions) -> float:
    rows = pool(table)
    compiling = rows["compile_s"].fillna(0.0).to_numpy(np.float64) if "compile_s" in rows else np.zeros(len(rows))
    searches = random_simulation.simulate(
        compiling,
        costs(rows) - compiling,
        conditions.budget,
        _REPETITIONS,
        np.random.default_rng(0),
        conditions.compile_workers,
    )
    return random_simulation.ert_seconds(difficulty.n, difficulty.k, conditions.budget, searches)
