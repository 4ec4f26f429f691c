"""The range of a recorded task's difficulty, given the error of the recorded latencies.

Every latency is multiplied by exp(sd z), with z standard normal, and E[T] of random search is computed for each such
table; its spread is the error. :mod:`analysis.study.reference_error` judges runs by such tables.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.reference import TARGETS, draw_probability, is_hit, space_rows, true_latency
from analysis.statistics.many_targets import many_means

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Interval = tuple[float, float]
REPLICATES = 200
_SEED = 20261127


@dataclass(frozen=True)
class Uncertain:
    """95% intervals of E[T] in evaluations, one per target in the order of ``TARGETS``.

    Attributes:
        relative_error: standard deviation of the log of every recorded latency.
        replicates: number of disturbed tables behind the intervals.
        uniform, by_parameter: ``None`` if unknown: some table has no hit in the space, or the probabilities of its rows
            are unknown.
    """

    relative_error: float
    replicates: int
    uniform: tuple[Interval | None, ...]
    by_parameter: tuple[Interval | None, ...]


def numbers_of(task: str) -> np.random.Generator:
    """The random numbers of a task, independent of the other tasks of a study."""
    return np.random.default_rng(np.random.SeedSequence([_SEED, zlib.crc32(task.encode())]))


def disturbed(table: pd.DataFrame, sd: float, replicates: int, rng: np.random.Generator) -> Floats:
    """Latencies of every row with an additional log-normal error. [replicates, rows]

    Args:
        sd: standard deviation of the logarithm.
    """
    true = true_latency(table)
    return np.asarray(true * np.exp(sd * rng.standard_normal((replicates, len(true)))), dtype=np.float64)


def uncertain(table: pd.DataFrame, task: str, relative_error: float, replicates: int = REPLICATES) -> Uncertain:
    """The difficulty of a recorded table, with intervals around its undisturbed value."""
    space = space_rows(table)
    rows, p = table.index.isin(space.index), draw_probability(space)
    latencies = disturbed(table, relative_error, replicates, numbers_of(task))
    own = true_latency(table)[None]
    intervals: dict[str, list[Interval | None]] = {"uniform": [], "by_parameter": []}
    for target in TARGETS:
        recorded, others = (
            np.asarray(is_hit(of, of.min(axis=1, keepdims=True), target))[:, rows] for of in (own, latencies)
        )
        for kind, likely in (("uniform", np.ones(len(space))), ("by_parameter", p)):
            both = None if likely is None else (many_means(likely, recorded), many_means(likely, others))
            intervals[kind].append(None if both is None else _around(float(both[0][0]), both[1]))
    of_kind = {kind: tuple(of) for kind, of in intervals.items()}
    return Uncertain(relative_error, replicates, of_kind["uniform"], of_kind["by_parameter"])


def interval_of(expected: float, se: float, replicates: int) -> Interval:
    """95% interval of E[T] from the standard error of its logarithm over disturbed tables; at least 1."""
    from analysis.statistics.ert import LogEstimate  # imports SciPy, which a cached summary does not need

    low, high = LogEstimate(float(np.log(expected)), se, replicates - 1).interval()
    return max(1.0, low), high


def _around(expected: float, disturbed: Floats) -> Interval | None:
    if not np.isfinite([expected, *disturbed]).all():
        return None
    logs = np.log(disturbed)
    return interval_of(expected, float(logs.std(ddof=1)), len(logs))
