"""Anytime performance: the area under the curve of relative quality t*/t, compared with exact random search.

The area is the mean of the step function over the budget. It lies between 0 (nothing ran) and 1 (the first evaluation
was the optimum). Unlike a time to target it needs no target, and it rewards being good early.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics import random_search
from analysis.statistics.ert import mean_error
from analysis.statistics.step_functions import StepFunctions

Floats = NDArray[np.float64]


def areas(curves: StepFunctions, runs: NDArray[np.int64], start: float, end: float) -> Floats:
    """Average each run's step function over [start, end]; a run that has ended keeps its last value. [runs]

    For evaluations, pass start = 1 and end = B + 1: the value after evaluation j holds up to j + 1.
    """
    means = np.empty(len(runs))
    for i, run in enumerate(runs):
        x, value = curves.of(int(run))
        inside = (x > start) & (x < end)
        edges = np.concatenate([[start], x[inside], [end]])
        heights = np.concatenate([curves.at([int(run)], [start])[0], value[inside]])
        means[i] = float((heights * np.diff(edges)).sum()) / (end - start)
    return means


def exact_random_area(quality: ArrayLike, budget: int) -> float:
    """E[area] of exact random search over ``budget`` evaluations, given the ``quality`` of every configuration. [N]"""
    expectation, _ = random_search.best_so_far(quality, budget, quantiles=())
    missing = budget - len(expectation)  # evaluations after the whole table was seen
    return float((expectation.sum() + missing * expectation[-1]) / budget)


@dataclass(frozen=True)
class Anytime:
    """The mean area over seeds, its standard error, and the expected area of random search."""

    area: float
    se: float
    random: float


def anytime(curves: StepFunctions, runs: NDArray[np.int64], quality: ArrayLike, budget: int) -> Anytime:
    """Compute the area under quality over evaluations 1 .. B for runs on one recorded task."""
    own = areas(curves, runs, 1.0, budget + 1.0)
    return Anytime(float(own.mean()), mean_error(own), exact_random_area(quality, budget))
