"""Helion's own autotuners as contenders (https://helionlang.com). Needs the extra ``helion``.

It is told latencies in ms; failures are infinite latencies, timeouts marked as such, as Helion's own provider
reports them. Proposals that break a rule of the space, or are not in a recorded pool, are repaired by the callback
adapter, and the search is told which configuration was measured instead. Helion's re-timings (its
verification rounds and the final one) are answered with the known latency, counted, and not charged to the tuning
clock; see ``strategy.json`` of a run.

Given evaluations (``start=…``) are Helion's ``autotune_seed_configs``, its own way to begin with a user's
configurations: it puts them into the first population, after its default, and its requests for them are answered from
memory.

Helion's RandomSearch and DifferentialEvolution draw from Python's global generator, the first before it is seeded; the
adapter gives every search its own global generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from harness.errors import UserError
from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.callback import CallbackStrategy, Measure
from harness.strategies.common.extras import extra
from harness.strategies.common.quiet import quiet
from search_spaces.space import SearchSpace

ALGORITHMS = (
    "RandomSearch",
    "PatternSearch",
    "DifferentialEvolutionSearch",
    "DESurrogateHybrid",
    "LFBOPatternSearch",
    "LFBOTreeSearch",
)


class HelionSearch(CallbackStrategy):
    """One of Helion's searches, with its own defaults at full effort.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        algorithm: its class in ``helion.autotuner``.
        compiler_seeds: whether the search starts from the configurations that Helion's compiler suggests, where
            there are any; one of them may be its default, which comes first in any case.
        options: further arguments of the class, such as ``count`` of RandomSearch.

    Raises:
        UserError: Helion is missing, or lacks an argument.
    """

    ignores_budget = True

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        algorithm: str = "LFBOTreeSearch",
        compiler_seeds: bool = True,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        del budget
        if algorithm not in ALGORITHMS:
            raise UserError(f"strategy.algorithm={algorithm}: expected one of {', '.join(ALGORITHMS)}")
        with extra("helion"):
            # Imported first: it imports Helion where torch shows no device, and says which versions fit.
            from kernels.helion.target import visible  # isort: skip

            from helion.runtime.config import Config

            from harness.strategies.helion.search import Retimings, make_search, run_search
            from harness.strategies.helion.space import translate

        adapter_seed, own_seed = seed.spawn(2)
        translation = translate(space)
        retimings = Retimings()
        given = self._given = list[Configuration]()
        own = int(own_seed.generate_state(1)[0])

        def search(measure: Measure) -> None:
            try:
                spec = translation.spec()
            except ValueError as error:  # a space from another Helion version
                raise UserError(str(error)) from None

            def look(configs: Sequence[Any]) -> list[tuple[Any, Evaluation]]:
                evaluations = measure([translation.proposal(config.config) for config in configs])
                return [(_measured(*pair), pair[1]) for pair in zip(configs, evaluations, strict=True)]

            def _measured(proposed: Any, evaluation: Evaluation) -> Any:
                if not evaluation.repaired:
                    return proposed
                config = translation.config(proposed.config, evaluation.configuration)
                spec.normalize(config, _fix_invalid=True)
                return Config.from_dict(config)

            if not compiler_seeds:
                spec.compiler_seed_configs = []
                spec.compiler_default_config = None
            try:
                user = [Config.from_dict(translation.config(spec.default_config().config, each)) for each in given]
                made = make_search(algorithm, spec, own, look, retimings, options or {}, translation.overrides, user)
            except TypeError as error:
                raise UserError(f"strategy.options: {error}") from None
            run_search(made, retimings)

        @contextmanager
        def surroundings() -> Iterator[None]:
            with quiet(), visible(translation.target):
                yield

        self._retimings = retimings
        super().__init__(space, adapter_seed, search, surroundings)

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Pass each to the search as a user's seed, and its outcome when requested."""
        for evaluation in evaluations:
            self._given.append(evaluation.configuration)
            self._requests.given(evaluation)

    def facts(self) -> dict[str, Any]:
        """Counts of measured and remembered requests, and of re-timings by phase."""
        retimings = self._retimings
        return {**super().facts(), "retimed": retimings.configurations, "retiming_device_s": retimings.device_s}
