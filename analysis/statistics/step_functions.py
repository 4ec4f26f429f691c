"""The step functions of many runs: the incumbent's quality over evaluations or over the tuning clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StepFunctions:
    """A step function per run: 0 (or ``before``) up to its first change, then constant between changes.

    Attributes:
        starts: where each run's changes begin; run r has the changes from starts[r] up to starts[r + 1]. [runs + 1]
        x, value: the changes of all runs, sorted by run and x. [changes]
        before: the value before the first change.
    """

    starts: NDArray[np.int64]
    x: Floats
    value: Floats
    before: float = 0.0

    def of(self, run: int) -> tuple[Floats, Floats]:
        """Return x and value of one run's changes."""
        part = slice(int(self.starts[run]), int(self.starts[run + 1]))
        return self.x[part], self.value[part]

    def at(self, runs: Sequence[int] | NDArray[np.int64], grid: ArrayLike) -> Floats:
        """Evaluate the runs at the points of ``grid``, without interpolation. [runs, grid]"""
        points = np.asarray(grid, dtype=np.float64)
        values = np.empty((len(runs), len(points)))
        for row, run in zip(values, runs, strict=True):
            x, value = self.of(int(run))
            row[:] = np.concatenate([[self.before], value])[np.searchsorted(x, points, side="right")]
        return values


def step_functions(steps: pd.DataFrame, runs: int, x: str, value: ArrayLike, before: float = 0.0) -> StepFunctions:
    """Build the functions from the changes of incumbent, sorted by run.

    Args:
        steps: the table of :func:`analysis.study.incumbents.incumbent_steps`.
        runs: the number of runs, which are numbered from 0.
        x: the column to use as x, ``evaluation`` or ``clock_s``.
        value: the value of the function from each change on. [changes]
    """
    starts = np.searchsorted(steps["run"].to_numpy(), np.arange(runs + 1))
    return StepFunctions(starts, steps[x].to_numpy(np.float64), np.asarray(value, dtype=np.float64), before)
