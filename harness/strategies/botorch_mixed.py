"""BoTorch's ``MixedSingleTaskGP``: a Gaussian process over ordered and categorical parameters.

Its kernel is a sum and a product of a dimension-scaled RBF over the ordered ones (Hvarfner et al. 2024) and a
Hamming kernel over the categorical ones (Ru et al. 2020, *Bayesian Optimisation over Multiple Continuous and
Categorical Inputs*). Where nothing is categorical it is BoTorch's ``SingleTaskGP``, the same without that part.

* **Conditions** are unknown to the model: an inactive parameter takes its middle value, as Ax fills it in.
* **Constraints, failures, batches, adaptation**: see :mod:`harness.strategies.botorch_search`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from botorch.models import MixedSingleTaskGP, SingleTaskGP
from torch import Tensor

from harness.strategies.base import Budget
from harness.strategies.botorch_acquisition import NamedAcquisition
from harness.strategies.botorch_search import BotorchSearch
from search_spaces.encoding import Codes, Floats, positions
from search_spaces.parameter import Parameter, Permutation
from search_spaces.space import SearchSpace


class BotorchMixed(BotorchSearch):
    """Log-EI under ``MixedSingleTaskGP``.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        initial, candidates, impute_failures, iterations: see
            :class:`~harness.strategies.botorch_search.BotorchSearch`.
        acquisition, arguments: the path of a BoTorch acquisition function, and arguments of its constructor;
            ``None`` is log-EI (see :class:`~harness.strategies.botorch_acquisition.NamedAcquisition`).
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        initial: int | None = None,
        candidates: int = 4096,
        impute_failures: bool = True,
        iterations: int | None = 200,
        acquisition: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        del budget
        function = None if acquisition is None else NamedAcquisition(acquisition, arguments or {})
        super().__init__(space, seed, initial, candidates, impute_failures, iterations, function)
        varying = [(i, parameter) for i, parameter in enumerate(space.parameters) if parameter.size > 1]
        self._tables = {i: table(parameter) for i, parameter in varying}
        categorical = [not parameter.ordered for i, parameter in varying for _ in range(self._tables[i].shape[1])]
        self._categorical: list[int] = np.flatnonzero(categorical).tolist()

    def _points(self, codes: Codes) -> Floats:
        return np.hstack([rows[codes[:, i]] for i, rows in self._tables.items()])

    def _model(self, x: Tensor, y: Tensor) -> SingleTaskGP:
        return MixedSingleTaskGP(x, y, self._categorical) if self._categorical else SingleTaskGP(x, y)


def table(parameter: Parameter) -> Floats:
    """Columns of every value, then of *inactive* (code -1 finds the last row): [m + 1, columns].

    Ordered parameters lie in [0, 1] on their declared scale; categoricals are numbered; a permutation is the item at
    each position, so that the Hamming kernel counts the positions that differ.
    """
    if parameter.ordered:
        return np.asarray(np.append(positions(parameter), 0.5)[:, None])
    if isinstance(parameter, Permutation):
        values = np.array(parameter.values, dtype=float)
    else:
        values = np.arange(parameter.size, dtype=float)[:, None]
    return np.vstack([values, values[parameter.size // 2]])
