"""SMAC3's Bayesian optimisation with a random forest, its ``HyperparameterOptimizationFacade``.

Lindauer et al. (2022), *SMAC3: A Versatile Bayesian Optimization Package for Hyperparameter Optimization*; the
method is that of Hutter, Hoos & Leyton-Brown (2011). Needs the extra ``smac``.

* **Facade**: SMAC's authors recommend this one for categorical and conditional spaces, and the Gaussian process of
  ``BlackBoxFacade`` for up to about ten continuous parameters. Defaults throughout: 10 trees, EI on log cost,
  10,000 random challengers and local search, every fifth configuration random, a Sobol design of 10 per
  parameter and at most a quarter of the budget, a new forest every eighth configuration.
* **Conditions** become ConfigSpace's where they are conjunctions of memberships; see
  :class:`~harness.strategies.smac.space.ConfigSpace`. **Constraints** become forbidden clauses likewise. Other
  infeasible proposals are repaired to the nearest unvisited feasible configuration; SMAC is told about that one,
  and the proposal stays a running trial, which is neither modelled nor proposed again.
* **Failures** are told as crashed at the latency of the slowest success, and again when a slower one appears.
* **Batches**: the trials of a batch are running; SMAC goes down its list of challengers. It evaluates each once
  (``deterministic``), since a configuration's samples are taken within its one evaluation.
* **Given evaluations** (``start=…``) are told as trials of SMAC's single seed, as its ask-and-tell does for
  configurations
that it did not ask for. They are in the model; the initial design keeps its size.
* **Adaptation** to kernels: none. Latencies are told in units of the first success; the facade takes logs itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.evaluation import Configuration, Evaluation, RepairedConfiguration
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.extras import extra
from harness.strategies.common.proposals import Proposals
from harness.strategies.common.quiet import quiet
from search_spaces.space import SearchSpace

if TYPE_CHECKING:
    from smac.runhistory import TrialInfo

TRIALS = 100
SEED = 0
"""Seed of every trial in SMAC's deterministic scenarios."""
DECIMALS = 9


class SMAC:
    """SMAC3 behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`. The initial design is at most a quarter of
            ``budget.evaluations``, or of 100 without such a limit.
        retrain_after: configurations between two fits of the forest.
        random_probability: share of random configurations among those after the initial design.

    Raises:
        UserError: SMAC is not installed.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        retrain_after: int = 8,
        random_probability: float = 0.2,
    ) -> None:
        check(retrain_after >= 1, "retrain_after", retrain_after, "1 or more")
        check(0 <= random_probability <= 1, "random_probability", random_probability, "in [0, 1]")
        with quiet(), extra("smac"):
            from harness.strategies.smac.search import facade
            from harness.strategies.smac.space import ConfigSpace

            self._tree = ConfigSpace(space)
            number = int(seed.generate_state(1)[0] >> 1)
            trials = budget.evaluations or TRIALS
            self._facade = facade(self._tree.configspace, number, trials, retrain_after, random_probability)
        self._proposals = Proposals(space, np.random.default_rng(seed))
        self._space = space
        self._pending: dict[str, TrialInfo | None] = {}
        self._failed: list[TrialInfo] = []
        self._unit_ms: float | None = None
        self._worst = 1.0

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` of SMAC's trials, or random unvisited configurations if it has none."""
        asked: list[Configuration] = []
        while len(asked) < n and not self._proposals.exhausted:
            trial = self._next_trial()
            if trial is None:
                chosen = self._proposals.accept_random()
                assert chosen is not None
                chosen = RepairedConfiguration(chosen)
            else:
                proposal = self._tree.read(trial.config)
                chosen = self._proposals.accept(proposal)
                assert chosen is not None
                if isinstance(chosen, RepairedConfiguration):
                    trial = self._instead(trial, chosen, proposal)
            self._pending[self._space.key(chosen)] = trial
            asked.append(chosen)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Tell each outcome at the configuration that was evaluated."""
        for evaluation in evaluations:
            trial = self._pending.pop(self._space.key(evaluation.configuration))
            if trial is None:
                continue
            if evaluation.latency_ms is None:
                self._failed.append(trial)
                self._tell_failures([trial])
                continue
            self._unit_ms = self._unit_ms or evaluation.latency_ms
            cost = round(evaluation.latency_ms / self._unit_ms, DECIMALS)
            self._tell(trial, cost, failed=False)
            if cost > self._worst:
                self._worst = cost
                self._tell_failures(self._failed)

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Tell each as a trial of its own; one that ConfigSpace forbids counts as visited and is not told."""
        from smac.runhistory import TrialInfo

        for evaluation in evaluations:
            self._proposals.given(evaluation.configuration)
            written = self._tree.write(evaluation.configuration, {})
            trial = None if written is None else TrialInfo(written, seed=SEED)
            self._pending[self._space.key(evaluation.configuration)] = trial
        self.tell(evaluations)

    def _next_trial(self) -> TrialInfo | None:
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        try:
            with quiet():
                return self._facade.ask()
        except (StopIteration, ConfigurationSpaceExhaustedException):
            return None

    def _instead(self, trial: TrialInfo, chosen: Configuration, proposal: Configuration) -> TrialInfo | None:
        """The trial of a repair; ``None`` if ConfigSpace forbids it, so that SMAC cannot be told."""
        written = self._tree.write(chosen, proposal)
        return None if written is None else replace(trial, config=written)

    def _tell_failures(self, trials: Sequence[TrialInfo]) -> None:
        for trial in trials:
            self._tell(trial, self._worst, failed=True)

    def _tell(self, trial: TrialInfo, cost: float, failed: bool) -> None:
        from smac.runhistory import StatusType, TrialValue

        status = StatusType.CRASHED if failed else StatusType.SUCCESS
        with quiet():
            self._facade.tell(trial, TrialValue(cost, status=status), save=False)
