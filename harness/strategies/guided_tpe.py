"""Optuna's TPE that begins with pseudo-observations of sources, which cost no evaluations.

TPE splits observations into good and bad only by their order. Latencies of two tasks become comparable as ratios to the
latency of one configuration: a source's are divided by its best, the task's by the first success here. That should
be the source's best: ``transfer_tpe`` is this strategy after ``warm``. The best of a source and evenly spaced quantiles
are used.

A source whose latencies do not follow from its own parameters is ignored (:func:`~harness.strategies.source.coherent`).

* **Failures** of a source count as infinite latencies, in proportion.
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
from harness.strategies.source import SourceData, coherent
from search_spaces.space import SearchSpace


class GuidedTPE(OptunaTPE):
    """TPE with pseudo-observations.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings; at least one is required.
        pseudo: most observations used of each source.
        multivariate, group, constant_liar, n_startup_trials, n_ei_candidates: arguments of ``TPESampler``;
            pseudo-observations count among the startup trials.

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
            for source in coherent(sources):
                for configuration, slowdown in quantiles(source, pseudo):
                    nothing = optuna.trial.create_trial(value=0.0)
                    self._study.add_trial(self._evaluated(configuration, float(np.log(slowdown)), nothing))


def quantiles(source: SourceData, most: int) -> Iterator[tuple[Configuration, float]]:
    """At most ``most`` configurations of a source with slowdowns, from the fastest to the slowest, failures last."""
    order = np.argsort(source.slowdowns, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    for i in order[places].tolist():
        yield source.configurations[i], float(source.slowdowns[i])
