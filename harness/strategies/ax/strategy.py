"""Ax with its default generation strategy (centre, Sobol, then BoTorch's modular Bayesian optimisation).

Olson et al. (2025), *Ax: A Platform for Adaptive Experimentation*; through ``ax.api.client.Client``.

* **Conditions**: a parameter whose condition depends on one parent, and holds for exactly one of its
  values, becomes a ``dependent_parameter`` of that value (Ax's hierarchical search space is a tree
  in which a parameter depends on one value of one parent). Any other condition cannot be stated in
  Ax: such a parameter is always proposed and dropped from the proposal where it is inactive.
* **Constraints**: Ax takes linear ones only, so none is declared; infeasible or visited proposals are
  abandoned, and the nearest unvisited feasible configuration is attached and completed instead.
* **Failures** are marked abandoned: Ax then neither models them nor suggests them again.
* **Batches and pending evaluations**: a batch is several trials from one generation; Ax conditions on running trials.
* **Given evaluations** (``start=…``) are attached trials, completed or abandoned; Ax counts them as initial trials.
* **Adaptation** to kernels: Ax is told log latency, since latencies of one kernel span a
  factor of 30 and Ax only standardises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from harness.evaluation import Configuration, Evaluation, RepairedConfiguration
from harness.strategies.base import Budget
from harness.strategies.common.proposals import Proposals
from harness.strategies.common.quiet import quiet
from search_spaces.parameter import Value
from search_spaces.space import SearchSpace

with quiet():  # Ax logs a line when it is imported
    from ax.api.client import Client
    from ax.exceptions.core import AxError
    from ax.generation_strategy.generation_strategy import GenerationStrategy

    from harness.strategies.ax.space import AxTree

METRIC = "latency"


class Ax:
    """Ax's client behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        method: Ax's generation method: ``fast`` (its default), ``quality`` or ``random_search``.
        log_latency: tell log latency instead of latency.
        initialization_budget: centre and Sobol trials; ``None`` is Ax's default (5).
        generation: makes another generation strategy from a seed; ``method`` and ``initialization_budget`` are then
            ignored.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        method: str = "fast",
        log_latency: bool = True,
        initialization_budget: int | None = None,
        generation: Callable[[int], GenerationStrategy] | None = None,
    ) -> None:
        del budget
        self._space = space
        self._log_latency = log_latency
        self._tree = AxTree(space)
        self._proposals = Proposals(space, np.random.default_rng(seed))
        self._pending: dict[str, int] = {}
        number = int(seed.generate_state(1)[0] >> 1)
        with quiet():
            self._client = Client(random_seed=number)
            self._client.configure_experiment(name="nearopt", parameters=self._tree.configs)
            self._client.configure_optimization(objective=f"-{METRIC}")
            if generation is not None:
                self._client.set_generation_strategy(generation(number))
                return
            self._client.configure_generation_strategy(
                method=method,
                initialization_budget=initialization_budget,
                initialization_random_seed=number,
                allow_exceeding_initialization_budget=True,
            )

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` of Ax's trials, or random unvisited configurations if Ax has none."""
        asked: list[Configuration] = []
        if self._proposals.exhausted:  # Ax itself would search for minutes
            return asked
        with quiet():
            for index, proposal in self._next_trials(n):
                chosen = self._proposals.accept(proposal)
                if chosen is None:
                    self._client.mark_trial_abandoned(index)
                    return asked
                if isinstance(chosen, RepairedConfiguration):
                    self._client.mark_trial_abandoned(index)
                    index = self._attach(chosen, proposal)
                self._pending[self._space.key(chosen)] = index
                asked.append(chosen)
            while len(asked) < n:
                chosen = self._proposals.accept_random()
                if chosen is None:
                    break
                self._pending[self._space.key(chosen)] = self._attach(chosen, {})
                asked.append(RepairedConfiguration(chosen))
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Complete each trial with its (log) latency in ms, or abandon it."""
        with quiet():
            for evaluation in evaluations:
                index = self._pending.pop(self._space.key(evaluation.configuration))
                if evaluation.latency_ms is None:
                    self._client.mark_trial_abandoned(index)
                    continue
                value = math.log(evaluation.latency_ms) if self._log_latency else evaluation.latency_ms
                self._client.complete_trial(index, raw_data={METRIC: value})

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Attach each as a trial, then complete or abandon it."""
        with quiet():
            for evaluation in evaluations:
                self._proposals.given(evaluation.configuration)
                key = self._space.key(evaluation.configuration)
                self._pending[key] = self._attach(evaluation.configuration, {})
        self.tell(evaluations)

    def _next_trials(self, n: int) -> list[tuple[int, dict[str, Value]]]:
        try:
            trials = self._client.get_next_trials(max_trials=n)
        except (AxError, RuntimeError, ValueError):  # exhausted, or a numerical failure in BoTorch
            return []
        return [(index, self._tree.read(proposed)) for index, proposed in trials.items()]

    def _attach(self, configuration: Configuration, proposal: Mapping[str, Value]) -> int:
        return int(self._client.attach_trial(self._tree.write(configuration, proposal)))
