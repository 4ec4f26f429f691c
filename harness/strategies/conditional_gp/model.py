"""Predictions for every candidate: its latency, its probability of success, and its cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from harness.strategies.common.acquisition import log_expected_improvement
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.settings import AcquisitionSettings
from harness.strategies.conditional_gp.surrogate import Surrogate
from harness.strategies.conditional_gp.targets import Targets, standardised
from search_spaces.encoding import Floats

CLOSEST = 1.0 - 1e-9
"""Largest correlation, so that a penalty is finite."""


class Model:
    """One process each for latency, success and cost over the same candidates: call :meth:`learn`, then :meth:`over`.

    Args:
        new_surrogate: makes one of the processes.
        prior_mean: of the latency process; see :class:`~.surrogate.Surrogate`.
        targets: maps latencies in ms, ``None`` for failures, to targets.
        impute: whether failures have targets; otherwise the latency process ignores them.
        acquisition: settings of the acquisition function.
        overlapping_cost_weight: its cost weight while evaluations overlap.
        overlapping_pessimism: number of standard deviations by which pending latencies are assumed to turn out worse
            than predicted.
        batch_pessimism: the same for the earlier picks of a batch.
    """

    def __init__(
        self,
        new_surrogate: Callable[..., Surrogate],
        *,
        prior_mean: Callable[[Floats], Floats] | None = None,
        targets: Callable[[Sequence[float | None]], Targets],
        impute: bool,
        acquisition: AcquisitionSettings,
        overlapping_cost_weight: float,
        overlapping_pessimism: float,
        batch_pessimism: float,
    ) -> None:
        self._targets = targets
        self._impute = impute
        self._acquisition = acquisition
        self._overlapping_cost_weight = overlapping_cost_weight
        self._overlapping_pessimism = overlapping_pessimism
        self._batch_pessimism = batch_pessimism
        self._latency = new_surrogate(prior_mean=prior_mean)
        self._success, self._cost = new_surrogate(), new_surrogate()
        self._weighs_success = False
        self._cost_weight = 0.0
        self._worthwhile = 0.0
        self._penalty: Floats | float = 0.0

    def learn(self, x: Floats, latencies_ms: Sequence[float | None], costs_s: Floats, waiting: Floats) -> None:
        """Condition on observations x [n, D]; latencies in ms (``None``: failed) and costs in s, [n] each.

        Args:
            waiting: pending points [k, D]; see ``pending`` in the acquisition's settings.
        """
        self._waiting = waiting
        believed = waiting if self._acquisition.pending == "believe" else waiting[:0]
        failed = np.array([latency is None for latency in latencies_ms])
        self._learn_latency(x, latencies_ms, failed, believed)
        self._weighs_success = self._acquisition.feasibility and bool(failed.any()) and not bool(failed.all())
        if self._weighs_success:
            outcome = np.where(failed, 0.0, 1.0)
            # The position of the process between "failed" and "worked", on its standardised scale.
            self._even = float((0.5 - outcome.mean()) / outcome.std())
            self._success.update(x, standardised(outcome), believed)
        overlapping = len(waiting) > 0
        weight = self._overlapping_cost_weight if overlapping else self._acquisition.cost_weight
        # A recording without costs says nothing about seconds.
        self._cost_weight = weight if bool((costs_s > 0).all()) else 0.0
        if self._cost_weight:
            log_cost = np.log(costs_s)
            self._cost_spread = float(log_cost.std())
            self._cost.update(x, standardised(log_cost))

    def _learn_latency(
        self, x: Floats, latencies_ms: Sequence[float | None], failed: NDArray[np.bool_], believed: Floats
    ) -> None:
        if self._impute or failed.all():
            modelled, seen = x, list(latencies_ms)
        else:
            modelled, seen = x[~failed], [latency for latency in latencies_ms if latency is not None]
        values, self._worthwhile = self._targets(seen)
        self._latency.update(modelled, values, believed, self._overlapping_pessimism)

    def over(self, candidates: GridPoints) -> None:
        """Score these candidates from now on; beliefs about others are forgotten."""
        self._latency.over(candidates)
        if self._acquisition.pending == "penalise" and len(self._waiting):
            close = np.array([self._latency.correlation(point) for point in self._waiting])
            self._penalty = np.log1p(-np.minimum(close, CLOSEST)).sum(axis=0)
        else:
            self._penalty = 0.0
        if self._weighs_success:
            self._success.over(candidates)
        if self._cost_weight:
            self._cost.over(candidates)

    def score(self) -> Floats:
        """Log of the expected improvement x probability of success / seconds ** cost weight, [N].

        Improvement per second: Snoek, Larochelle & Adams (2012), *Practical Bayesian Optimization of
        Machine Learning Algorithms*, section 3.2. Its unit does not matter, so that a constant factor is left out.
        """
        mean, variance = self._latency.predict()
        best = self._latency.best(observed=self._acquisition.reference == "observed") - self._worthwhile
        score = log_expected_improvement(mean, variance, best)
        if self._weighs_success:
            chance, spread = self._success.predict()
            score += log_ndtr((chance - self._even) / np.sqrt(spread + self._success.noise))
        if self._cost_weight:
            score -= self._cost_weight * self._cost_spread * self._cost.predict()[0]
        return score + self._penalty

    def believe(self, candidate: int, point: Floats) -> None:
        """Until the next :meth:`over`, pretend that a candidate at ``point`` [D] turned out as predicted, or as much
        slower as the pessimism of batches says."""
        mean, variance = self._latency.predict()
        worse = self._batch_pessimism * float(np.sqrt(variance[candidate] + self._latency.noise))
        self._latency.fantasise(point, float(mean[candidate]) + worse)
        if self._weighs_success:
            self._success.fantasise(point, float(self._success.predict()[0][candidate]))
