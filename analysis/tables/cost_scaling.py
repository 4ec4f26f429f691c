"""The speedup in seconds with all costs scaled, which shows when measurements are too cheap for a model.

Compile, verify and benchmark times are scaled. The strategy's own time (ask and tell, as measured on the machine that
replayed) is not. With cheap measurements the strategy's own time dominates; with expensive ones the speedup tends to
that in weighted evaluations. Random search has no time of its own. Runs asked in batches are left out, because their
clock overlaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import HEADLINE_TARGET, is_hit, space_rows, true_latency
from analysis.runs.rules import NO_RULES
from analysis.statistics import random_search
from analysis.statistics.ert import estimate
from analysis.study.results import StudyResults
from analysis.study.simulated_baseline import split_costs
from analysis.study.workers import one_after_another
from analysis.tables.lacking import Lacking, with_counts
from analysis.tables.table import Table, text_rows, times_cell

Floats = NDArray[np.float64]
FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
SCALED = ("compile and benchmark", "compile", "benchmark")


def cost_scaling(results: StudyResults, target: float = HEADLINE_TARGET) -> Table | None:
    """Geometric mean over counted tasks; ``None`` if no run has recorded costs."""
    data = scaled_speedups(results, target)
    if data.empty:
        return None
    strategies = sorted(set(data["strategy"]))
    lacking, tasks = Lacking(results), results.counted[target]
    marks = [lacking.mark(name, tasks) for name in strategies]
    data = with_counts(data, lacking, lambda _: tasks)
    cells = {(r["strategy"], r["scaled"], r["factor"]): r for r in data.to_dict("records")}
    rows = []
    for scaled in SCALED:
        for factor in FACTORS:
            speedups = [cells.get((name, scaled, factor)) for name in strategies]
            rows.append(
                [
                    f"{scaled} ×{factor:g}",
                    *map(_cell, speedups, marks),
                ]
            )
    return Table(
        name="cost-scaling",
        title=f"Speedup within {target:.0%} in {one_after_another()}, ask and tell included, with costs scaled",
        caption=(
            "Geometric mean of ERT ratios over tasks, one compile worker. The strategy's own ask and tell are charged "
            "as measured and not scaled, so that cheap measurements show their share. “<”: some task was "
            "never solved." + lacking.note(strategies, tasks)
        ),
        headers=("costs", *strategies),
        rows=text_rows(rows),
        data=data,
    )


def scaled_speedups(results: StudyResults, target: float) -> pd.DataFrame:
    """A table with the columns strategy, scaled, factor, speedup, bound and tasks."""
    runs = results.study.runs
    spent = spent_parts(results, target)
    logs: dict[tuple[str, str, float], list[tuple[float, bool]]] = {}
    for task in sorted(results.counted[target] & set(results.study.references)):
        recorded = _recorded(results, task, target)
        of_task = runs[(runs["task"] == task) & (runs["batch"] == 1)]
        of_task = of_task[of_task["rules"] == NO_RULES] if "rules" in of_task else of_task  # the law assumes no rules
        for strategy, own in of_task.groupby("strategy", sort=True):
            parts = spent.loc[own.index]
            compile_s, device_s, own_s = parts[["compile_s", "device_s", "own_s"]].to_numpy(np.float64).T
            if recorded is None or np.isnan(compile_s + device_s + own_s).any():
                continue
            budget, hit = max(1, round(float(parts["budget"].iloc[0]))), parts["hit"].to_numpy()
            for scaled in SCALED:
                for factor in FACTORS:
                    compiling, device = _factors(scaled, factor)
                    base = recorded.random_seconds(budget, compiling, device)
                    result = estimate(compiling * compile_s + device * device_s + own_s, hit)
                    key = str(strategy), scaled, factor
                    logs.setdefault(key, []).append((float(np.log(base / result.ert)), result.bounded))
    rows: list[dict[str, Any]] = []
    for (name, scaled, factor), of_tasks in logs.items():
        speedup = float(np.exp(np.mean([log for log, _ in of_tasks])))
        bound = "upper" if any(bounded for _, bounded in of_tasks) else "none"
        rows.append({"strategy": name, "scaled": scaled, "factor": factor, "speedup": speedup, "bound": bound})
        rows[-1]["tasks"] = len(of_tasks)
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class RecordedCosts:
    """Mean costs in s of the misses and of the hits of a recorded table, each as (compile, device)."""

    n: int
    k: int
    miss: tuple[float, float]
    hit: tuple[float, float]

    def random_seconds(self, budget: int, compiling: float, device: float) -> float:
        """ERT in s of exact random search, with compile and device costs scaled by the two factors."""
        miss_s, hit_s = (compiling * part[0] + device * part[1] for part in (self.miss, self.hit))
        return random_search.ert_seconds(self.n, self.k, budget, miss_s, hit_s)


def _recorded(results: StudyResults, task: str, target: float) -> RecordedCosts | None:
    rows = space_rows(results.study.references[task])
    costs = np.stack(split_costs(rows))
    hit = is_hit(true_latency(rows), results.best.t_star_ms[task], target)
    if not hit.any() or not np.isfinite(costs).all() or costs.sum() <= 0:
        return None
    miss = costs[:, ~hit].mean(axis=1) if (~hit).any() else np.zeros(2)
    near = costs[:, hit].mean(axis=1)
    return RecordedCosts(len(rows), int(hit.sum()), (float(miss[0]), float(miss[1])), (float(near[0]), float(near[1])))


def spent_parts(results: StudyResults, target: float) -> pd.DataFrame:
    """For each run: hit, budget, and compile_s, device_s and own_s spent up to T, or in total without a hit."""
    times = results.times[(results.times["axis"] == "evaluations") & (results.times["target"] == target)]
    times = times.set_index("run").reindex(results.study.runs.index)
    rows = results.study.evaluations
    inside = (rows["index"] + 1).to_numpy() <= times["cost"].to_numpy()[rows["run"].to_numpy()]
    sums = rows.loc[inside].groupby("run")[["compile_s", "device_s", "own_s"]].sum(min_count=1)
    known = rows.loc[inside].groupby("run")[["compile_s", "device_s", "own_s"]].count()
    complete = known.eq(known.max(axis=1), axis=0) & known.gt(0)
    return times[["hit", "budget"]].join(sums.where(complete))


def _factors(scaled: str, factor: float) -> tuple[float, float]:
    return (factor if scaled != "benchmark" else 1.0), (factor if scaled != "compile" else 1.0)


def _cell(row: dict[Any, Any] | None, mark: str) -> str:
    return "–" if row is None else times_cell(row["speedup"], float("nan"), float("nan"), row["bound"]) + mark
