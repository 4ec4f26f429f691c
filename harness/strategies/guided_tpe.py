"""Optuna's TPE that begins with pseudo-observations of sources, for which nobody pays.

TPE splits what it has seen into good and bad by order alone. Latencies of two tasks become comparable as ratios to the
latency of one configuration: a source's are divided by its best, the task's by the first that worked here. That should
be the source's best: ``transfer_tpe`` is this after ``warm``. Of a source its best and evenly spaced quantiles enter.

* **Failures** of a source enter as infinite latencies, in proportion.
* **Batches, conditions, constraints**: as ``optuna_tpe``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import optuna

from harness.evaluation import Configuration
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.quiet import quiet
from harness.strategies.common.tries import check_sources
from harness.strategies.optuna_tpe import OptunaTPE
from harness.strategies.source import SourceData
from search_spaces.space import SearchSpace


class GuidedTPE(OptunaTPE):
    """TPE with a past.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings; without any it is refused.
        pseudo: observations of each source that enter, at most.
        multivariate, group, constant_liar, n_startup_trials, n_ei_candidates: of ``TPESampler``; pseudo-observations
            count among the startup trials.

    Raises:
        UserError: there is no source.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        sources: Sequence[SourceData] = (),
        pseudo: int = 20,
        multivariate: bool = True,
        group: bool = True,
        constant_liar: bool = True,
        n_startup_trials: int = 10,
        n_ei_candidates: int = 24,
    ) -> None:
        check_sources("guided_tpe", sources)
        check(pseudo >= 1, "pseudo", pseudo, "1 or more")
        super().__init__(
            space,
            seed,
            budget,
            multivariate=multivariate,
            group=group,
            constant_liar=constant_liar,
            n_startup_trials=n_startup_trials,
            n_ei_candidates=n_ei_candidates,
        )
        self._log_latency = True
        with quiet():
            for source in sources:
                for configuration, slowdown in quantiles(source, pseudo):
                    nothing = optuna.trial.create_trial(value=0.0)
                    self._study.add_trial(self._evaluated(configuration, float(np.log(slowdown)), nothing))


def quantiles(source: SourceData, most: int) -> Iterator[tuple[Configuration, float]]:
    """At most so many configurations of a source, from its fastest to its slowest, failures last, with slowdowns."""
    order = np.argsort(source.slowdowns, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    for i in order[places].tolist():
        yield source.configurations[i], float(source.slowdowns[i])
