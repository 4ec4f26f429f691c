from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.local_search import LocalSearch
from harness.testing import StrategyContract, drive, smooth_latency, spaces
from search_spaces.space import SearchSpace


class TestLocalSearch(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return LocalSearch(space, seed, budget)


def test_a_whole_neighbourhood_is_told_before_the_walk_moves_to_its_best() -> None:
    space = spaces.plain()
    done = drive(LocalSearch(space, np.random.SeedSequence(1), Budget()), space, evaluations=25)
    centre = done[0].configuration
    at = 1
    while at < len(done):
        around = space.neighbours(centre)
        known = {space.key(e.configuration) for e in done[:at]}
        expected = {space.key(c) for c in around} - known
        asked = done[at : at + len(expected)]
        assert {space.key(e.configuration) for e in asked} <= expected
        best = min(around, key=lambda c: smooth_latency(space, c))
        if smooth_latency(space, best) >= smooth_latency(space, centre):
            break
        centre, at = best, at + len(expected)
    assert at > 10, "it moved"


def test_a_local_optimum_is_left_for_a_random_configuration() -> None:
    space = spaces.plain()
    done = drive(LocalSearch(space, np.random.SeedSequence(0), Budget()), space, lambda *_: 1.0, evaluations=60)
    starts = [done[0].configuration]
    for e in done[1:]:
        if space.key(e.configuration) not in {space.key(c) for c in space.neighbours(starts[-1])}:
            starts.append(e.configuration)
    assert len(starts) > 5, "on a plateau every neighbourhood ends a walk"
