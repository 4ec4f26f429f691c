"""Compute everything that a report needs, once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.progress import tracked
from analysis.reference import TARGETS, StratumRule
from analysis.runs.library import Library
from analysis.runs.load import Study, load_study
from analysis.statistics.until_precise import Simulated
from analysis.study.baseline import (
    EXACT_BY_PARAMETER,
    EXACT_RANDOM,
    HIERARCHICAL_RUNS,
    NOISY_BY_PARAMETER,
    NOISY_RANDOM,
    PRIMARY,
    RANDOM_RUNS,
    Baseline,
)
from analysis.study.incumbents import Optima, delivered_steps, optima
from analysis.study.pairing import Ground
from analysis.study.speedup import counted_tasks, speedups_on, task_strata
from analysis.study.time_to_target import times_to_target

MANY_WORKERS = 16
OTHERS = (
    Baseline(EXACT_BY_PARAMETER),
    Baseline(NOISY_RANDOM),
    Baseline(NOISY_BY_PARAMETER),
    Baseline(RANDOM_RUNS),
    Baseline(HIERARCHICAL_RUNS),
    Baseline(EXACT_RANDOM, workers=MANY_WORKERS),
    Baseline(EXACT_BY_PARAMETER, workers=MANY_WORKERS),
    Baseline(EXACT_RANDOM, restarts=False),
    Baseline(EXACT_BY_PARAMETER, restarts=False),
)
BASELINES = (PRIMARY, *OTHERS)


@dataclass(frozen=True)
class StudyResults:
    """A study and its main results.

    Attributes:
        times: from :func:`analysis.study.time_to_target.times_to_target`.
        steps: changes of incumbent by evaluation, from :func:`analysis.study.incumbents.delivered_steps`.
        speedups: speedups over the primary baseline: exact random search, or runs of ``random`` without a recording.
        others: speedups over each other baseline that covers any task, by its label.
        strata: the stratum of each task.
        counted: for each target, the tasks that count in aggregates.
        simulated: the simulations behind numbers, by (baseline's label, task, target, axis).
    """

    study: Study
    best: Optima
    times: pd.DataFrame
    steps: pd.DataFrame
    speedups: pd.DataFrame
    others: dict[str, pd.DataFrame]
    strata: dict[str, str]
    counted: dict[float, set[str]]
    simulated: dict[tuple[str, str, float, str], Simulated] = field(default_factory=dict)


def study_results(
    paths: Sequence[str | Path],
    library: Library | None = None,
    rule: StratumRule | None = None,
    precise: Collection[str] = (),
) -> StudyResults:
    """Load and analyse every finished run below ``paths``; see :func:`analysis.runs.load.load_study`."""
    return analyse(load_study(paths, library), rule=rule, precise=precise)


def analyse(
    study: Study,
    others: Sequence[Baseline] = OTHERS,
    rule: StratumRule | None = None,
    precise: Collection[str] = (),
    best: Optima | None = None,
) -> StudyResults:
    """Compute the main results of a study.

    Args:
        best: the optima to judge it by; default: those of :func:`analysis.study.incumbents.optima`.
        rule: how to divide its tasks by difficulty; default: the usual rule.
        precise: labels of baselines that a verdict depends on; their simulations reach a smaller error.
    """
    best = optima(study) if best is None else best
    times = times_to_target(study, best)
    ground = Ground(study, best, TARGETS, times, rule, precise)
    tables = {}
    primary = speedups_on(ground, PRIMARY)
    for baseline in tracked(list(others), "baselines"):
        table = speedups_on(ground, baseline)
        if len(table):
            tables[baseline.label] = table
    return StudyResults(
        study=study,
        best=best,
        times=times,
        steps=delivered_steps(study),
        speedups=primary,
        others=tables,
        strata=task_strata(ground),
        counted={target: counted_tasks(ground, target) for target in TARGETS},
        simulated=ground.random.simulated,
    )
