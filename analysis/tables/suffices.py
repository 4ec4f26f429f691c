"""The tasks on which random or grid search suffices, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import HEADLINE_TARGET, difficulty
from analysis.statistics import random_search
from analysis.study.baseline import RANDOM_STRATEGIES
from analysis.study.results import StudyResults
from analysis.study.speedup import task_rows
from analysis.study.workers import usual_and_others
from analysis.tables.lacking import Lacking
from analysis.tables.table import Table, figure, percent, text_rows, times_cell

ENOUGH = 0.95
GRID = "grid"


def suffices(results: StudyResults, target: float = HEADLINE_TARGET) -> Table | None:
    """One row per counted task with a recorded table."""
    rows = [_row(results, task, target) for task in sorted(results.counted[target] & set(results.study.references))]
    if not rows:
        return None
    lacking = Lacking(results)
    marks = {(r["task"], who): lacking.mark(who, [r["task"]], one=True) for r in rows for who in (GRID, r["fastest"])}
    for row in rows:
        for who, name in ((GRID, "grid"), (row["fastest"], "fastest")):
            counts = lacking.counts(who, [row["task"]], one=True)
            row |= {f"{name}_{key}": count for key, count in counts.items()}
    named = {kind: [r["task"] for r in rows if r["suffices"] in (kind, "both")] for kind in ("random", GRID)}
    clock, told = usual_and_others({row["task"]: (row["workers"], row["baseline_workers"]) for row in rows})
    said = [f"{kind} suffices on {', '.join(tasks)}" for kind, tasks in named.items() if tasks]
    return Table(
        name="random-suffices",
        title=f"Where random or grid search suffices (within {target:.0%})",
        caption=(
            "Random suffices where exact random search hits within the budget with a probability of at least "
            f"{ENOUGH:.0%}, grid where at least that share of its runs hits. Saved: the share that the fastest "
            f"strategy saves of random's expected seconds. {'; '.join(said) or 'Neither suffices on any task here'}."
            + lacking.note(sorted({GRID, *(r["fastest"] for r in rows)} - {""}), [r["task"] for r in rows], one=True)
        ),
        headers=(
            "task",
            "stratum",
            "E[T]",
            "P(hit) of random",
            "of grid",
            "fastest strategy",
            f"saved, {clock}",
            "suffices",
        ),
        rows=text_rows(
            [
                _cells(row, marks[row["task"], GRID], marks[row["task"], row["fastest"]], told.get(row["task"], ""))
                for row in rows
            ]
        ),
        data=pd.DataFrame(rows),
    )


def _row(results: StudyResults, task: str, target: float) -> dict[str, Any]:
    hard = difficulty(results.study.references[task], results.best.t_star_ms[task], target)
    table = task_rows(results.speedups)
    table = table[(table["task"] == task) & (table["target"] == target)]
    budget = table["budget"].iloc[0]
    random = random_search.hit_probability(hard.n, hard.k, budget)
    grid = table[(table["strategy"] == GRID) & (table["axis"] == "evaluations")]
    of_grid = float((grid["hits"] / grid["runs"]).iloc[0]) if len(grid) else float("nan")
    row: dict[str, Any] = {
        "task": task,
        "stratum": results.strata[task],
        "expected_evaluations": hard.expected_evaluations,
        "budget": budget,
        "random_hit_probability": random,
        "grid_hit_rate": of_grid,
        "fastest": "",
        "speedup": float("nan"),
        "speedup_low": float("nan"),
        "speedup_high": float("nan"),
        "saved_s": float("nan"),
        "workers": float("nan"),
        "baseline_workers": float("nan"),
        "suffices": {(True, True): "both", (True, False): "random", (False, True): GRID}.get(
            (random >= ENOUGH, of_grid >= ENOUGH), ""
        ),
    }
    rivals = table[~table["strategy"].isin([*RANDOM_STRATEGIES, GRID]) & (table["bound"] == "none")]
    own = rivals[rivals["axis"] == "evaluations"]
    if len(own):
        best = own.sort_values("speedup").iloc[-1]
        row |= {name: best[name] for name in ("speedup", "speedup_low", "speedup_high")} | {"fastest": best["strategy"]}
        seconds = rivals[(rivals["axis"] == "seconds") & (rivals["strategy"] == best["strategy"])]
        if len(seconds):
            row["saved_s"] = float(seconds["ert"].iloc[0] * (seconds["speedup"].iloc[0] - 1))
            row |= {name: float(seconds[name].iloc[0]) for name in ("workers", "baseline_workers")}
    return row


def _cells(row: dict[str, Any], of_grid: str, of_fastest: str, workers: str) -> list[str]:
    own = f" ({workers})" if workers else ""
    fastest = f"{row['fastest']} {times_cell(row['speedup'], row['speedup_low'], row['speedup_high'])}{of_fastest}"
    return [
        row["task"],
        row["stratum"],
        figure(row["expected_evaluations"]),
        percent(row["random_hit_probability"]),
        percent(row["grid_hit_rate"]) + of_grid,
        fastest if row["fastest"] else "none hit",
        figure(row["saved_s"]) + own + of_fastest if np.isfinite(row["saved_s"]) else "–",
        row["suffices"] or "no",
    ]
