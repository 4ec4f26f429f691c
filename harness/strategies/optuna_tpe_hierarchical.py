"""TPE that draws a configuration down the tree of its conditions, on Optuna's own densities.

Bergstra et al. (2011), *Algorithms for Hyper-Parameter Optimization*, describe TPE on a tree: a parameter is drawn when
its parents are, from the observations in which it was active. Optuna's ``group=True`` instead keeps a density for each
set of parameters that are always active together, and draws the sets independently: for two parameters of
one branch, one of which is also active in a second branch, it never learns which values go together.

* **Conditions**: level by level. First the parameters without a condition, from their joint density over all trials.
  Newly active parameters are drawn next, all at once, from a joint density over the trials in which all of them were
  active; and so on for conditions on those. Within a branch children are independent of their parents' values.
* **The match**: ``TPESampler`` splits, weighs and draws; only the sets that it is asked for are NearOpt's. In a space
  without conditions there is one set, and the trace is that of ``TPESampler(multivariate=True)`` bit by bit, whether
  ``group`` or not.
* **A branch without trials** among the good ones has Optuna's prior: uniform, or nearly so.
* **Failures, batches, pending evaluations**: as in :mod:`harness.strategies.optuna_tpe`; **constraints**, and the rest,
  as in :mod:`harness.strategies.optuna_sampler`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from harness.strategies.base import Budget
from harness.strategies.optuna_sampler import OptunaSampler, distributions, value_of
from search_spaces.expression import Expression
from search_spaces.space import SearchSpace


class OptunaTPEHierarchical(OptunaSampler):
    """TPE down the tree of conditions, behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        constant_liar, n_startup_trials, n_ei_candidates: arguments of ``TPESampler``.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        constant_liar: bool = True,
        n_startup_trials: int = 10,
        n_ei_candidates: int = 24,
    ) -> None:
        sampler = partial(
            TreeSampler,
            space,
            constant_liar=constant_liar,
            n_startup_trials=n_startup_trials,
            n_ei_candidates=n_ei_candidates,
        )
        super().__init__(space, seed, budget, sampler=sampler)


class TreeSampler(TPESampler):  # type: ignore[misc]
    """Optuna's multivariate TPE, asked for one level of the tree at a time.

    Args:
        space: the space of the trials; their names are those of
            :func:`~harness.strategies.optuna_sampler.distributions`.
        arguments: arguments of ``TPESampler``.
    """

    def __init__(self, space: SearchSpace, **arguments: Any) -> None:
        super().__init__(multivariate=True, **arguments)
        self._space = space
        self._domains = [distributions(parameter) for parameter in space.parameters]
        self._levels = levels(space)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All parameters that may be drawn."""
        del study, trial
        return {name: domain for own in self._domains for name, domain in own.items() if not domain.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Active parameters, level by level; empty if there are too few trials, so that Optuna draws at random."""
        params: dict[str, Any] = {}
        codes = np.full((1, len(self._space.parameters)), -1, dtype=np.int32)
        for level in self._levels:
            active = [i for i in level if self._space.active(i, codes)[0]]
            names = sorted(name for i in active for name in self._domains[i] if name in search_space)
            drawn = self._sample_relative(study, trial, {name: search_space[name] for name in names})
            if names and not drawn:
                return {}
            params |= drawn
            for i in active:
                codes[0, i] = self._code(i, params)
        return params

    def _code(self, i: int, params: dict[str, Any]) -> int:
        """The code of parameter ``i`` as drawn; an only value is never drawn."""
        parameter = self._space.parameters[i]
        numbers = [params.get(name, domain.to_external_repr(0)) for name, domain in self._domains[i].items()]
        return parameter.code_of[value_of(parameter, numbers)]


def levels(space: SearchSpace) -> list[list[int]]:
    """Indices of the parameters without a condition, of those whose conditions mention only these, and so on."""
    depth: dict[str, int] = {}
    for parameter in space.parameters:
        mentioned = () if parameter.condition is None else Expression(parameter.condition).names
        depth[parameter.name] = 1 + max((depth[name] for name in mentioned if name in depth), default=-1)
    return [[i for i, name in enumerate(space.names) if depth[name] == at] for at in range(1 + max(depth.values()))]
