"""An equivalent of the aggregate score P of the autotuning methodology, calibrated so that random search scores 0.

Willemsen et al. (2024), "A methodology for comparing auto-tuning optimization algorithms" (FGCS), score a run at points
in time that are spread evenly up to where random search has closed 95% of the gap between the space's median and its
optimum: P_t = (baseline(t) - best(t)) / (baseline(t) - optimum), averaged over points, runs and spaces. 0 is random
search, and 1 is the optimum from the start.

Two things differ here. The baseline is E[min(best latency of t draws, median)], the exact expectation of what a run is
scored by (failures, and anything slower than the median, count as the median). A run is scored by the true latency of
its incumbent. P of random search is then linear in its incumbent, so that its expectation is exactly 0; with their
baseline, true random search reaches +0.40. Time is counted in evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics import random_search

Floats = NDArray[np.float64]
POINTS = 50
CUTOFF = 0.95


@dataclass(frozen=True)
class Scale:
    """The scale on which P is measured on one task.

    Attributes:
        at: evaluations at which a run is scored, ascending, at most ``POINTS`` of them. [points]
        baseline_ms: E[min(best of t draws, cap)] at each of these. [points]
        optimum_ms: the lowest latency.
        cap_ms: the median latency of configurations that succeed; anything slower counts as this.
    """

    at: NDArray[np.int64]
    baseline_ms: Floats
    optimum_ms: float
    cap_ms: float

    def scores(self, best_ms: ArrayLike) -> Floats:
        """P of each run from its incumbents' latencies at ``at``, inf without an incumbent. [runs, points] -> [runs]"""
        capped = np.minimum(np.asarray(best_ms, dtype=np.float64), self.cap_ms)
        return np.asarray(
            ((self.baseline_ms - capped) / (self.baseline_ms - self.optimum_ms)).mean(axis=1), dtype=np.float64
        )


def scale(latency_ms: ArrayLike, budget: int) -> Scale | None:
    """Derive a task's scale from every configuration's true latency (inf if it failed). [N]

    The points end at ``budget`` if random search needs longer. ``None`` if all configurations are equally fast.
    """
    latency = np.asarray(latency_ms, dtype=np.float64)
    ok = latency[np.isfinite(latency)]
    if not len(ok) or ok.min() == ok.max():
        return None
    optimum, cap = float(ok.min()), float(np.median(ok))
    if cap == optimum:
        cap = float(ok.max())
    expected, _ = random_search.best_so_far(-np.minimum(latency, cap), min(budget, len(latency)), quantiles=())
    gap = (-expected - optimum) / (cap - optimum)
    reached = np.flatnonzero(gap <= 1 - CUTOFF)
    last = int(reached[0]) + 1 if len(reached) else len(gap)
    last = last if gap[last - 1] > 1e-9 else max(1, int((gap > 1e-9).sum()))
    at = np.unique(np.linspace(1, last, POINTS).round().astype(np.int64))
    return Scale(at, -expected[at - 1], optimum, cap)


def null_scores(latency_ms: ArrayLike, scale: Scale, repetitions: int, rng: np.random.Generator) -> Floats:
    """P of simulated random searches, which shows how far single runs of random search are from 0. [repetitions]"""
    latency = np.asarray(latency_ms, dtype=np.float64)
    steps = int(scale.at[-1])
    drawn = np.stack([rng.choice(len(latency), steps, replace=False, shuffle=True) for _ in range(repetitions)])
    return scale.scores(np.minimum.accumulate(latency[drawn], axis=1)[:, scale.at - 1])
