"""Random search as it would be measured: uniform draws without replacement, judged by noisy readings.

The closed form of :mod:`analysis.statistics.random_search` knows every latency exactly. A real random search may hide
a hit behind a lucky reading of something slower, so exact random is a little stronger than what anybody can run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics import random_simulation
from analysis.statistics.readings import Readings

Floats = NDArray[np.float64]
REPETITIONS = 500


@dataclass(frozen=True)
class Slowdown:
    """ERT of noisy over ERT of exact random search, from the same draws: both share most of their luck.

    Attributes:
        evaluations, seconds: inf where noise hid every hit, nan where the exact search had none either.
    """

    evaluations: float
    seconds: float


def simulated(
    compile_s: Floats,
    device_s: Floats,
    readings: Readings,
    budget: int,
    workers: int,
    sequential: bool,
    seed: np.random.SeedSequence,
) -> tuple[random_simulation.SimulatedSearches, Floats]:
    """Searches on the clock and what each evaluation reads. [R, B]"""
    drawing, noise = (np.random.default_rng(child) for child in seed.spawn(2))
    searches = random_simulation.simulate(compile_s, device_s, budget, REPETITIONS, drawing, workers, sequential)
    return searches, readings.draw(searches.rows, noise)


def slowdown(
    searches: random_simulation.SimulatedSearches, readings_ms: Floats, true_ms: Floats, hit: NDArray[np.bool_]
) -> Slowdown:
    """How much noise costs random search.

    Args:
        readings_ms: of each evaluation. [R, B]
        true_ms: of every configuration, inf where it failed. [N]
        hit: of every configuration. [N]
    """
    noisy = _costs(searches, random_simulation.first_hits(searches, hit, readings_ms))
    exact = _costs(searches, random_simulation.first_hits(searches, hit, true_ms[searches.rows]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Slowdown(float(noisy[0] / exact[0]), float(noisy[1] / exact[1]))


def _costs(searches: random_simulation.SimulatedSearches, first: NDArray[np.int64]) -> tuple[np.float64, np.float64]:
    """ERT in evaluations and in s of the clock."""
    drawn = searches.rows.shape[1]
    spent = np.minimum(first, drawn)
    hits = np.float64((first <= drawn).sum())
    clock = np.take_along_axis(searches.end_s, spent[:, None] - 1, axis=1)
    with np.errstate(divide="ignore"):
        return np.float64(spent.sum()) / hits, np.float64(clock.sum()) / hits
