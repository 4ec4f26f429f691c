"""Best-so-far quality t*/t of runs as step functions, and the law of exact random search beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import random_search, random_simulation
from analysis.incumbents import Optima, incumbent_steps
from analysis.load import Study
from analysis.reference import costs, pool, true_latency
from analysis.time_to_target import AXES

Floats = NDArray[np.float64]
COLUMNS = ["task", "strategy", "axis", "x", "median", "q25", "q75", "mean", "runs"]
EXACT_RANDOM = "exact_random"
_SIMULATED_SEARCHES = 200
_GRID_POINTS = 300


def run_curves(study: Study, optima: Optima) -> pd.DataFrame:
    """Median, quartiles and mean over seeds of the incumbent's quality, by its true latency.

    Every row is a step: the values hold from ``x`` to the next ``x`` (never interpolate). Quality is 0 before the
    first success. A run that ended keeps its last value; a strategy's curve ends where half of its runs have.

    Returns:
        Columns ``COLUMNS``; x in evaluations (from 1) or in s of the tuning clock.
    """
    t_star = study.runs["task"].map(optima.t_star_ms)
    parts = []
    for axis in AXES:
        steps = incumbent_steps(study.evaluations, by_clock=axis == "seconds")
        steps["x"] = steps["evaluation" if axis == "evaluations" else "clock_s"]
        steps["quality"] = t_star.loc[steps["run"]].to_numpy(np.float64) / steps["true_ms"].to_numpy(np.float64)
        by_run = dict(list(steps.groupby("run", sort=False)[["x", "quality"]]))
        ends = study.runs["evaluations" if axis == "evaluations" else "clock_s"]
        for (task, strategy), runs in study.runs.groupby(["task", "strategy"], sort=True):
            found = [by_run[run] for run in runs.index if run in by_run]
            start = 1.0 if axis == "evaluations" else 0.0
            end = float(ends.loc[runs.index].median())
            part = _quantiles(found, len(runs), start, end)
            parts.append(part.assign(task=str(task), strategy=str(strategy), axis=axis, runs=len(runs)))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _quantiles(curves: list[pd.DataFrame], runs: int, start: float, end: float) -> pd.DataFrame:
    """Quantiles over runs at every point where any run changes; runs without a success count as 0."""
    changes = np.concatenate([[start, end], *[curve["x"].to_numpy(np.float64) for curve in curves]])
    grid = np.unique(changes[changes <= end])
    values = np.zeros((runs, len(grid)))
    for row, curve in zip(values, curves, strict=False):
        at = np.searchsorted(curve["x"].to_numpy(np.float64), grid, side="right")
        row[:] = np.concatenate([[0.0], curve["quality"].to_numpy(np.float64)])[at]
    return _summary(grid, values)


def _summary(grid: Floats, values: Floats) -> pd.DataFrame:
    q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    return pd.DataFrame({"x": grid, "median": median, "q25": q25, "q75": q75, "mean": values.mean(axis=0)})


def random_curves(study: Study, optima: Optima) -> pd.DataFrame:
    """Exact random search on each recorded task, with the columns of :func:`run_curves`; ``runs`` is 0.

    In evaluations from the hypergeometric law over the whole table, failures included; in seconds from simulated
    searches with the task's compile workers.
    """
    parts = []
    for task, runs in study.runs.groupby("task", sort=True):
        name = str(task)
        if name not in study.references or not np.isfinite(optima.t_star_ms[name]):
            continue
        table = pool(study.references[name])
        quality = optima.t_star_ms[name] / true_latency(table)
        budget = int(min(runs["evaluations"].max(), len(table)))
        parts.append(_exact(quality, budget).assign(task=name, axis="evaluations"))
        until = float(runs["clock_s"].max())
        if until > 0 and np.isfinite(costs(table)).all():
            workers, sequential = int(runs["compile_workers"].max()), bool((runs["batch"] == 1).all())
            seconds = _simulated(table, quality, budget, until, workers, sequential and workers == 1)
            parts.append(seconds.assign(task=name, axis="seconds"))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True).assign(strategy=EXACT_RANDOM, runs=0)[COLUMNS]


def _exact(quality: Floats, budget: int) -> pd.DataFrame:
    expectation, levels = random_search.best_so_far(quality, budget)
    frame = pd.DataFrame(levels, columns=["q25", "median", "q75"])
    frame["x"], frame["mean"] = np.arange(1, budget + 1, dtype=np.float64), expectation
    return frame


def _simulated(
    table: pd.DataFrame, quality: Floats, budget: int, until: float, workers: int, sequential: bool
) -> pd.DataFrame:
    compiling = table["compile_s"].fillna(0.0).to_numpy(np.float64) if "compile_s" in table else 0.0 * quality
    searches = random_simulation.simulate(
        compiling,
        costs(table) - compiling,
        budget,
        _SIMULATED_SEARCHES,
        np.random.default_rng(0),
        workers,
        sequential,
    )
    best = np.maximum.accumulate(quality[searches.rows], axis=1)
    end = min(until, float(np.median(searches.end_s[:, -1])))
    first = float(searches.end_s[searches.end_s > 0].min())
    grid = np.concatenate([[0.0], np.geomspace(first, end, _GRID_POINTS)])
    values = np.zeros((len(best), len(grid)))
    for row, clock, level in zip(values, searches.end_s, best, strict=True):
        row[:] = np.concatenate([[0.0], level])[np.searchsorted(clock, grid, side="right")]
    return _summary(grid, values)
