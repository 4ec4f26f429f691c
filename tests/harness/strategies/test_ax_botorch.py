"""Asks take seconds once it models, so most tests here stop within the Sobol trials."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from harness.strategies.ax_botorch import AxBotorch
from harness.strategies.base import Budget, Strategy
from harness.testing import StrategyContract, drive, spaces
from search_spaces.space import SearchSpace


@pytest.mark.slow
class TestAxBotorch(StrategyContract):
    asks = 5
    ask_ceiling = 1_000_000  # most of the lines are the library's

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return AxBotorch(space, seed, budget)

    @pytest.mark.slow
    @pytest.mark.parametrize("batch", [1, 8])
    def test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(self, batch: int) -> None:
        super().test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(batch)

    @pytest.mark.slow
    @pytest.mark.parametrize("batch", [1, 3, 8])
    def test_batches_are_full_until_the_end(self, batch: int) -> None:
        super().test_batches_are_full_until_the_end(batch)


@pytest.mark.slow
class TestAxBotorchModelling(TestAxBotorch):
    asks = 8
    exempt: ClassVar = {
        "test_exhausting_a_space_visits_everything_once_and_finds_the_optimum": "44 asks of seconds each",
        "test_the_unit_of_latency_does_not_matter": "its optimiser amplifies the last digit of a shifted objective",
    }


def test_the_stated_model_takes_over_after_the_sobol_trials() -> None:
    space = spaces.conditional()
    strategy = AxBotorch(space, np.random.SeedSequence(0), Budget(), initial=3)
    assert len(drive(strategy, space, evaluations=3)) == 3
    generation = strategy._client._generation_strategy
    assert generation.current_node_name == "sobol"
    strategy.ask(1)
    assert generation.current_node_name == "model"
    surrogate = generation.adapter.generator.surrogate
    assert type(surrogate.model).__name__ == "SingleTaskGP"
    assert "lengthscale_prior): LogNormalPrior" in str(surrogate.model)
    assert generation.adapter.generator.botorch_acqf_class.__name__ == "qLogExpectedImprovement"
