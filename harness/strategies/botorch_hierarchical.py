"""BoTorch's own ``HierarchicalConditionalKernelGP`` (0.18): a kernel for each group of parameters active together.

The kernel sums, over the groups that are active in both configurations, an ARD Matérn 5/2 on the group's parameters,
and one on the parameters that others depend on. Defaults: the SAAS prior on length scales (Eriksson & Jankowiak 2021,
*High-Dimensional Bayesian Optimization with Sparse Axis-Aligned Subspaces*; by maximum a posteriori), an output
scale for each group. BoTorch cites no paper for the kernel.

* **Conditions**: BoTorch's hierarchy is a tree in which a parameter depends on one value of one parent. A condition
  of this form is stated so; any other condition becomes a boolean input that says whether it holds, on which its
  parameters depend (BoTorch's docstring has such flags), so that every condition is stated exactly.
* **Categoricals**: the kernel has none, so they are one-hot; one on which others depend is a number, since the tree
  compares a single input. No kernel reads an inactive parameter's input.
* **Constraints, failures, batches, adaptation**: see :mod:`harness.strategies.botorch_search`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from botorch.models import SingleTaskGP
from botorch.models.hierarchical import HierarchicalConditionalKernelGP
from torch import Tensor

from harness.strategies.base import Budget
from harness.strategies.botorch_acquisition import NamedAcquisition
from harness.strategies.botorch_search import BotorchSearch
from harness.strategies.common.conditions import memberships
from search_spaces.encoding import Codes, Floats, parameter_table
from search_spaces.parameter import Parameter
from search_spaces.space import SearchSpace

DECIMALS = 6
MAX_BRANCHES = 64
Dependencies = dict[int, dict[int | float, list[int]]]


class BotorchHierarchical(BotorchSearch):
    """Log-EI under ``HierarchicalConditionalKernelGP``.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        initial, candidates, impute_failures, iterations: see
            :class:`~harness.strategies.botorch_search.BotorchSearch`.
        acquisition, arguments: the path of a BoTorch acquisition function, and arguments of its constructor;
            ``None`` is log-EI (see :class:`~harness.strategies.botorch_acquisition.NamedAcquisition`).
        use_saas_prior: use the SAAS prior; otherwise the dimension-scaled one of Hvarfner et al. (2024).
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
        use_saas_prior: bool = True,
        acquisition: str | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        del budget
        function = None if acquisition is None else NamedAcquisition(acquisition, arguments or {})
        super().__init__(space, seed, initial, candidates, impute_failures, iterations, function)
        self._use_saas_prior = use_saas_prior
        self._inputs = Inputs(space)

    def _points(self, codes: Codes) -> Floats:
        return self._inputs.points(codes)

    def _model(self, x: Tensor, y: Tensor) -> SingleTaskGP:
        return HierarchicalConditionalKernelGP(x, y, self._inputs.dependencies, use_saas_prior=self._use_saas_prior)


class Inputs:
    """The input columns of varying parameters and flags, and the tree over them.

    Attributes:
        dependencies: BoTorch's ``{parent column: {value: [child columns]}}``.
    """

    def __init__(self, space: SearchSpace) -> None:
        varying = [i for i, parameter in enumerate(space.parameters) if parameter.size > 1]
        hangs = {i: _one_value(space, i) for i in varying}
        parents = {branch[0] for branch in hangs.values() if branch is not None}
        self._tables = {i: _table(space.parameters[i], i in parents) for i in varying}
        ends = np.cumsum([rows.shape[1] for rows in self._tables.values()]).tolist()
        columns = {i: list(range(end - self._tables[i].shape[1], end)) for i, end in zip(varying, ends, strict=True)}
        self._flags: dict[str, int] = {}
        tree: defaultdict[int, defaultdict[int | float, list[int]]] = defaultdict(lambda: defaultdict(list))
        for i, branch in hangs.items():
            condition = space.parameters[i].condition
            if branch is not None:
                parent, code = branch
                tree[columns[parent][0]][float(self._tables[parent][code, 0])] += columns[i]
            elif condition is not None:
                self._flags.setdefault(condition, i)
                tree[ends[-1] + list(self._flags).index(condition)][1.0] += columns[i]
        self.dependencies: Dependencies = {parent: dict(children) for parent, children in tree.items()}

    def points(self, codes: Codes) -> Floats:
        """Rows of codes, [n, d], as inputs in [0, 1], [n, D]."""
        flags = (codes[:, list(self._flags.values())] >= 0).astype(float)
        return np.hstack([*(rows[codes[:, i]] for i, rows in self._tables.items()), flags])


def _one_value(space: SearchSpace, i: int) -> tuple[int, int] | None:
    """The parent and its one code that activate parameter ``i``, if its condition has this form."""
    required = memberships(space, i)
    if required is None or len(required) != 1 or len(required[0].codes) != 1:
        return None
    parent = required[0]
    return (parent.index, parent.codes[0]) if 1 < space.parameters[parent.index].size <= MAX_BRANCHES else None


def _table(parameter: Parameter, parent: bool) -> Floats:
    """Columns of every value, then of *inactive* (code -1 finds the last row): [m + 1, columns]."""
    if not parent and (parameter.ordered or parameter.size > 2):
        return parameter_table(parameter, on_arc=False)
    # BoTorch compares the values of all parents with a tolerance: equal values must be equal numbers.
    return np.append(np.round(np.linspace(0.0, 1.0, parameter.size), DECIMALS), 0.5)[:, None]
