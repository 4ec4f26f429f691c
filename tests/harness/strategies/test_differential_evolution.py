from __future__ import annotations

import numpy as np
import pytest

from harness.evaluation import Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.differential_evolution import DifferentialEvolution
from harness.testing import StrategyContract, drive, evaluation, smooth_latency, spaces
from search_spaces.space import SearchSpace


class TestDifferentialEvolution(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return DifferentialEvolution(space, seed, budget)


@pytest.mark.parametrize("batch", [1, 7])
def test_a_member_is_replaced_only_by_what_is_no_slower(batch: int) -> None:
    space = spaces.plain()
    strategy = DifferentialEvolution(space, np.random.SeedSequence(0), Budget(), population=7)
    before: list[float] = []
    for _ in range(60 // batch):
        asked = strategy.ask(batch)
        strategy.tell([evaluation(0, c, smooth_latency(space, c)) for c in asked])
        now = strategy._latencies_ms
        assert all(new <= old for new, old in zip(now, before, strict=False))
        assert now == [smooth_latency(space, space.decode(codes)) for codes in strategy._members]
        before = list(now)
    assert len(before) == 7


def test_failed_members_are_replaced_by_anything() -> None:
    space = spaces.plain()
    strategy = DifferentialEvolution(space, np.random.SeedSequence(0), Budget(), population=5)
    drive(strategy, space, lambda *_: Status.RUN_TIMEOUT, evaluations=5)
    asked = strategy.ask(5)
    strategy.tell([evaluation(0, c, 1.0) for c in asked])
    assert strategy._latencies_ms == [1.0] * 5
