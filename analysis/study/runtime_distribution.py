"""The share of (task, seed) pairs solved over time at each target, also for random search."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.reference import TARGETS, difficulty
from analysis.statistics import random_search
from analysis.study.results import StudyResults
from analysis.study.simulated_random import RandomSearches
from analysis.study.workers import common_workers

COLUMNS = ["strategy", "axis", "target", "x", "solved", "runs", "ended", "workers"]
"""``workers``: compile workers of the clock; nan if the runs differ in them."""
EXACT_RANDOM = "exact_random"
_POINTS = 200


def run_distributions(results: StudyResults) -> pd.DataFrame:
    """The steps of the share solved; ``ended`` marks the last row of a curve, when half of the unsolved runs had ended.

    All counted (task, seed) pairs have equal weight; pairs that are never solved are censored.
    """
    times = results.times
    times = times[
        [task in results.counted[target] for task, target in zip(times["task"], times["target"], strict=True)]
    ]
    parts, workers = [], results.study.runs["compile_workers"]
    for (strategy, axis, target), rows in times.groupby(["strategy", "axis", "target"], sort=True):
        hit = np.sort(rows.loc[rows["hit"], "time"].to_numpy(np.float64))
        missed = rows.loc[~rows["hit"], "cost"].to_numpy(np.float64)
        end = max([float(np.median(missed))] if len(missed) else [0.0], default=0.0)
        end = max(end, float(hit[-1]) if len(hit) else end)
        x = np.concatenate([hit, [end]])
        solved = np.concatenate([np.arange(1, len(hit) + 1), [len(hit)]]) / len(rows)
        frame = pd.DataFrame({"x": x, "solved": solved}).groupby("x", as_index=False)["solved"].max()
        frame["ended"] = frame["x"] == end
        own = common_workers(workers.loc[rows["run"]])
        parts.append(frame.assign(strategy=strategy, axis=axis, target=target, runs=len(rows), workers=own))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def random_distributions(results: StudyResults, simulated: Mapping[str, RandomSearches]) -> pd.DataFrame:
    """The same for random search, with equal weight per task: exact in evaluations, simulated in seconds."""
    runs, parts = results.study.runs, []
    for target in TARGETS:
        tasks = sorted(results.counted[target] & set(results.study.references))
        if not tasks:
            continue
        last = int(runs.loc[runs["task"].isin(tasks), "evaluations"].max())
        draws = np.arange(1, last + 1)
        solved = np.zeros(last)
        for task in tasks:
            hard = difficulty(results.study.references[task], results.best.t_star_ms[task], target)
            solved += 1.0 - random_search.survival(hard.n, hard.k, np.minimum(draws, hard.n))
        frame = pd.DataFrame({"x": draws.astype(np.float64), "solved": solved / len(tasks)})
        parts.append(frame.assign(axis="evaluations", target=target, workers=float("nan")))
        clocks = [simulated[task] for task in tasks if task in simulated]
        if clocks:
            end = max(float(clock.end_s[:, -1].mean()) for clock in clocks)
            grid = np.geomspace(min(float(clock.end_s[:, 0].min()) for clock in clocks) + 1e-9, end, _POINTS)
            near = (1.0 - 1e-9) / (1.0 + target)
            share = np.mean([(clock.at(grid) >= near).mean(axis=0) for clock in clocks], axis=0)
            own = common_workers(clock.workers for clock in clocks)
            frame = pd.DataFrame({"x": grid, "solved": share})
            parts.append(frame.assign(axis="seconds", target=target, workers=own))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True).assign(strategy=EXACT_RANDOM, runs=0, ended=False)[COLUMNS]
