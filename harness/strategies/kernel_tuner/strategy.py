"""Kernel Tuner's search strategies, unmodified, on our spaces.

van Werkhoven (2019), *Kernel Tuner: A search-optimizing GPU code auto-tuner*; Willemsen, van Nieuwpoort & van
Werkhoven (2021), *Bayesian Optimization for auto-tuning GPU kernels* (``bayes_opt``); ``hybrid_vndx`` and
``adaptive_tabu_greywolf`` are from *Automated Algorithm Design for Auto-Tuning Optimizers*, as Kernel Tuner's sources
say. Needs the extra ``kernel-tuner``.

* **The search** is Kernel Tuner's own code, with its defaults, behind the callback adapter: its ``Searchspace``, its
  ``CostFunc``, and a runner that asks instead of launching. ``max_fevals``, which shapes the schedules of annealing,
  local search and bayes_opt, is ``budget.evaluations``; without that limit the size of the space.
* **Constraints** are known: Kernel Tuner gets the list of feasible configurations. It searches only listed
configurations, so that a space beyond enumeration is refused.
* **Order**: the list has the order in which Kernel Tuner's solver would make it, which several strategies depend on:
  with another order ``diff_evo``, ``adaptive_tabu_greywolf`` and ``bayes_opt`` had other results in the cross-check.
* **Conditions**: it knows none. An inactive parameter has its first value, and a configuration is in the list once.
  Categories and permutations are numbers.
* **Failures** are its own error configurations, which cost the largest float. ``bayes_opt`` looks for 1e20 instead, so
  that they enter its Gaussian process: this is the published behaviour, and it is kept.
* **Repeats** are answered from memory and free, as in Kernel Tuner's own simulation mode.
* **Batches**: what it asks for at once (a generation, a swarm) is served as such; otherwise one at a time.
* **Given evaluations** (``start=…``): refused. Its strategies accept none; ``x0`` of some is a starting point, not an
  outcome.
* **Time**: ``bayes_opt`` decides by the clock when to fit its process; it sees the tuning clock.
* **Seeds**: Kernel Tuner accepts none. It draws from Python's and numpy's global generators, and (Latin hypercubes in
  ``bayes_opt`` and ``diff_evo``) from generators that are made without a seed: the adapter gives it seeded ones.
  Same seed, same trace, in every process.
* **The end**: some stop before the budget (an annealing schedule, a limit of generations), and some fail on
spaces with few configurations, for which they were not designed. The reason is in the run's ``strategy.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.errors import UserError
from harness.evaluation import Configuration
from harness.strategies.base import Budget
from harness.strategies.common.callback import CallbackStrategy
from harness.strategies.common.checks import check
from harness.strategies.common.extras import extra
from harness.strategies.common.quiet import quiet
from harness.strategies.kernel_tuner.space import FlatSpace
from search_spaces.space import SearchSpace

STRATEGIES = (
    "genetic_algorithm",
    "simulated_annealing",
    "pso",
    "diff_evo",
    "greedy_ils",
    "dual_annealing",
    "pyatf_strategies",
    "hybrid_vndx",
    "adaptive_tabu_greywolf",
    "bayes_opt",
)
MAX_LISTED = 1_000_000


class KernelTuner(CallbackStrategy):
    """One of Kernel Tuner's strategies behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        strategy: its name in Kernel Tuner.
        options: its ``strategy_options``; missing ones have Kernel Tuner's defaults.
        instant: evaluations take no time on the clock that ``bayes_opt`` uses to decide when to fit, as in Kernel
            Tuner's simulation mode, where it fits every sixth round.

    Raises:
        UserError: Kernel Tuner is not installed or has no such strategy, or the space is too large to list.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        strategy: str,
        options: Mapping[str, Any] | None = None,
        instant: bool = False,
    ) -> None:
        check(strategy in STRATEGIES, "strategy", strategy, f"one of {', '.join(STRATEGIES)}")
        with quiet(), extra("kernel-tuner"):
            from harness.strategies.kernel_tuner.search import Search, TuningClock, load

            load(strategy)
        if not space.enumerable or space.size > MAX_LISTED:
            raise UserError(f"strategy: {strategy}: Kernel Tuner lists its space: expected at most {MAX_LISTED:,}")
        flat = FlatSpace(space)
        evaluations = min(budget.evaluations or len(flat), len(flat))
        self._account: dict[str, str] = {}
        clock = TuningClock(instant)
        self._clock = clock.installed(strategy)
        search = Search(flat, strategy, dict(options or {}), evaluations, self._account, clock)
        super().__init__(space, seed, search)

    def ask(self, n: int) -> Sequence[Configuration]:
        """Like :class:`CallbackStrategy`, without the warnings of float_max in Kernel Tuner's arithmetic."""
        with quiet(), self._clock:
            return super().ask(n)

    def facts(self) -> dict[str, Any]:
        """Like :class:`CallbackStrategy`, with the reason why the search ended, if stated, in ``stopped``."""
        return {**super().facts(), **self._account}
