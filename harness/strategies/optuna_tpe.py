"""Optuna's tree-structured Parzen estimator.

Bergstra et al. (2011), *Algorithms for Hyper-Parameter Optimization*; multivariate and grouped as in
Falkner et al. (2018), *BOHB*, and Watanabe (2023), *Tree-Structured Parzen Estimator*.

* **Conditions**: define-by-run. A parameter is suggested only when its condition holds, and
  ``group=True`` keeps one joint density per set of parameters that are active together.
* **Constraints** are unknown to TPE: an infeasible or visited proposal is repaired to the nearest
  unvisited feasible configuration, and TPE is told about that one; the proposal itself is dropped.
* **Failures**: Optuna leaves FAILed trials out of the model, so a failure is told as a complete
  trial with an infinite latency. TPE only ranks values, so this says "worse than all that worked"
  and nothing else; infinity has no unit and never has to be raised when a slower success appears.
* **Batches**: ``constant_liar`` counts running trials as bad, so that a batch spreads out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import TrialState

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.proposals import Proposals
from harness.strategies.quiet import quiet
from search_spaces.encoding import keys_of_order, order_of_keys
from search_spaces.parameter import Parameter, Permutation, Value
from search_spaces.space import SearchSpace


class OptunaTPE:
    """TPE behind ask and tell.

    Ordered parameters are suggested as the *index* of their value: tuning grids are spaced as their
    authors think steps are equal (doubling, mostly), index steps keep that on any scale, and every
    suggestion is a declared value. Permutations are suggested as one rank an item (random keys).

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        multivariate, group, constant_liar, n_startup_trials, n_ei_candidates: of ``TPESampler``.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        multivariate: bool = True,
        group: bool = True,
        constant_liar: bool = True,
        n_startup_trials: int = 10,
        n_ei_candidates: int = 24,
    ) -> None:
        del budget
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with quiet():
            sampler = optuna.samplers.TPESampler(
                multivariate=multivariate,
                group=group,
                constant_liar=constant_liar,
                n_startup_trials=n_startup_trials,
                n_ei_candidates=n_ei_candidates,
                seed=int(seed.generate_state(1)[0]),
            )
        self._study = optuna.create_study(sampler=sampler, direction="minimize")
        self._space = space
        self._domains = {parameter.name: distributions(parameter) for parameter in space.parameters}
        self._proposals = Proposals(space, np.random.default_rng(seed))
        self._pending: list[optuna.Trial] = []

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` suggestions, repaired where needed; the repaired ones stay running until told."""
        asked: list[Configuration] = []
        while len(asked) < n and not self._proposals.exhausted:
            trial = self._study.ask()
            chosen = self._proposals.accept(self._suggest(trial))
            assert chosen is not None
            self._pending.append(trial)
            asked.append(chosen)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Tell each outcome at the configuration that was evaluated."""
        for evaluation in evaluations:
            trial = self._pending.pop(0)
            value = math.inf if evaluation.latency_ms is None else evaluation.latency_ms
            if not evaluation.repaired:
                self._study.tell(trial, value)
                continue
            self._study.tell(trial, state=TrialState.FAIL)
            self._study.add_trial(self._evaluated(evaluation.configuration, value))

    def _suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        codes = np.full((1, len(self._space.parameters)), -1, dtype=np.int32)
        proposal: dict[str, Value] = {}
        for i, parameter in enumerate(self._space.parameters):
            if parameter.condition is not None and not self._space.active(i, codes)[0]:
                continue
            numbers = [suggest(trial, name, domain) for name, domain in self._domains[parameter.name].items()]
            value = value_of(parameter, numbers)
            proposal[parameter.name] = value
            codes[0, i] = parameter.code_of[value]
        return proposal

    def _evaluated(self, configuration: Configuration, value: float) -> optuna.trial.FrozenTrial:
        params: dict[str, Any] = {}
        domains: dict[str, BaseDistribution] = {}
        for parameter in self._space.parameters:
            if parameter.name in configuration:
                own = self._domains[parameter.name]
                domains |= own
                params |= zip(own, numbers_of(parameter, configuration[parameter.name]), strict=True)
        return optuna.trial.create_trial(params=params, distributions=domains, value=value)


def suggest(trial: optuna.Trial, name: str, domain: BaseDistribution) -> Any:
    """One number or choice from Optuna."""
    if isinstance(domain, IntDistribution):
        return trial.suggest_int(name, domain.low, domain.high)
    assert isinstance(domain, CategoricalDistribution)
    return trial.suggest_categorical(name, domain.choices)


def distributions(parameter: Parameter) -> Mapping[str, BaseDistribution]:
    """What Optuna suggests for one parameter, by Optuna's name for it."""
    if isinstance(parameter, Permutation):
        ranks = IntDistribution(0, parameter.length - 1)
        return {f"{parameter.name}[{item}]": ranks for item in range(parameter.length)}
    if parameter.ordered:
        return {parameter.name: IntDistribution(0, parameter.size - 1)}
    return {parameter.name: CategoricalDistribution(parameter.values)}


def value_of(parameter: Parameter, numbers: Sequence[Any]) -> Value:
    """The parameter's value for what Optuna suggested."""
    if isinstance(parameter, Permutation):
        return order_of_keys(numbers)
    value: Value = parameter.values[numbers[0]] if parameter.ordered else numbers[0]
    return value


def numbers_of(parameter: Parameter, value: Value) -> Sequence[Any]:
    """Inverse of :func:`value_of`."""
    if isinstance(parameter, Permutation):
        assert isinstance(value, tuple)
        return keys_of_order(value)
    return [parameter.code_of[value] if parameter.ordered else value]
