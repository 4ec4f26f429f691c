"""Ax with any generation strategy, by the path of a function that makes one.

Olson et al. (2025), *Ax: A Platform for Adaptive Experimentation*. The function is called as
``function(seed=…, **arguments)`` and returns an ``ax…GenerationStrategy``; :func:`sobol_then_botorch`, the default,
takes BoTorch's model and acquisition function by their paths. Conditions, constraints, failures and batches: see
:mod:`harness.strategies.ax`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.config.targets import call_target, target_object
from harness.errors import UserError
from harness.strategies.ax import Ax
from harness.strategies.ax_botorch import sobol_then
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.quiet import quiet
from search_spaces.space import SearchSpace

with quiet():  # Ax logs a line when it is imported
    from ax.adapter.registry import Generators
    from ax.generation_strategy.generation_strategy import GenerationStrategy
    from ax.generation_strategy.generator_spec import GeneratorSpec
    from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec
    from botorch.acquisition import AcquisitionFunction
    from botorch.models.model import Model

FIELD = "strategy.generation"


class AxGeneration(Ax):
    """Ax with a named generation strategy behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        generation: path of the function.
        arguments: its arguments besides ``seed``.
        log_latency: tell log latency instead of latency.

    Raises:
        UserError: the function does not exist, does not accept its arguments, or returns something else.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        generation: str,
        arguments: Mapping[str, Any] | None = None,
        log_latency: bool = True,
    ) -> None:
        function = target_object(FIELD, generation)

        def made(number: int) -> GenerationStrategy:
            strategy = call_target(FIELD, function, arguments or {}, {"seed": number})
            if not isinstance(strategy, GenerationStrategy):
                raise UserError(
                    f"{FIELD}={generation}: returned a {type(strategy).__name__}: expected a GenerationStrategy"
                )
            return strategy

        super().__init__(space, seed, budget, log_latency=log_latency, generation=made)


def sobol_then_botorch(
    seed: int,
    initial: int = 5,
    generator: str = "BOTORCH_MODULAR",
    model: str | None = None,
    acquisition: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> GenerationStrategy:
    """Sobol, then one of Ax's generators, with given BoTorch classes if it accepts them.

    Args:
        seed: seed of the Sobol points.
        initial: successful trials before the generator takes over.
        generator: a name of Ax's registry of generators.
        model, acquisition: paths of classes of BoTorch; ``None`` leaves the choice to Ax.
        options: additional ``generator_kwargs``.

    Raises:
        UserError: a name is unknown.
    """
    check(initial >= 1, "arguments.initial", initial, "1 or more")
    known = [each.name for each in Generators]
    check(generator in known, "arguments.generator", generator, f"one of {', '.join(known)}")
    stated: dict[str, Any] = dict(options or {})
    if model is not None:
        model_class = target_object("strategy.arguments.model", model, Model)
        stated["surrogate_spec"] = SurrogateSpec(model_configs=[ModelConfig(botorch_model_class=model_class)])
    if acquisition is not None:
        stated["botorch_acqf_class"] = target_object("strategy.arguments.acquisition", acquisition, AcquisitionFunction)
    return sobol_then(seed, initial, GeneratorSpec(Generators[generator], generator_kwargs=stated))
