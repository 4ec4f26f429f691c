"""A search that owns its loop, behind the shared contract."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from itertools import product
from typing import ClassVar

import numpy as np
import pytest

from harness.evaluation import RepairedConfiguration
from harness.strategies.base import Budget, Strategy
from harness.strategies.common.callback import CallbackStrategy, GlobalGenerators, Measure
from harness.testing import StrategyContract, spaces
from harness.testing.driver import drive, evaluation, smooth_latency
from search_spaces.space import SearchSpace


def draw(space: SearchSpace) -> dict[str, object]:
    """Draw a value for every parameter from the global generators, ignoring the rules."""
    drawn = {p.name: random.choice(p.values) for p in space.parameters}
    first = space.parameters[0]
    drawn[first.name] = first.values[np.random.randint(first.size)]  # noqa: NPY002 (what libraries use)
    return drawn


def random_search(space: SearchSpace, measure: Measure) -> None:
    while True:
        measure([draw(space)])


@pytest.mark.slow
class TestRandomLibrary(StrategyContract):
    exempt: ClassVar = {"test_a_pickled_copy_goes_on_like_the_original": "its search is suspended halfway, in a stack"}

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        del budget
        return CallbackStrategy(space, seed, lambda measure: random_search(space, measure))

    @pytest.mark.parametrize("batch", [1, 3, 8])
    def test_batches_are_full_until_the_end(self, batch: int) -> None:
        """It asks for one configuration at a time, even if the run loop would take more."""
        strategy = self.build(spaces.conditional())
        assert len(strategy.ask(batch)) == 1


class TestBatches(StrategyContract):
    exempt: ClassVar = {"test_a_pickled_copy_goes_on_like_the_original": "its search is suspended halfway, in a stack"}

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        del budget

        def search(measure: Measure) -> None:
            while True:
                measure([draw(space) for _ in range(100)])

        return CallbackStrategy(space, seed, search)


def strategy_of(search: Callable[[Measure], object], seed: int = 0) -> CallbackStrategy:
    return CallbackStrategy(spaces.plain(), np.random.SeedSequence(seed), search)


def test_a_request_is_served_in_order_and_answered_when_it_is_complete() -> None:
    space = spaces.plain()
    wanted = [dict(c) for c in list(space.enumerate())[:5]]
    answers = []
    strategy = strategy_of(lambda measure: answers.extend(measure(wanted)))
    for expected in (wanted[:2], wanted[2:4], wanted[4:]):
        asked = strategy.ask(2)
        assert [dict(a) for a in asked] == expected
        assert not answers
        strategy.tell([evaluation(i, c, smooth_latency(space, c)) for i, c in enumerate(asked)])
    assert list(strategy.ask(2)) == []
    assert [answer.configuration for answer in answers] == wanted


def test_what_was_measured_is_answered_from_memory() -> None:
    space = spaces.plain()
    one, other = list(space.enumerate())[:2]
    seen = []

    def search(measure: Measure) -> None:
        seen.append(measure([one, other, one])[2])
        seen.append(measure([one])[0])

    strategy = strategy_of(search)
    assert len(drive(strategy, space)) == 2
    assert [answer.configuration for answer in seen] == [one, one]
    assert strategy.facts() == {"measured": 2, "remembered": 2}


def test_an_infeasible_proposal_is_answered_with_its_repair() -> None:
    space = spaces.constrained()
    drawn = (dict(zip(space.names, values, strict=True)) for values in product(*(p.values for p in space.parameters)))
    broken = next(candidate for candidate in drawn if not space.contains(candidate))
    answers = []
    strategy = CallbackStrategy(
        space, np.random.SeedSequence(0), lambda measure: answers.extend(measure([broken, broken]))
    )
    (asked,) = strategy.ask(4)
    assert isinstance(asked, RepairedConfiguration)
    strategy.tell([evaluation(0, asked, 1.0)])
    assert list(strategy.ask(1)) == []
    assert len(answers) == 2 and answers[0] is answers[1]


def test_a_search_that_fails_says_so_in_ask() -> None:
    def search(_: Measure) -> None:
        raise LookupError("broken inside")

    with pytest.raises(LookupError, match="broken inside"):
        strategy_of(search).ask(1)


def test_an_abandoned_search_is_unwound() -> None:
    unwound = []

    def search(measure: Measure) -> None:
        try:
            measure([next(iter(spaces.plain().enumerate()))])
        finally:
            unwound.append(True)

    strategy = strategy_of(search)
    strategy.ask(1)
    del strategy
    gc.collect()
    assert unwound == [True]


def test_the_global_generators_are_given_back() -> None:
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    expected = (random.random(), np.random.random())  # noqa: NPY002
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    generators = GlobalGenerators(np.random.SeedSequence(0))
    with generators.installed():
        first = (random.random(), np.random.random())  # noqa: NPY002
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    with generators.installed():
        assert (random.random(), np.random.random()) != first  # noqa: NPY002


def test_generators_made_without_a_seed_are_seeded_too() -> None:
    def drawn(seed: int) -> list[float]:
        with GlobalGenerators(np.random.SeedSequence(seed)).installed():
            return [np.random.default_rng().random() for _ in range(3)] + [np.random.default_rng(1).random()]

    first, again, other = drawn(0), drawn(0), drawn(1)
    assert first == again
    assert len({*first[:3], *other[:3]}) == 6
    assert first[3] == other[3] == np.random.default_rng(1).random()
