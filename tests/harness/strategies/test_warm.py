from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.errors import UserError
from harness.evaluation import Configuration, Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.common.agreement import contradicted
from harness.strategies.common.tries import probe_of
from harness.strategies.random import RandomSearch
from harness.strategies.warm import Warm
from harness.testing import StrategyContract, drive, smooth_latency, spaces
from harness.testing.driver import evaluation, overlap, trace
from search_spaces.space import SearchSpace
from tests.harness.strategies.sourced import reversed_latency, source_of

RANDOM = {"_target_": "harness.strategies.random.RandomSearch", "label": "random", "chosen_on": ["a-*"]}


def warm(space: SearchSpace, tries: int = 3, seed: int = 0) -> Warm:
    return Warm(
        space, np.random.SeedSequence(seed), Budget(), sources=[source_of(space)], tries=tries, differing=1, then=RANDOM
    )


class TestWarm(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return Warm(space, seed, budget, sources=[source_of(space)], tries=3, then=RANDOM)


def ranking(space: SearchSpace) -> list[str]:
    return [space.key(configuration) for configuration, _ in source_of(space).ranked]


@pytest.mark.parametrize("batch", [1, 2])
def test_the_sources_best_come_first_with_a_probe_after_the_first_and_then_the_other_strategy(batch: int) -> None:
    space = spaces.conditional()
    done = trace(drive(warm(space, tries=3), space, evaluations=12, batch=batch), space)
    assert [done[0], *done[2:4]] == ranking(space)[:3]
    first, second = np.random.SeedSequence(0).spawn(2)
    assert done[1] == space.key(probe_of(space, second)) and done[1] not in ranking(space)[:3]
    plain = trace(drive(RandomSearch(space, first, Budget()), space, evaluations=16), space)
    assert done[4:] == [key for key in plain if key not in done[:4]][:8]


def test_tries_end_where_the_source_is_contradicted() -> None:
    space = spaces.conditional()
    misled, led = warm(space, tries=12), warm(space, tries=12)
    drive(misled, space, reversed_latency, evaluations=20)
    drive(led, space, smooth_latency, evaluations=20)
    assert misled.facts() == {"source_tries": 1, "source_contradicted": True}, "the probe is faster"
    assert led.facts() == {"source_tries": 12, "source_contradicted": False}


def test_tries_end_where_two_fail() -> None:
    space = spaces.conditional()
    strategy = warm(space, tries=12)
    drive(strategy, space, lambda *_: Status.OUT_OF_RESOURCES, evaluations=10)
    assert strategy.facts() == {"source_tries": 2, "source_contradicted": True}


def test_an_ask_waits_for_the_last_tries() -> None:
    space = spaces.conditional()
    strategy = warm(space, tries=2)
    first = [*strategy.ask(1), *strategy.ask(1), *strategy.ask(1)]  # the probe is the second
    assert list(strategy.ask(1)) == []
    strategy.tell([evaluation(0, first[2], 1.0)])
    strategy.tell([evaluation(1, first[1], 2.0)])
    assert list(strategy.ask(1)) == []
    strategy.tell([evaluation(2, first[0], 1.0)])
    assert len(strategy.ask(1)) == 1
    assert len(overlap(warm(space), space, evaluations=15, workers=4)) == 15


def test_what_is_given_is_not_tried() -> None:
    space = spaces.conditional()
    strategy = warm(space, tries=2)
    best: Configuration = source_of(space).ranked[0][0]
    strategy.start([evaluation(0, best, 1.0)])
    done = trace(drive(strategy, space, evaluations=3), space)
    assert [done[0], done[2]] == ranking(space)[1:3]


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ([], False),
        ([(1.0, None)], False),
        ([(1.0, None), (1.5, None)], True),
        ([(1.0, 2.0), (1.5, 1.0)], False),  # one pair may be luck
        ([(1.0, 3.0), (1.5, 2.0), (2.0, 1.0)], True),
        ([(1.0, 3.0), (1.01, 2.0), (1.02, 1.0)], False),  # no order there
        ([(1.0, 1.0), (1.5, 0.98), (2.0, 0.99)], False),  # none here
        ([(1.0, 1.0), (1.5, 2.0), (2.0, 0.5), (3.0, 4.0)], False),
    ],
)
def test_what_contradicts_a_source(tried: list[tuple[float, float | None]], expected: bool) -> None:
    assert contradicted(tried) is expected


def test_a_faster_probe_contradicts_a_source() -> None:
    assert contradicted([(1.0, 2.0)], 1.9) and contradicted([(1.0, None)], 9.0)
    assert not contradicted([(1.0, 2.0)], 2.1) and not contradicted([], 1.0) and not contradicted([(1.0, 2.0)], None)


def test_without_a_source_or_another_strategy_it_is_refused_in_one_line() -> None:
    space = spaces.plain()
    seed = np.random.SeedSequence(0)
    with pytest.raises(UserError, match="strategy warm: source=null: expected source=PATH"):
        Warm(space, seed, Budget(), then=RANDOM)
    with pytest.raises(UserError, match="strategy: then=None: expected a strategy"):
        Warm(space, seed, Budget(), sources=[source_of(space)])
    no_start = {"_target_": "tests.harness.run.test_given.Deaf"}
    with pytest.raises(UserError, match=r"strategy.then._target_=.*Deaf: cannot be told of evaluations"):
        Warm(space, seed, Budget(), sources=[source_of(space)], then=no_start)


def test_yaml_holds_the_defaults() -> None:
    said = yaml.safe_load(Path("conf/strategy/warm.yaml").read_text())
    defaults = Warm.__init__.__kwdefaults__
    assert said["label"] == "warm" and all(said[name] == defaults[name] for name in ("tries", "differing"))
