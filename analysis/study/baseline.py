"""What strategies are compared with: a random search on the recorded table, or the runs of a strategy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import Difficulty, costs, is_hit, space_rows, true_latency
from analysis.statistics import noisy_random, random_search, random_simulation
from analysis.statistics.ert import LogEstimate
from analysis.statistics.readings import Readings

Floats = NDArray[np.float64]
EXACT_RANDOM = "exact_random"
NOISY_RANDOM = "noisy_random"
RANDOM_RUNS = "random"
HIERARCHICAL_RUNS = "random_hierarchical"
RANDOM_STRATEGIES = (RANDOM_RUNS, HIERARCHICAL_RUNS)
_REPETITIONS = 400
_SEED = 20261123


@dataclass(frozen=True)
class Baseline:
    """Which random search a speedup is relative to.

    Attributes:
        name: ``exact_random`` (closed form), ``noisy_random`` (simulated with the recording's noise), or the label
            of a strategy whose runs stand for it.
        workers: compile workers on the baseline's clock; ``None``: those of the runs compared with it.
        fallback: the strategy whose runs serve where there is no recorded table; ``None``: none.
    """

    name: str = EXACT_RANDOM
    workers: int | None = None
    fallback: str | None = None

    @property
    def from_table(self) -> bool:
        return self.name in (EXACT_RANDOM, NOISY_RANDOM)

    @property
    def label(self) -> str:
        """The ``baseline`` column."""
        return self.name if self.workers is None else f"{self.name}_{self.workers}_workers"


PRIMARY = Baseline(EXACT_RANDOM, fallback=RANDOM_RUNS)


@dataclass(frozen=True)
class Conditions:
    """How runs were executed, as far as the baseline's clock depends on it."""

    budget: int
    batch: int = 1
    compile_workers: int = 1

    @property
    def sequential(self) -> bool:
        """One evaluation at a time: nothing overlaps."""
        return self.batch == 1 and self.compile_workers == 1


def exact_random(table: pd.DataFrame, difficulty: Difficulty, axis: str, conditions: Conditions) -> LogEstimate | None:
    """log ERT of exact random search at the strategy's budget (in evaluations); ``None`` without known costs.

    In seconds: the closed form for one worker and batches of one, else simulated with the same workers.
    """
    n, k, budget = difficulty.n, difficulty.k, conditions.budget
    if axis == "evaluations":
        return LogEstimate(float(np.log(random_search.ert(n, k, budget))))
    if not np.isfinite(difficulty.miss_cost_s + difficulty.hit_cost_s):
        return None
    if conditions.sequential:
        seconds = random_search.ert_seconds(n, k, budget, difficulty.miss_cost_s, difficulty.hit_cost_s)
    else:
        seconds = _simulated_seconds(table, difficulty, conditions)
    return LogEstimate(float(np.log(seconds))) if seconds > 0 else None


def split_costs(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Seconds on a compile worker, and on the GPU, of every row. [N] twice"""
    compiling = rows["compile_s"].fillna(0.0).to_numpy(np.float64) if "compile_s" in rows else np.zeros(len(rows))
    return compiling, costs(rows) - compiling


def _simulated_seconds(table: pd.DataFrame, difficulty: Difficulty, conditions: Conditions) -> float:
    compiling, device = split_costs(space_rows(table))
    rng = np.random.default_rng(np.random.SeedSequence([_SEED, conditions.budget, conditions.compile_workers]))
    searches = random_simulation.simulate(
        compiling, device, conditions.budget, _REPETITIONS, rng, conditions.compile_workers
    )
    return random_simulation.ert_seconds(difficulty.n, difficulty.k, conditions.budget, searches)


def noise_slowdowns(
    table: pd.DataFrame, readings: Readings, t_star_ms: float, targets: tuple[float, ...], conditions: Conditions
) -> dict[tuple[float, str], float]:
    """(target, axis) to the ERT of noisy over exact random search under ``conditions``.

    Args:
        readings: of the rows of ``table``, in their order.
    """
    inside = np.flatnonzero(table.index.isin(space_rows(table).index))
    rows = table.iloc[inside]
    compiling, device = (np.nan_to_num(part) for part in split_costs(rows))
    of_space = Readings(readings.samples_ms[inside], readings.counts[inside])
    seed = np.random.SeedSequence([_SEED, conditions.budget, conditions.compile_workers, conditions.batch])
    searches, read = noisy_random.simulated(
        compiling, device, of_space, conditions.budget, conditions.compile_workers, conditions.sequential, seed
    )
    true = true_latency(rows)
    slowdowns: dict[tuple[float, str], float] = {}
    for target in targets:
        cost = noisy_random.slowdown(searches, read, true, is_hit(true, t_star_ms, target))
        slowdowns |= {(target, "evaluations"): cost.evaluations, (target, "seconds"): cost.seconds}
    return slowdowns
