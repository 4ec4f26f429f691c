"""Its fits take seconds, so most tests here allow few iterations after few initial evaluations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from botorch.models.hierarchical import HierarchicalConditionalKernel

from harness.strategies.base import Budget, Strategy
from harness.strategies.botorch_hierarchical import BotorchHierarchical, Inputs
from harness.strategies.random import RandomSearch
from harness.testing import StrategyContract, drive, spaces
from search_spaces.space import SearchSpace


@pytest.mark.slow
class TestBotorchHierarchical(StrategyContract):
    asks = 8

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return BotorchHierarchical(space, seed, budget, initial=4, iterations=3)


def test_the_tree_holds_conditions_on_one_value_and_flags_the_rest() -> None:
    # scheme 0, tile 1, factor 2, atomic 3, groups 4, prefetch 5, waves 6; the flag of prefetch 7
    inputs = Inputs(spaces.conditional())
    assert inputs.dependencies == {0: {0.5: [2, 3], 1.0: [6]}, 3: {0.0: [4]}, 7: {1.0: [5]}}


@pytest.mark.parametrize("made", [spaces.conditional, spaces.permuted])
def test_groups_are_active_exactly_where_their_parameters_are(made: object) -> None:
    space = made()  # type: ignore[operator]
    inputs, codes = Inputs(space), space.codes()
    points = inputs.points(codes)
    assert len(np.unique(points, axis=0)) == space.size
    kernel = HierarchicalConditionalKernel(points.shape[1], inputs.dependencies)
    owners = [i for i, rows in inputs._tables.items() for _ in range(rows.shape[1])]
    for group, parents, values in zip(kernel.partition, kernel.ancestor_indices, kernel.ancestor_values, strict=True):
        active = np.isclose(points[:, parents], values.numpy()).all(axis=1)
        for column in group:
            if column < len(owners):
                assert np.array_equal(active, codes[:, owners[column]] >= 0)


def test_what_is_inactive_does_not_matter() -> None:
    space = spaces.conditional()
    inputs = Inputs(space)
    x = torch.from_numpy(inputs.points(space.codes()))
    torch.manual_seed(0)
    kernel = HierarchicalConditionalKernel(x.shape[1], inputs.dependencies).double()
    changed = x.clone()
    inactive = space.codes() < 0
    changed[:, : inactive.shape[1]][torch.from_numpy(inactive)] = 0.123
    with torch.no_grad():
        assert torch.allclose(kernel(x).to_dense(), kernel(changed).to_dense())


def test_a_space_without_conditions_is_one_group() -> None:
    inputs = Inputs(spaces.plain())
    assert inputs.dependencies == {}
    assert inputs.points(spaces.plain().codes()).shape == (240, 7)


@pytest.mark.slow
def test_it_beats_random_on_a_smooth_kernel() -> None:
    space = spaces.plain()

    def best(strategy: Strategy) -> float:
        return min(e.latency_ms for e in drive(strategy, space, evaluations=30) if e.latency_ms is not None)

    ours = np.mean([best(BotorchHierarchical(space, np.random.SeedSequence(seed), Budget())) for seed in range(3)])
    assert ours < np.mean([best(RandomSearch(space, np.random.SeedSequence(seed), Budget())) for seed in range(20)])
