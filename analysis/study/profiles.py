"""Data profiles and performance profiles: the share of problems solved against the work.

A problem is a (task, target). A data profile (Moré & Wild 2009) measures work relative to the problem's difficulty:
evaluations over E[T] of exact random search, so that easy and hard tasks can be combined. A performance profile (Dolan
& Moré 2002) measures it relative to the best strategy: ERT over the smallest ERT of the strategies compared.

Bands are for other tasks like these, point by point: t intervals over tasks. Two targets of one task, or one task on
two devices, are one cluster rather than two tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from analysis.reference import TARGETS, Difficulty, device_of, difficulty
from analysis.statistics import random_search
from analysis.study.baseline import EXACT_RANDOM
from analysis.study.results import StudyResults
from analysis.study.speedup import task_rows

Floats = NDArray[np.float64]
Problems = Iterable[tuple[tuple[str, float], pd.DataFrame]]
COLUMNS = ["strategy", "x", "solved", "low", "high", "problems", "tasks"]
"""``tasks`` is the number of clusters behind the band."""
POINTS = 120
FEWEST = 3
"""Fewest tasks for a band; fewer do not show how tasks differ."""


def data_profiles(results: StudyResults) -> pd.DataFrame:
    """The share of (task, target, seed) solved, by evaluations over E[T] of exact random search; equal weight per
    problem.

    A run that missed stays unsolved beyond its budget too. Only recorded tasks that count in aggregates and have hits
    are included.

    Returns:
        :data:`COLUMNS`, a row per strategy and point; ``exact_random`` by its law, with the largest
        budget of a task. Empty without recorded tasks.
    """
    hard = _difficulties(results)
    times = results.times[results.times["axis"] == "evaluations"]
    keys = zip(times["task"], times["target"], strict=True)
    times = times[np.array([key in hard for key in keys], dtype=bool)]
    if times.empty:
        return pd.DataFrame(columns=COLUMNS)
    expected = [hard[key].expected_evaluations for key in zip(times["task"], times["target"], strict=True)]
    times = times.assign(x=times["time"] / np.array(expected), end=times["cost"] / np.array(expected))
    grid = np.geomspace(float(times["end"].min()), float(times["end"].max()), POINTS)
    parts = []
    for strategy, rows in times.groupby("strategy", sort=True):
        curves = {
            (task, target): _share(part["x"].dropna().to_numpy(np.float64), len(part), grid)
            for (task, target), part in cast(Problems, rows.groupby(["task", "target"], sort=True))
        }
        parts.append(_profile(str(strategy), grid, curves))
    law = {
        key: _law(hard[key], grid, float(part["budget"].max()))
        for key, part in cast(Problems, times.groupby(["task", "target"], sort=True))
    }
    return pd.concat([*parts, _profile(EXACT_RANDOM, grid, law)], ignore_index=True)[COLUMNS]


def performance_profiles(results: StudyResults, strategies: Sequence[str]) -> pd.DataFrame:
    """The share of (task, target) whose ERT is at most x times the smallest ERT of the strategies compared.

    Only problems on which all ``strategies`` have runs and that one of them solved are included; a strategy that never
    hit has not solved the problem at any x.

    Returns:
        :data:`COLUMNS`; empty if the strategies have no problem in common.
    """
    rows = task_rows(results.speedups)
    rows = rows[(rows["axis"] == "evaluations") & rows["strategy"].isin(list(strategies))]
    keys = zip(rows["task"], rows["target"], strict=True)
    rows = rows[np.array([task in results.counted[target] for task, target in keys], dtype=bool)]
    ert = rows["ert"].where(rows["hits"] > 0, np.inf)
    table = rows.assign(ert=ert).pivot_table(
        index=["task", "target"], columns="strategy", values="ert", aggfunc="first"
    )
    table = table.reindex(columns=list(strategies)).dropna()
    table = table[np.isfinite(table.min(axis=1))]
    if table.empty or len(strategies) < 2:
        return pd.DataFrame(columns=COLUMNS)
    ratio = table.div(table.min(axis=1), axis=0)
    finite = ratio.to_numpy()[np.isfinite(ratio.to_numpy())]
    grid = np.geomspace(1.0, max(2.0, float(finite.max())), POINTS)
    parts = []
    for strategy in strategies:
        curves = {
            (str(task), float(target)): (grid >= value * (1 - 1e-12)).astype(np.float64)
            for (task, target), value in zip(ratio.index, ratio[strategy], strict=True)
        }
        parts.append(_profile(strategy, grid, curves))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _difficulties(results: StudyResults) -> dict[tuple[str, float], Difficulty]:
    found = {
        (task, target): difficulty(results.study.references[task], results.best.t_star_ms[task], target)
        for target in TARGETS
        for task in sorted(results.counted[target] & set(results.study.references))
    }
    return {key: one for key, one in found.items() if one.k > 0}


def _law(hard: Difficulty, grid: Floats, budget: float) -> Floats:
    """P(T <= x E[T]) of exact random search that ends at the runs' budget."""
    draws = np.minimum(np.floor(grid * hard.expected_evaluations * (1 + 1e-12)), min(hard.n, budget))
    return 1.0 - random_search.survival(hard.n, hard.k, draws)


def _share(solved_at: Floats, runs: int, grid: Floats) -> Floats:
    return np.searchsorted(np.sort(solved_at), grid * (1 + 1e-12), side="right") / runs


def _profile(strategy: str, grid: Floats, curves: Mapping[tuple[str, float], Floats]) -> pd.DataFrame:
    """The mean of the problems' curves, with its band."""
    by_task: dict[str, list[Floats]] = {}
    for (task, _), curve in sorted(curves.items()):
        by_task.setdefault(task.removesuffix(f"__{device_of(task)}"), []).append(curve)
    sums = np.stack([np.sum(own, axis=0) for own in by_task.values()])
    counts = np.array([len(own) for own in by_task.values()], dtype=np.float64)
    low, high = band(sums, counts)
    return pd.DataFrame({"x": grid, "solved": sums.sum(axis=0) / counts.sum(), "low": low, "high": high}).assign(
        strategy=strategy, problems=len(curves), tasks=len(by_task)
    )


def band(sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """95% limits, point by point, of the ratio R = sum(sums) / sum(counts) for other tasks like these.

    t interval of a ratio over n clusters: se = sqrt(n / (n - 1) * sum((sums - R counts)^2)) / sum(counts), n - 1
    degrees of freedom, cut to [0, 1]. Percentiles over resampled tasks covered the truth in 88%. nan with fewer than
    FEWEST tasks, and if all tasks are equal, because ties are not certainty.

    Args:
        sums: the sum over each task's problems. [tasks, points]
        counts: number of problems of each task. [tasks]
    """
    number, points = sums.shape
    if number < FEWEST:
        return np.full(points, np.nan), np.full(points, np.nan)
    ratio = sums.sum(axis=0) / counts.sum()
    squares = np.square(sums - np.outer(counts, ratio)).sum(axis=0)
    se = np.sqrt(number / (number - 1) * squares) / counts.sum()
    half = np.where(se > 1e-12, stdtrit(number - 1, 0.975) * se, np.nan)
    return np.maximum(ratio - half, 0.0), np.minimum(ratio + half, 1.0)
