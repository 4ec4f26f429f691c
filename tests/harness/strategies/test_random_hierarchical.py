from __future__ import annotations

import numpy as np
from scipy.stats import chisquare

from harness.strategies.base import Budget, Strategy
from harness.strategies.random_hierarchical import RandomHierarchical
from harness.testing import StrategyContract, drive, spaces
from search_spaces.space import SearchSpace


class TestRandomHierarchical(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return RandomHierarchical(space, seed, budget)


def test_branches_are_equally_likely_whatever_they_hold() -> None:
    space = spaces.conditional()
    firsts = [RandomHierarchical(space, np.random.SeedSequence(s), Budget()).ask(1)[0]["scheme"] for s in range(900)]
    drawn = np.array([firsts.count(scheme) for scheme in ("direct", "split", "persistent")])
    table = space.codes()[:, 0]
    assert chisquare(drawn).pvalue > 1e-4
    assert chisquare(drawn, 900 * np.bincount(table) / len(table)).pvalue < 1e-10, "uniform over configurations differs"


def test_after_a_stall_what_is_left_is_drawn_uniformly() -> None:
    space = spaces.constrained()
    strategy = RandomHierarchical(space, np.random.SeedSequence(0), Budget(), max_rejected=1)
    done = drive(strategy, space)
    assert len(done) == space.size
    assert not any(e.repaired for e in done)


def test_the_draws_do_not_depend_on_the_batch() -> None:
    space = spaces.conditional()
    one, five = (RandomHierarchical(space, np.random.SeedSequence(0), Budget()) for _ in range(2))
    assert [one.ask(1)[0] for _ in range(10)] == [*five.ask(5), *five.ask(5)]
