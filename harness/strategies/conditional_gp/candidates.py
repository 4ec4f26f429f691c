"""The candidates that an acquisition is scored over, with the computations that can be kept between asks.

For fixed hyperparameters, adding an observation adds one row to V = L^-1 k(X, candidates): O(n N)
instead of O(n² N) from scratch. The posterior at all candidates is then

    mean = m + V^T L^-1 (y - m),    variance = k(x, x) - sum of squares of V's columns.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from harness.strategies.conditional_gp.gp import JITTER, Posterior
from harness.strategies.conditional_gp.grid_points import GridPoints
from search_spaces.encoding import Floats

ROOM = 32


class ScoredCandidates:
    """Posterior over candidates, kept up to date as observations arrive.

    Args:
        grid: the N candidate points.
        posterior: a posterior that always has the same observations in the same order.
    """

    def __init__(self, grid: GridPoints, posterior: Posterior) -> None:
        self.grid = grid
        self.posterior = posterior
        n = len(posterior.x)
        cross = grid.covariance(posterior.x, posterior.hyper)
        self._rows = np.empty((n + ROOM, len(grid)))
        self._rows[:n] = solve_triangular(posterior.factor, cross, lower=True, check_finite=False, overwrite_b=True)
        self._n = n
        self._explained: Floats = np.einsum("ij,ij->j", self._rows[:n], self._rows[:n])

    def observe(self, points: Floats) -> None:
        """Condition on more observations, at ``points`` [k, D] (their values enter in :meth:`mean`)."""
        for point in points:
            self._append(point)

    def _append(self, point: Floats) -> None:
        cross = self.grid.covariance(point[None], self.posterior.hyper)[0]
        row, pivot = self.posterior.append(point)
        if self._n == len(self._rows):
            self._rows = np.vstack([self._rows, np.empty((max(ROOM, self._n // 4), len(self.grid)))])
        new = (cross - row @ self._rows[: self._n]) / pivot
        self._rows[self._n] = new
        self._n += 1
        self._explained = self._explained + new * new

    def truncate(self, n: int) -> None:
        """Forget all observations but the first ``n``."""
        if n < self._n:
            self.posterior.truncate(n)
            self._n = n
            self._explained = np.einsum("ij,ij->j", self._rows[:n], self._rows[:n])

    def mean(self, y: Floats) -> Floats:
        """Posterior mean at every candidate for targets y [n]: [N]."""
        return np.asarray(self.posterior.hyper.mean + self.posterior.whiten(y) @ self._rows[: self._n])

    def variance(self) -> Floats:
        """Posterior variance of the noise-free function at every candidate: [N]."""
        return np.maximum(self.posterior.hyper.variance - self._explained, JITTER)
