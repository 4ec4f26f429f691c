"""A source whose latencies do not follow from its parameters carries no information, and is ignored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.strategies.base import Budget
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.conditional_gp.guided import GuidedGP
from harness.strategies.portfolio import Portfolio
from harness.strategies.source import COHERENT, FEWEST_FOR_COHERENCE, SourceData, coherent
from harness.strategies.warm import Warm
from harness.testing import drive, smooth_latency
from harness.testing.driver import Outcome, trace
from search_spaces.parameter import Integer
from search_spaces.space import SearchSpace
from tests.harness.strategies.sourced import reversed_latency, source_of

RANDOM = {"_target_": "harness.strategies.random.RandomSearch"}


def grid() -> SearchSpace:
    return SearchSpace([Integer(name, 0, 6) for name in "abc"])


def shuffled(source: SourceData, seed: int = 0) -> SourceData:
    order = np.random.default_rng(seed).permutation(len(source)).tolist()
    return replace(
        source,
        statuses=tuple(source.statuses[i] for i in order),
        latencies_ms=tuple(source.latencies_ms[i] for i in order),
    )


@pytest.mark.parametrize("outcome", [smooth_latency, reversed_latency])
def test_a_source_is_trusted_whether_or_not_it_is_right_about_the_task(outcome: Outcome) -> None:
    source = source_of(grid(), 2_000, outcome)
    assert len(source) >= FEWEST_FOR_COHERENCE and source.coherence > 0.8 and coherent([source]) == [source]


def test_shuffled_latencies_are_hardly_ever_trusted() -> None:
    source = source_of(grid(), 2_000)
    found = [shuffled(source, seed).coherence for seed in range(40)]
    assert abs(np.mean(found)) < 3 / np.sqrt(40 * len(source)) + 0.03
    assert max(found) < COHERENT


def test_a_source_that_is_the_same_everywhere_has_no_best_to_follow() -> None:
    source = source_of(grid(), 2_000, lambda *_: 1.0)
    assert source.coherence == 0 and coherent([source]) == []


def test_small_sources_are_trusted() -> None:
    source = shuffled(source_of(grid(), FEWEST_FOR_COHERENCE - 1))
    assert coherent([source]) == [source]


@pytest.mark.parametrize("made", [Warm, Portfolio])
def test_nothing_of_an_incoherent_source_is_tried(made: type[Warm] | type[Portfolio]) -> None:
    space = grid()
    seed = np.random.SeedSequence(1)
    strategy = made(space, seed, Budget(), sources=[shuffled(source_of(space, 2_000))], then=RANDOM)
    drive(strategy, space, evaluations=10)
    assert strategy.facts()["source_tries"] == 0


def test_around_an_incoherent_source_the_process_is_that_of_a_cold_start() -> None:
    space = grid()
    cold = trace(drive(ConditionalGP(space, np.random.SeedSequence(1), Budget()), space, evaluations=18), space)
    misled = GuidedGP(space, np.random.SeedSequence(1), Budget(), [shuffled(source_of(space, 2_000))])
    assert trace(drive(misled, space, evaluations=18), space) == cold
