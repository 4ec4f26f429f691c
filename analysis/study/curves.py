"""Best-so-far quality t*/t of runs as step functions, and the law of random search for comparison.

A curve covers one task, or all (task, seed) pairs of a kernel, each pair with equal weight.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import kernel_of, space_rows, true_latency
from analysis.runs.load import Study
from analysis.statistics import random_search
from analysis.statistics.step_functions import step_functions
from analysis.study.incumbents import Optima, incumbent_steps
from analysis.study.simulated_random import RandomSearches
from analysis.study.time_to_target import AXES
from analysis.study.workers import common_workers

Floats = NDArray[np.float64]
COLUMNS = ["strategy", "axis", "x", "median", "q25", "q75", "mean", "runs", "workers"]
"""After ``task`` or ``kernel``.

A row holds from its x to the next x; never interpolate. ``workers`` are the compile workers of the clock; nan if the
runs differ in them.
"""
EXACT_RANDOM = "exact_random"
_CLOCK_POINTS = 300
_QUALITIES = 1.0 - np.linspace(1.0, 0.0, 801) ** 2
"""The grid on which the mixture of several tasks' laws is inverted, dense towards the optimum."""


def run_curves(study: Study, optima: Optima, by: str = "task") -> pd.DataFrame:
    """The median, quartiles and mean over runs of the incumbent's quality, by its true latency.

    Quality is 0 before the first success. A run that has ended keeps its last value; a strategy's curve ends when half
    of its runs have ended.

    Args:
        by: ``task`` or ``kernel``: what a curve covers.

    Returns:
        ``by`` and ``COLUMNS``; x in evaluations (from 1) or in s of the tuning clock.
    """
    t_star = study.runs["task"].map(optima.t_star_ms)
    parts = []
    for axis in AXES:
        steps = incumbent_steps(study.evaluations, by_clock=axis == "seconds")
        quality = t_star.loc[steps["run"]].to_numpy(np.float64) / steps["true_ms"].to_numpy(np.float64)
        x = "evaluation" if axis == "evaluations" else "clock_s"
        curves = step_functions(steps, int(study.runs.index.max()) + 1, x, quality)
        ends = study.runs["evaluations" if axis == "evaluations" else "clock_s"]
        for (group, strategy), runs in study.runs.groupby([by, "strategy"], sort=True):
            index = runs.index.to_numpy()
            end = float(ends.loc[index].median())
            changes = np.concatenate([curves.of(run)[0] for run in index.tolist()])
            grid = _grid(axis, changes, end)
            part = _summary(grid, curves.at(index, grid)).assign(workers=common_workers(runs["compile_workers"]))
            parts.append(part.assign(**{by: str(group)}, strategy=str(strategy), axis=axis, runs=len(runs)))
    return pd.concat(parts, ignore_index=True)[[by, *COLUMNS]]


def _grid(axis: str, changes: Floats, end: float) -> Floats:
    """Every point at which a run changes; on the clock, at most a fixed number of points."""
    start = 1.0 if axis == "evaluations" else 0.0
    points = np.unique(np.concatenate([[start, end], changes[changes <= end]]))
    if axis == "evaluations" or len(points) <= _CLOCK_POINTS:
        return points
    inside = points[points > 0]
    return np.concatenate([[0.0], np.geomspace(inside[0], end, _CLOCK_POINTS)])


def _summary(grid: Floats, values: Floats) -> pd.DataFrame:
    q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    return pd.DataFrame({"x": grid, "median": median, "q25": q25, "q75": q75, "mean": values.mean(axis=0)})


def random_curves(
    study: Study, optima: Optima, simulated: Mapping[str, RandomSearches], by: str = "task"
) -> pd.DataFrame:
    """The curves of random search on the recorded tasks, with the columns of :func:`run_curves`; ``runs`` is 0.

    In evaluations they come from the hypergeometric law over the whole table, failures included; in seconds from
    simulated searches with the task's compile workers.
    """
    tasks = [task for task in sorted(study.references) if np.isfinite(optima.t_star_ms.get(task, np.inf))]
    groups: dict[str, list[str]] = {}
    for task in tasks:
        groups.setdefault(kernel_of(task) if by == "kernel" else task, []).append(task)
    parts = []
    for group, members in groups.items():
        runs = study.runs[study.runs["task"].isin(members)]
        qualities = [optima.t_star_ms[task] / true_latency(space_rows(study.references[task])) for task in members]
        budget = int(runs["evaluations"].max())
        parts.append(_law(qualities, budget).assign(**{by: group}, axis="evaluations", workers=float("nan")))
        clocks = [simulated[task] for task in members if task in simulated]
        if clocks:
            own = common_workers(clock.workers for clock in clocks)
            part = _clocked(clocks, float(runs["clock_s"].max()))
            parts.append(part.assign(**{by: group}, axis="seconds", workers=own))
    if not parts:
        return pd.DataFrame(columns=[by, *COLUMNS])
    return pd.concat(parts, ignore_index=True).assign(strategy=EXACT_RANDOM, runs=0)[[by, *COLUMNS]]


def _law(qualities: list[Floats], budget: int) -> pd.DataFrame:
    """The exact law of the best quality after t = 1 .. B draws, with tasks mixed at equal weight."""
    steps = min(budget, max(len(quality) for quality in qualities))
    mean = np.zeros(steps)
    if len(qualities) == 1:
        mean, levels = random_search.best_so_far(qualities[0], steps)
    else:
        draws = np.arange(1, steps + 1)
        at_most = np.zeros((steps, len(_QUALITIES)))  # P(best quality <= q)
        for quality in qualities:
            n, ordered = len(quality), np.sort(quality)
            better = n - np.searchsorted(ordered, _QUALITIES * (1 + 1e-12), side="right")
            for j, k in enumerate(better.tolist()):
                at_most[:, j] += random_search.survival(n, k, np.minimum(draws, n)) / len(qualities)
            expected, _ = random_search.best_so_far(quality, steps, ())
            mean += np.concatenate([expected, np.full(steps - len(expected), expected[-1])]) / len(qualities)
        first = [(at_most >= q - 1e-12).argmax(axis=1) for q in (0.25, 0.5, 0.75)]
        levels = np.stack([_QUALITIES[index] for index in first], axis=1)
    frame = pd.DataFrame(levels, columns=["q25", "median", "q75"])
    frame["x"], frame["mean"] = np.arange(1, steps + 1, dtype=np.float64), mean
    return frame


def _clocked(clocks: list[RandomSearches], until: float) -> pd.DataFrame:
    end = min(until, float(np.median(np.concatenate([clock.end_s[:, -1] for clock in clocks]))))
    first = min(float(clock.end_s[clock.end_s > 0].min()) for clock in clocks)
    grid = np.concatenate([[0.0], np.geomspace(first, max(end, first), _CLOCK_POINTS)])
    return _summary(grid, np.concatenate([clock.at(grid) for clock in clocks]))
