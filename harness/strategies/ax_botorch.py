"""Ax with a stated model: Sobol points, then BoTorch's ``SingleTaskGP`` and qLogEI.

Olson et al. (2025), *Ax: A Platform for Adaptive Experimentation*; its default strategy picks model and acquisition
function from the problem, and may pick others in its next release. Here both are named: ``SingleTaskGP`` is an RBF with
the dimension-scaled length-scale prior of Hvarfner et al. (2024), *Vanilla Bayesian Optimization Performs Great in High
Dimensions*; qLogEI is by Ament et al. (2023), *Unexpected Improvements to Expected Improvement*.

Ax still transforms (unordered choices one-hot, targets winsorised and standardised) and optimises the acquisition
function. Conditions, constraints, failures, batches and the adaptation to kernels: see :mod:`harness.strategies.ax`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from harness.strategies.ax import Ax
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.quiet import quiet
from search_spaces.space import SearchSpace

with quiet():  # Ax logs a line when it is imported
    from ax.adapter.registry import Generators
    from ax.core.trial_status import TrialStatus
    from ax.generation_strategy.generation_node import GenerationNode
    from ax.generation_strategy.generation_strategy import GenerationStrategy
    from ax.generation_strategy.generator_spec import GeneratorSpec
    from ax.generation_strategy.transition_criterion import MinTrials
    from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec
    from botorch.acquisition import qLogExpectedImprovement
    from botorch.models import SingleTaskGP


class AxBotorch(Ax):
    """Ax with ``SingleTaskGP`` and qLogEI behind ask and tell.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        initial: successful Sobol trials before the model takes over; Ax's own default is 5 trials.
        log_latency: tell log latency instead of latency.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        initial: int = 5,
        log_latency: bool = True,
    ) -> None:
        check(initial >= 1, "initial", initial, "1 or more")
        super().__init__(
            space, seed, budget, log_latency=log_latency, generation=partial(sobol_then_gp, initial=initial)
        )


def sobol_then_gp(seed: int, initial: int) -> GenerationStrategy:
    """Sobol until ``initial`` trials were completed, then the stated model."""
    surrogate = SurrogateSpec(model_configs=[ModelConfig(botorch_model_class=SingleTaskGP)])
    stated = {"surrogate_spec": surrogate, "botorch_acqf_class": qLogExpectedImprovement}
    return sobol_then(seed, initial, GeneratorSpec(Generators.BOTORCH_MODULAR, generator_kwargs=stated))


def sobol_then(seed: int, initial: int, generator: GeneratorSpec) -> GenerationStrategy:
    """Sobol until ``initial`` trials were completed, then a generator."""
    enough = MinTrials(
        threshold=initial,
        transition_to="model",
        only_in_statuses=[TrialStatus.COMPLETED],
        use_all_trials_in_exp=True,  # a repair is attached in place of a Sobol trial
        count_only_trials_with_data=True,
    )
    sobol = GenerationNode(
        name="sobol",
        generator_specs=[GeneratorSpec(Generators.SOBOL, generator_kwargs={"seed": seed})],
        transition_criteria=[enough],
        should_deduplicate=True,
    )
    model = GenerationNode(name="model", generator_specs=[generator], should_deduplicate=True)
    return GenerationStrategy(name="sobol_then_gp", nodes=[sobol, model])
