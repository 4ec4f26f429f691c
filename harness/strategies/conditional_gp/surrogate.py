"""A Gaussian process that follows a run: refitted on a schedule, updated in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.candidates import ScoredCandidates
from harness.strategies.conditional_gp.covariance import Hyperparameters
from harness.strategies.conditional_gp.gp import Posterior, Priors, fit
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.settings import CovarianceSettings, FitSettings
from search_spaces.encoding import Floats


class Surrogate:
    """Posterior over candidates for observations that mostly grow by appending.

    Args:
        blocks: blocks of columns, one per parameter or feature.
        priors, shifts: priors on the logarithms of the hyperparameters, and their shifts; see :class:`~.gp.Priors`.
        covariance, fit: settings of the covariance, and of when its hyperparameters are learned.
        prior_mean: what targets at points [n, D] are expected to be a priori, up to a constant, [n]; by default the
            same everywhere.
    """

    def __init__(
        self,
        blocks: Sequence[slice],
        *,
        priors: Priors,
        covariance: CovarianceSettings,
        fit: FitSettings,
        shifts: Floats | None = None,
        prior_mean: Callable[[Floats], Floats] | None = None,
    ) -> None:
        self._blocks = blocks
        self._prior_mean = prior_mean
        self._level = 0.0
        self._priors, self._shifts = priors, shifts
        self._covariance = covariance
        self._fit = fit
        self._hyper: Hyperparameters | None = None
        self._refit_at = 0
        self._scored: ScoredCandidates | None = None
        self._y: Floats = np.empty(0)
        self._holds = False  # whether the posterior holds the points of the last update, with targets _y

    def update(self, x: Floats, y: Floats, waiting: Floats | None = None, pessimism: float = 0.0) -> None:
        """Condition on observations x [n, D] with standardised targets y [n]; :meth:`over` comes next.

        Args:
            waiting: pending points [k, D], assumed to turn out as predicted: with the posterior
                mean as the value this is the kriging believer of Ginsbourger et al. (2010).
            pessimism: by how many of their predicted standard deviations they are assumed to turn out larger.
        """
        # The process models what the prior mean does not explain.
        self._level = 0.0 if self._prior_mean is None else float(self._prior_mean(x).mean())
        y = y - self._expected(x)
        self._x, self._told, self._holds = x, y, False
        self._pessimism = pessimism
        self._waiting = x[:0] if waiting is None else waiting
        if self._hyper is None or len(x) >= self._refit_at:
            some = _subset(y, self._fit.max_points)
            self._hyper = fit(
                x[some],
                y[some],
                self._blocks,
                priors=self._priors,
                additive=self._covariance.additive,
                smoothness=self._covariance.smoothness,
                shifts=self._shifts,
                start=self._hyper,
                iterations=self._fit.iterations,
            )
            self._refit_at = math.ceil(self._fit.refit_growth * len(x))
            self._scored = None

    def over(self, candidates: GridPoints) -> None:
        """Predict at these candidates from now on; fantasies are forgotten."""
        assert self._hyper is not None, "update comes first"
        if self._scored is not None and self._scored.grid is candidates:
            self._condition(self._scored.posterior, self._scored)
            return
        posterior = Posterior(self._x, self._blocks, self._hyper) if self._scored is None else self._scored.posterior
        self._condition(posterior, posterior)
        self._scored = ScoredCandidates(candidates, posterior)

    def _condition(self, posterior: Posterior, through: Posterior | ScoredCandidates) -> None:
        """Make ``posterior`` hold exactly the points of the last update, using ``through``, and set their targets.

        Points that it already holds keep their places: a new outcome changes a target but no factor.
        """
        if self._holds:
            return
        points = np.vstack([self._x, self._waiting])
        order, known = _arranged(posterior.x, points)
        through.truncate(known)
        if known < len(order):
            through.observe(points[order[known:]])
        n = len(self._x)
        targets = np.concatenate([self._told, np.zeros(len(points) - n)])[order]
        waiting = order >= n
        if waiting.any():  # points assumed to turn out as predicted change no prediction
            targets[waiting] = posterior.expected(targets, waiting, self._pessimism)
        self._y, self._holds = targets, True

    def predict(self) -> tuple[Floats, Floats]:
        """Posterior mean and variance of the noise-free function at the candidates, [N] each."""
        current = self._current
        return current.mean(self._y) + self._expected(current.grid.points), current.variance()

    def best(self, observed: bool = False) -> float:
        """The lowest posterior mean at an observation: the incumbent without its noise; or the lowest target."""
        posterior = self._current.posterior
        return float(((self._y if observed else posterior.fitted(self._y)) + self._expected(posterior.x)).min())

    @property
    def noise(self) -> float:
        """Variance of the observation noise."""
        return self._current.posterior.hyper.noise

    def fantasise(self, point: Floats, value: float) -> None:
        """Pretend to have observed ``value`` at ``point`` [D], until the next :meth:`over`."""
        self._holds = False
        self._current.observe(point[None])
        self._y = np.append(self._y, value - self._expected(point[None]))

    def correlation(self, point: Floats) -> Floats:
        """Prior correlation of every candidate with ``point`` [D]: [N]."""
        posterior, grid = self._current.posterior, self._current.grid
        hyper = posterior.hyper
        return np.asarray(grid.covariance(point[None], hyper)[0] / hyper.variance)

    def _expected(self, points: Floats) -> Floats | float:
        """The prior mean at points [n, D], relative to that of the observations: [n]."""
        return 0.0 if self._prior_mean is None else self._prior_mean(points) - self._level

    @property
    def _current(self) -> ScoredCandidates:
        assert self._scored is not None, "over comes first"
        return self._scored


def _subset(y: Floats, most: int) -> slice | NDArray[np.intp]:
    """All observations, or the best half of ``most`` and as many evenly spread over the rest."""
    if len(y) <= most:
        return slice(None)
    order = np.argsort(y, kind="stable")
    half = most // 2
    rest = order[half:][np.linspace(0, len(y) - half - 1, most - half).astype(int)]
    return np.sort(np.concatenate([order[:half], rest]))


def _arranged(present: Floats, points: Floats) -> tuple[NDArray[np.intp], int]:
    """Positions of all points [n, D], first the longest prefix of ``present`` among them, in its order, then the rest
    in order; and the length of that prefix."""
    left: dict[bytes, list[int]] = {}
    for i in reversed(range(len(points))):
        left.setdefault(points[i].tobytes(), []).append(i)
    order: list[int] = []
    for row in present:
        same = left.get(row.tobytes())
        if not same:
            break
        order.append(same.pop())
    known = len(order)
    kept = set(order)
    order += [i for i in range(len(points)) if i not in kept]
    return np.array(order, dtype=np.intp), known
