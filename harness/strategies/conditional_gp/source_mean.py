"""A source's prediction for every configuration: the normal score of its rank there, observed or predicted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.candidate_sources import Placing
from harness.strategies.conditional_gp.gp import Posterior, Priors, fit
from harness.strategies.conditional_gp.targets import targets
from harness.strategies.source import SourceData
from search_spaces.encoding import Floats

FITTED, CONDITIONED, ITERATIONS = 128, 400, 25
"""Most points for learning hyperparameters, most points of the process (half of each the fastest), and L-BFGS
iterations."""
FAILURES = 0.9
"""Failures of the source count as this quantile, since they most often fail here as well."""


class SourceMean:
    """Scores of a source at any point: observed scores as they are, others predicted by a Gaussian process.

    Args:
        encoding: maps codes to points.
        source: a source with at least one success.
        priors, additive, smoothness: settings of the process; see :mod:`~.gp`.
    """

    def __init__(
        self, encoding: Placing, source: SourceData, *, priors: Priors, additive: bool, smoothness: float
    ) -> None:
        codes = encoding.space.encode_many(source.configurations)
        self._x = encoding.points(codes)
        self._y = targets(source.latencies_ms, transform="rank", clip_quantile=None, failure_quantile=FAILURES)
        self._seen = {point.tobytes(): value for point, value in zip(self._x, self._y.tolist(), strict=True)}
        self._blocks = encoding.blocks
        self._how = (priors, additive, smoothness)
        self._posterior: tuple[Posterior, Floats] | None = None

    def __call__(self, points: Floats) -> Floats:
        """Standardised scores at points [n, D], lower is faster: [n]."""
        seen = [self._seen.get(point.tobytes()) for point in points]
        scores = np.array([np.nan if value is None else value for value in seen], dtype=float)
        unseen = np.isnan(scores)
        if unseen.any():
            posterior, y = self._process()
            scores[unseen] = posterior.predict(y, points[unseen])[0]
        return scores

    def spread(self, points: Floats) -> Floats:
        """Standard deviation of the scores at points [n, D]: [n]; for observed points that of the noise."""
        posterior, y = self._process()
        variance = posterior.predict(y, points)[1]
        seen = np.array([point.tobytes() in self._seen for point in points], dtype=bool)
        return np.sqrt(np.where(seen, 0.0, variance) + posterior.hyper.noise)

    def _process(self) -> tuple[Posterior, Floats]:
        """The process, fitted on first use: a landscape of the same space does not need it."""
        if self._posterior is None:
            priors, additive, smoothness = self._how
            some = best_and_spread(self._y, FITTED)
            hyper = fit(
                self._x[some],
                self._y[some],
                self._blocks,
                priors=priors,
                additive=additive,
                smoothness=smoothness,
                iterations=ITERATIONS,
            )
            held = best_and_spread(self._y, CONDITIONED)
            self._posterior = Posterior(self._x[held], self._blocks, hyper), self._y[held]
        return self._posterior


def best_and_spread(y: Floats, most: int) -> NDArray[np.intp]:
    """Positions of all values, or of the lowest half of ``most`` and as many evenly spread over the rest."""
    order = np.argsort(y, kind="stable")
    if len(y) > most:
        half = most // 2
        rest = order[half:][np.linspace(0, len(y) - half - 1, most - half).astype(int)]
        order = np.concatenate([order[:half], rest])
    return np.sort(order)
