"""Common base of strategies with a BoTorch model: points, targets, log expected improvement, ask and tell.

Balandat et al. (2020), *BoTorch: A Framework for Efficient Monte-Carlo Bayesian Optimization*; log-EI by Ament et al.
(2023), *Unexpected Improvements to Expected Improvement for Bayesian Optimization*.

* **Initial design**: 2(d + 1) configurations uniform over the feasible set, for d parameters that vary: the usual size
  in BoTorch's papers and tutorials, whose Sobol points have no counterpart in a constrained finite set.
* **Acquisition**: scored over every unvisited feasible configuration, or a random ``candidates`` of them, in random
  order. A feasible set needs no inner optimiser, and **constraints** hold by construction.
* **Failures** count as the slowest latency seen, so that the model learns to avoid them; if left out, they would
  leave the neighbourhood of a failure as attractive as before.
* **Another acquisition function** can be named: :mod:`harness.strategies.botorch_acquisition`.
* **Batches and pending evaluations**: sequential greedy. Without pending points the pick is by analytic
  log-EI, otherwise by qLogEI with the pending points.
* **Adaptation** to kernels: log latency.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement, qLogExpectedImprovement
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

from harness.evaluation import Configuration
from harness.strategies.botorch_acquisition import SAMPLES, NamedAcquisition
from harness.strategies.common.checks import check
from harness.strategies.common.quiet import quiet
from harness.strategies.common.told import RemembersOutcomes
from harness.system.seeds import shared_design
from search_spaces.encoding import Codes, Floats
from search_spaces.space import SearchSpace

DECIMALS = 9
CHUNK = 512


class BotorchSearch(RemembersOutcomes, ABC):
    """Random evaluations first; then the candidate with the best log-EI under a freshly fitted model.

    Args:
        space, seed: see :class:`~harness.strategies.base.Strategy`.
        initial: random evaluations before the first fit; ``None`` is 2(d + 1).
        candidates: most candidates to score.
        impute_failures: count failures as the slowest latency seen; otherwise the model ignores them.
        iterations: most L-BFGS iterations per fit; ``None`` is BoTorch's default, until convergence, which takes
            thousands where a kernel's scales have no prior.
        acquisition: acquisition function to use instead of log-EI.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        initial: int | None,
        candidates: int,
        impute_failures: bool,
        iterations: int | None,
        acquisition: NamedAcquisition | None = None,
    ) -> None:
        varying = sum(parameter.size > 1 for parameter in space.parameters)
        check(initial is None or initial >= 1, "initial", initial, "1 or more")
        check(candidates >= 1, "candidates", candidates, "1 or more")
        check(iterations is None or iterations >= 1, "iterations", iterations, "1 or more")
        super().__init__(space)
        self._rng, self._design = np.random.default_rng(seed), np.random.default_rng(shared_design(seed))
        self._initial = 2 * (varying + 1) if initial is None else initial
        self._most, self._impute_failures, self._iterations = candidates, impute_failures, iterations
        self._acquisition = acquisition

    @abstractmethod
    def _points(self, codes: Codes) -> Floats:
        """Rows of codes, [n, d], as the model's inputs, [n, D] in [0, 1] or category numbers."""

    @abstractmethod
    def _model(self, x: Tensor, y: Tensor) -> SingleTaskGP:
        """The model, not fitted yet, for inputs [n, D] and targets [n, 1] to be maximised."""

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` unvisited configurations, chosen one after the other."""
        model = self._fitted() if len(self._latencies_ms) >= self._initial else None
        rows: list[Codes] = []
        while len(rows) < n and not self._visited.exhausted:
            free = self._unvisited(self._design if model is None else self._rng)
            row = free[0] if model is None else free[self._best(model, free)]
            self._visited.add(row)
            self._pending[row.tobytes()] = row
            rows.append(row)
        return [self._space.decode(row) for row in rows]

    def _targets(self) -> Floats:
        """Minus the log of the latency over the fastest one, [n]; nan for failures."""
        ms = np.array(self._latencies_ms, dtype=float)
        # Another unit of latency changes the ratio by a rounding error, which an optimiser may amplify.
        return ms if np.isnan(ms).all() else -np.round(np.log(ms / np.nanmin(ms)), DECIMALS)

    def _fitted(self) -> SingleTaskGP | None:
        """The model of all outcomes; ``None`` if nothing succeeded or no model could be fitted."""
        y = self._targets()
        if np.isnan(y).all() or self._visited.exhausted:
            return None
        y = np.where(np.isnan(y), np.nanmin(y), y) if self._impute_failures else y
        used = ~np.isnan(y)
        x = self._points(np.array(self._told))[used]
        with quiet(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._rng.integers(2**31)))  # a failed fit starts again from draws of the priors
            model = self._model(torch.from_numpy(x), torch.from_numpy(y[used])[:, None])
            try:
                fit_gpytorch_mll(
                    ExactMarginalLogLikelihood(model.likelihood, model),
                    optimizer_kwargs={"options": {"maxiter": self._iterations}} if self._iterations else None,
                )
            except ModelFittingError:
                return None
        return model

    def _best(self, model: SingleTaskGP, free: Codes) -> int:
        """Index of the candidate with the best acquisition value; the first in their random order if several."""
        waiting = self._inputs_of(list(self._pending.values())) if self._pending else None
        best_f = float(np.nanmax(self._targets()))
        x = torch.from_numpy(self._points(free))
        with quiet(), torch.no_grad(), torch.random.fork_rng(devices=[], enabled=self._acquisition is not None):
            acquisition = self._acquisition_function(model, best_f, waiting, x)
            return int(torch.cat([acquisition(chunk) for chunk in x[:, None].split(CHUNK)]).argmax())

    def _acquisition_function(
        self, model: SingleTaskGP, best_f: float, waiting: Tensor | None, x: Tensor
    ) -> AcquisitionFunction:
        if self._acquisition is not None:
            evaluated = self._inputs_of(self._told)
            torch.manual_seed(int(self._rng.integers(2**31)))  # some functions draw from torch's own generator
            return self._acquisition(model, best_f, evaluated, waiting, x, self._rng)
        if waiting is None:
            return LogExpectedImprovement(model, best_f)
        sampler = SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=int(self._rng.integers(2**31)))
        return qLogExpectedImprovement(model, best_f, sampler, X_pending=waiting)

    def _inputs_of(self, rows: Sequence[Codes]) -> Tensor:
        return torch.from_numpy(self._points(np.array(rows)))

    def _unvisited(self, rng: np.random.Generator) -> Codes:
        """Distinct unvisited rows in random order, [m, d]: at least one, ``candidates`` at most."""
        if self._visited.mask is not None:
            free = rng.permutation(np.flatnonzero(~self._visited.mask))[: self._most]
            return np.asarray(self._space.codes()[free])
        while True:
            drawn = rng.permutation(np.unique(self._space.sample_codes(rng, self._most), axis=0))
            rows: Codes = drawn[[row not in self._visited for row in drawn]]
            if len(rows):
                return rows
