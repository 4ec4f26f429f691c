"""Interquartile means of the score over runs, and how often a run ends better than random search.

Agarwal et al. (2021), "Deep reinforcement learning at the edge of the statistical precipice": the mean of the middle
half of all (task, run) scores is less affected by outliers than the mean, and less by single tasks than the median. Its
interval is from a bootstrap that resamples the runs of every task, and is about these tasks.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import trim_mean

from analysis.progress import tracked
from analysis.reference import HEADLINE_TARGET, space_rows, true_latency
from analysis.statistics import score
from analysis.statistics.improvement import average, over_exact_random
from analysis.statistics.step_functions import StepFunctions, step_functions
from analysis.study.results import StudyResults

Floats = NDArray[np.float64]
COLUMNS = ["strategy", "measure", "value", "low", "high", "tasks", "runs"]
IQM, BETTER = "interquartile mean of P", "P(better than random)"
CUT = 0.25
"""The share of scores cut off at each end, in whole runs."""
REPLICATES = 2000
_SEED = 20261127


def aggregates(results: StudyResults) -> pd.DataFrame:
    """Both measures with 95% intervals by strategy, over counted recorded tasks.

    Returns:
        :data:`COLUMNS`; limits are nan without an interval (one run per task). Empty without recorded tasks.
    """
    scores: dict[str, list[Floats]] = {}
    wins: dict[str, list[tuple[Floats, Floats, int]]] = {}
    study, steps = results.study, results.steps
    latency = step_functions(steps, len(study.runs), "evaluation", steps["true_ms"], before=float("inf"))
    for task in tracked(sorted(results.counted[HEADLINE_TARGET] & set(study.references)), "scores"):
        true, t_star = true_latency(space_rows(study.references[task])), results.best.t_star_ms[task]
        for strategy, runs in study.runs[study.runs["task"] == task].groupby("strategy", sort=True):
            index, budget = runs.index.to_numpy(), int(min(runs["evaluations"].max(), len(true)))
            scaled = score.scale(true, budget)
            if scaled is not None:
                scores.setdefault(str(strategy), []).append(scaled.scores(latency.at(index, scaled.at)))
            final = _quality(latency, t_star).at(index, [budget])[:, 0]
            wins.setdefault(str(strategy), []).append((final, t_star / true, budget))
    rows = [_row(name, IQM, *interquartile(parts), parts) for name, parts in scores.items()]
    for name, tasks in wins.items():
        better = average([over_exact_random(final, table, budget) for final, table, budget in tasks])
        rows.append(_row(name, BETTER, better.value, better.interval(), [final for final, _, _ in tasks]))
    return pd.DataFrame(rows, columns=COLUMNS)


def interquartile(tasks: list[Floats]) -> tuple[float, tuple[float, float]]:
    """The mean of the middle half of all runs' scores, and its percentile interval; nan, nan for tasks with one run.

    Args:
        tasks: the scores of each task's runs.
    """
    centre = float(trim_mean(np.concatenate(tasks), CUT))
    if min(len(own) for own in tasks) < 2:
        return centre, (float("nan"), float("nan"))
    rng = np.random.default_rng(np.random.SeedSequence([_SEED, *(len(own) for own in tasks)]))
    drawn = np.concatenate([own[rng.integers(0, len(own), (REPLICATES, len(own)))] for own in tasks], axis=1)
    replicates = trim_mean(drawn, CUT, axis=1)
    if float(np.ptp(replicates)) <= 1e-12:
        return centre, (float("nan"), float("nan"))  # ties are not certainty
    low, high = np.quantile(replicates, [0.025, 0.975])
    return centre, (float(low), float(high))


def _quality(latency: StepFunctions, t_star: float) -> StepFunctions:
    return StepFunctions(latency.starts, latency.x, t_star / latency.value)


def _row(
    strategy: str, measure: str, value: float, limits: tuple[float, float], tasks: list[Floats]
) -> dict[str, object]:
    return {
        "strategy": strategy, "measure": measure, "value": value, "low": limits[0], "high": limits[1],
        "tasks": len(tasks), "runs": sum(len(own) for own in tasks),
    }  # fmt: skip
