"""The incumbents of many runs, and the optimum by which they are judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import true_latency
from analysis.runs.contract import ENDED_FAILED
from analysis.runs.load import Study


def incumbent_steps(evaluations: pd.DataFrame, by_clock: bool = False) -> pd.DataFrame:
    """Every change of incumbent: the first evaluation with the lowest observed latency so far.

    Args:
        evaluations: as in :class:`analysis.runs.load.Study`.
        by_clock: order by the end on the tuning clock instead of the index (they differ if evaluations overlap).

    Returns:
        A table with one row per change, in order: run, evaluation (counted from 1), clock_s, latency_ms (observed)
        and true_ms (the oracle latency if it is known, else the observed one).
    """
    rows = evaluations
    if by_clock and not _clock_is_monotone(evaluations):
        rows = evaluations.iloc[np.lexsort((evaluations["clock_end_s"], evaluations["run"]))]
    run = rows["run"].to_numpy()
    observed = np.where(rows["ok"], rows["latency_ms"], np.inf)
    best = pd.Series(observed).groupby(run, sort=False).cummin().to_numpy()
    before = np.concatenate([[np.inf], best[:-1]])
    before[_starts(run)] = np.inf
    changed = observed < before
    steps = rows.loc[changed, ["run", "index", "clock_end_s", "latency_ms", "oracle_ms"]]
    return pd.DataFrame(
        {
            "run": steps["run"].to_numpy(),
            "evaluation": steps["index"].to_numpy() + 1,
            "clock_s": steps["clock_end_s"].to_numpy(),
            "latency_ms": steps["latency_ms"].to_numpy(),
            "true_ms": np.where(steps["oracle_ms"].notna(), steps["oracle_ms"], steps["latency_ms"]),
        }
    )


def delivered_steps(study: Study) -> pd.DataFrame:
    """:func:`incumbent_steps` of a study; ``true_ms`` is inf for runs that failed, because they delivered nothing."""
    steps = incumbent_steps(study.evaluations)
    broken = (study.runs["ended"] == ENDED_FAILED).reindex(steps["run"]).to_numpy(dtype=bool)
    return steps.assign(true_ms=steps["true_ms"].mask(broken, np.inf))


def _starts(run: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.concatenate([[True], run[1:] != run[:-1]]) if len(run) else np.zeros(0, dtype=bool)


def _clock_is_monotone(evaluations: pd.DataFrame) -> bool:
    ahead = np.diff(evaluations["clock_end_s"].to_numpy()) >= 0
    return bool(np.all(ahead | _starts(evaluations["run"].to_numpy())[1:]))


@dataclass(frozen=True)
class Optima:
    """The true optimum of each task.

    Attributes:
        t_star_ms: t* of each task, in ms.
        beaten: for each task, the numbers of the runs that found a latency below the known t*.
    """

    t_star_ms: dict[str, float]
    beaten: dict[str, list[int]]


def optima(study: Study) -> Optima:
    """Find t* of each task: the frozen one, else the recorded table's, else config.yaml's, else the best of any run.

    A run that finds a latency below t* is listed, and lowers t* for all runs of the task unless it is frozen. The plain
    readings of a run that broke down do not lower it.
    """
    fastest = fastest_finds(study)
    t_star: dict[str, float] = {}
    beaten: dict[str, list[int]] = {}
    for task, runs in study.runs.groupby("task", sort=True):
        name = str(task)
        known = known_optimum(study, name)
        best = float(fastest.loc[runs.index].min())
        if np.isfinite(known):
            better = fastest.loc[runs.index] < known * (1 - 1e-12)
            beaten[name] = [int(run) for run in better.index[better]]
        t_star[name] = known if name in study.frozen else min(known, best)
    return Optima(t_star, {task: runs for task, runs in beaten.items() if runs})


def known_optimum(study: Study, task: str, without: str | None = None) -> float:
    """Return the optimum of a task that was known before its runs, in ms; inf if none was.

    Args:
        without: the strategy whose finds do not count.
    """
    if task in study.frozen:
        return min((found for who, found in study.frozen[task].items() if who != without), default=float("inf"))
    if task in study.references:
        return float(true_latency(study.references[task]).min())
    recorded = float(study.runs["t_star_ms"][study.runs["task"] == task].min())
    return recorded if np.isfinite(recorded) else float("inf")


def fastest_finds(study: Study) -> pd.Series[float]:
    """Return the lowest true latency that each run measured, in ms; inf if it has none. Index: run."""
    rows = study.evaluations
    broken = (study.runs["ended"] == ENDED_FAILED).reindex(rows["run"]).to_numpy()
    readings = np.where(broken, np.inf, rows["latency_ms"])
    true = np.where(rows["oracle_ms"].notna(), rows["oracle_ms"], readings)
    true = np.where(rows["ok"], true, np.inf)
    return pd.Series(true).groupby(rows["run"].to_numpy()).min().reindex(study.runs.index, fill_value=np.inf)
