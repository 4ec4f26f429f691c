"""Its fits take up to two seconds, so most tests here allow few iterations after few initial evaluations."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from botorch.acquisition import LogExpectedImprovement

from harness.evaluation import Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.botorch_mixed import BotorchMixed
from harness.strategies.random import RandomSearch
from harness.testing import StrategyContract, drive, evaluation, smooth_latency, spaces
from search_spaces.encoding import Floats
from search_spaces.space import SearchSpace


class TestBotorchMixed(StrategyContract):
    asks = 6
    ask_ceiling = 1_000_000  # most of the lines are the library's

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return BotorchMixed(space, seed, budget, initial=4, candidates=256, iterations=3)

    @pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 8])
    def test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(self, batch: int) -> None:
        super().test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(batch)


@pytest.mark.slow
class TestBotorchMixedForLonger(StrategyContract):
    asks = 8
    ask_ceiling = 1_000_000

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return BotorchMixed(space, seed, budget, initial=4, iterations=3)


@pytest.mark.parametrize("made", [spaces.conditional, spaces.permuted, spaces.plain])
def test_no_two_configurations_are_one_point(made: object) -> None:
    space = made()  # type: ignore[operator]
    points = BotorchMixed(space, np.random.SeedSequence(0), Budget())._points(space.codes())
    assert len(np.unique(points, axis=0)) == space.size


def test_ordered_parameters_are_not_categorical() -> None:
    strategy = BotorchMixed(spaces.plain(), np.random.SeedSequence(0), Budget())
    assert strategy._categorical == [2, 3]
    points = strategy._points(spaces.plain().codes())
    assert sorted(set(points[:, 0])) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert sorted(set(points[:, 3])) == [0.0, 1.0, 2.0]


def test_a_space_without_categoricals_has_the_plain_process() -> None:
    strategy = BotorchMixed(spaces.constrained(), np.random.SeedSequence(0), Budget(), initial=4)
    drive(strategy, spaces.constrained(), evaluations=4)
    assert type(strategy._fitted()).__name__ == "SingleTaskGP"


def test_failures_count_as_the_slowest_or_not_at_all() -> None:
    space = spaces.plain()
    outcomes = [2.0, Status.COMPILE_ERROR, 8.0, 4.0]
    for impute, expected in ((True, [0.0, -np.log(4), -np.log(4), -np.log(2)]), (False, [0.0, -np.log(4), -np.log(2)])):
        strategy = BotorchMixed(space, np.random.SeedSequence(0), Budget(), impute_failures=impute, iterations=1)
        seen = strategy.ask(4)
        strategy.tell([evaluation(i, c, outcome) for i, (c, outcome) in enumerate(zip(seen, outcomes, strict=True))])
        model = strategy._fitted()
        assert model is not None
        untransformed, _ = model.outcome_transform.untransform(model.train_targets[:, None])
        assert np.allclose(untransformed.numpy().ravel(), expected)


def test_a_batch_is_spread_wider_than_the_best_candidates_are() -> None:
    space = spaces.plain()
    strategy = BotorchMixed(space, np.random.SeedSequence(0), Budget(), initial=12, iterations=50)
    drive(strategy, space, evaluations=12)
    model, free = strategy._fitted(), strategy._unvisited(np.random.default_rng(0))
    assert model is not None
    acquisition = LogExpectedImprovement(model, float(strategy._targets().max()))
    with torch.no_grad():
        values = acquisition(torch.from_numpy(strategy._points(free))[:, None]).numpy()
    best = free[np.argsort(-values)[:4]]
    strategy.ask(4)
    picked = np.array(list(strategy._pending.values()))
    assert np.array_equal(picked[0], best[0])
    assert distance(strategy._points(picked)) > distance(strategy._points(best))


def distance(points: Floats) -> float:
    """Return the mean distance between two of the points."""
    return float(np.mean([np.linalg.norm(a - b) for a, b in combinations(points, 2)]))


def test_the_initial_design_is_twice_the_parameters_and_one() -> None:
    assert BotorchMixed(spaces.plain(), np.random.SeedSequence(0), Budget())._initial == 12
    assert BotorchMixed(spaces.single(), np.random.SeedSequence(0), Budget())._initial == 4


@pytest.mark.slow
def test_it_beats_random_on_a_smooth_kernel() -> None:
    space = spaces.plain()

    def best(strategy: Strategy) -> float:
        return min(e.latency_ms for e in drive(strategy, space, smooth_latency, evaluations=30) if e.latency_ms)

    ours = np.mean([best(BotorchMixed(space, np.random.SeedSequence(seed), Budget())) for seed in range(3)])
    assert ours < np.mean([best(RandomSearch(space, np.random.SeedSequence(seed), Budget())) for seed in range(20)])
