"""Any Optuna sampler behind ask and tell.

* **Conditions**: define-by-run. A parameter is suggested only when its condition holds; or, for samplers
  that model only parameters that every trial has (``flat``), always, and dropped where it is inactive.
* **Constraints** are unknown to samplers: an infeasible or visited proposal is repaired to the nearest
  unvisited feasible configuration, and the sampler is told about that one; the proposal itself is dropped.
* **Failures**: Optuna leaves FAILed trials out of its models, so a failure is told as a complete
  trial with an infinite latency, which has no unit and need not be raised when a slower success
  appears. Samplers that rank read "worse than all that worked"; GPSampler clips it to the worst that worked.
* **Given evaluations** (``start=…``) are added as trials, each in place of a proposal that is dropped, as repairs are:
  a sampler's notes on a trial (such as a generation) are kept. They count among the startup trials.
* **The end**: a sampler that stops its study (``BruteForceSampler``, ``GridSampler``) proposes nothing more.
* **Batches and pending evaluations**: trials are running until told; their treatment depends on the sampler.

Any sampler can be given by its path: ``strategy=optuna_sampler strategy.sampler=optuna.samplers.QMCSampler``.
``CmaEsSampler`` has no YAML of its own: it moves only parameters that are numbers and active in every trial, and draws
all others at random, so that in most spaces of kernels it would be random search in the dimensions that matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from harness.config.targets import call_target, target_object
from harness.errors import UserError
from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.proposals import Proposals
from harness.strategies.common.quiet import quiet
from search_spaces.encoding import keys_of_order, order_of_keys
from search_spaces.parameter import Parameter, Permutation, Value
from search_spaces.space import SearchSpace

DECIMALS = 9


class OptunaSampler:
    """An Optuna study behind ask and tell.

    Ordered parameters are suggested as the *index* of their value: tuning grids are spaced so that
    steps are about equal (mostly doubling), index steps keep this on any scale, and every
    suggestion is a declared value. Permutations are suggested as one rank per item (random keys).

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sampler: makes the sampler, given ``seed``: in a YAML a ``_target_`` with ``_partial_: true``, or the path of a
            sampler's class.
        arguments: arguments of that class.
        flat: suggest inactive parameters too. A repair keeps what was proposed for them.
        log_latency: tell the logarithm of latency over that of the first success.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        sampler: Callable[..., BaseSampler] | str,
        flat: bool = False,
        log_latency: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        del budget
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        number = int(seed.generate_state(1)[0])
        with quiet():
            made = sampler(seed=number) if callable(sampler) else _named_sampler(sampler, arguments or {}, number)
            self._study = _Study(made)
        self._space = space
        self._flat, self._log_latency = flat, log_latency
        self._domains = {parameter.name: distributions(parameter) for parameter in space.parameters}
        self._proposals = Proposals(space, np.random.default_rng(seed))
        self._pending: dict[str, optuna.Trial] = {}
        self._unit_ms: float | None = None

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` suggestions, repaired where needed; the repaired ones stay running until told."""
        asked: list[Configuration] = []
        with quiet(), _installed():
            while len(asked) < n and not self._proposals.exhausted and not self._study.stopped:
                trial = self._study.ask()
                chosen = self._proposals.accept(self._suggest(trial))
                assert chosen is not None
                self._pending[self._space.key(chosen)] = trial
                asked.append(chosen)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Tell each outcome at the configuration that was evaluated."""
        for evaluation in evaluations:
            trial = self._pending.pop(self._space.key(evaluation.configuration))
            value = self._value(evaluation.latency_ms)
            if not evaluation.repaired:
                self._study.tell(trial, value)
                continue
            dropped = self._study.tell(trial, state=TrialState.FAIL)
            self._study.add_trial(self._evaluated(evaluation.configuration, value, dropped))

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Add each as a trial in place of a proposal of the sampler, like a repair."""
        with quiet(), _installed():
            for evaluation in evaluations:
                self._proposals.given(evaluation.configuration)
                trial = self._study.ask()
                self._suggest(trial)
                self._pending[self._space.key(evaluation.configuration)] = trial
                self.tell([replace(evaluation, repaired=True)])

    def _value(self, latency_ms: float | None) -> float:
        if latency_ms is None:
            return math.inf
        if not self._log_latency:
            return latency_ms
        # A ratio has no unit, and rounding hides its last bits, which depend on the unit.
        self._unit_ms = self._unit_ms or latency_ms
        return round(math.log(latency_ms / self._unit_ms), DECIMALS)

    def _suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        codes = np.full((1, len(self._space.parameters)), -1, dtype=np.int32)
        proposal: dict[str, Value] = {}
        for i, parameter in enumerate(self._space.parameters):
            if not self._flat and parameter.condition is not None and not self._space.active(i, codes)[0]:
                continue
            numbers = [suggest(trial, name, domain) for name, domain in self._domains[parameter.name].items()]
            value = value_of(parameter, numbers)
            proposal[parameter.name] = value
            codes[0, i] = parameter.code_of[value]
        return proposal

    def _evaluated(self, configuration: Configuration, value: float, dropped: FrozenTrial) -> FrozenTrial:
        """A trial in place of a dropped one, with its notes, in which genetic samplers store the generation."""
        params: dict[str, Any] = dict(dropped.params) if self._flat else {}
        domains: dict[str, BaseDistribution] = dict(dropped.distributions) if self._flat else {}
        for parameter in self._space.parameters:
            if parameter.name in configuration:
                own = self._domains[parameter.name]
                domains |= own
                params |= zip(own, numbers_of(parameter, configuration[parameter.name]), strict=True)
        return optuna.trial.create_trial(
            params=params, distributions=domains, value=value, system_attrs=dropped.system_attrs
        )


class _Study(optuna.Study):  # type: ignore[misc]
    """A study that samplers may stop outside Optuna's own loop, which Optuna's class refuses."""

    def __init__(self, sampler: BaseSampler) -> None:
        storage = optuna.storages.InMemoryStorage()
        made = optuna.create_study(storage=storage, sampler=sampler, direction="minimize")
        super().__init__(made.study_name, storage, sampler)
        self.stopped = False

    def stop(self) -> None:
        """Make the study propose nothing more."""
        self.stopped = True


@contextmanager
def _installed() -> Iterator[None]:
    """Report missing packages, which samplers import on their first draw.

    Raises:
        UserError: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"strategy.sampler: needs {error.name}, which is not installed") from None


def _named_sampler(path: str, arguments: Mapping[str, Any], seed: int) -> BaseSampler:
    field = "strategy.sampler"
    made: BaseSampler = call_target(field, target_object(field, path, BaseSampler), arguments, {"seed": seed})
    return made


def suggest(trial: optuna.Trial, name: str, domain: BaseDistribution) -> Any:
    """One number or choice from Optuna."""
    if isinstance(domain, IntDistribution):
        return trial.suggest_int(name, domain.low, domain.high)
    assert isinstance(domain, CategoricalDistribution)
    return trial.suggest_categorical(name, domain.choices)


def distributions(parameter: Parameter) -> Mapping[str, BaseDistribution]:
    """The distributions for one parameter, by Optuna's names for them."""
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
