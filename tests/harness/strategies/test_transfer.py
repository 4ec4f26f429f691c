"""Strategies that learn from earlier tunings: the contract, their order, and their reaction to misleading sources."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from hydra.utils import get_class

from harness.config.compose import Composer
from harness.errors import UserError
from harness.evaluation import Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.conditional_gp.gp import Priors
from harness.strategies.conditional_gp.guided import GuidedGP
from harness.strategies.conditional_gp.scored import ScoredEncoding
from harness.strategies.conditional_gp.source_mean import FAILURES, SourceMean
from harness.strategies.conditional_gp.targets import targets
from harness.strategies.copula import CopulaThompson
from harness.strategies.guided_tpe import GuidedTPE, quantiles
from harness.strategies.portfolio import Portfolio, covering
from harness.strategies.source import SourceData, all_ranked, apart
from harness.strategies.source_best import SourceBest
from harness.strategies.warm import Warm
from harness.testing import StrategyContract, drive, smooth_latency, spaces
from harness.testing.driver import evaluation, trace
from search_spaces.encoding import Encoding
from search_spaces.space import SearchSpace
from tests.harness.strategies.sourced import HERE, THERE, reversed_latency, source_of

RANDOM = {"_target_": "harness.strategies.random.RandomSearch"}
SEED = np.random.SeedSequence(0)


@pytest.mark.slow
class TestPortfolio(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return Portfolio(space, seed, budget, sources=[source_of(space), source_of(space, seed=6)], then=RANDOM)


@pytest.mark.slow
class TestSourceBest(StrategyContract):
    exempt: ClassVar[dict[str, str]] = {
        "test_different_seeds_differ": "the source's ranking comes first, whatever the seed",
    }

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return SourceBest(space, seed, budget, sources=[source_of(space)])


@pytest.mark.slow
class TestCopula(StrategyContract):
    asks = 16

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return CopulaThompson(space, seed, budget, sources=[source_of(space)], drawn=100)


@pytest.mark.slow
class TestGuidedTPE(StrategyContract):
    asks = 16

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return GuidedTPE(space, seed, budget, sources=[source_of(space)])


@pytest.mark.slow
@pytest.mark.slow
class TestGuidedGP(StrategyContract):
    asks = 14

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return GuidedGP(space, seed, budget, [source_of(space)])


@pytest.mark.slow
class TestTransferGP(StrategyContract):
    """Build the strategy as ``conf/strategy/transfer_gp.yaml`` composes it."""

    asks = 14

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        then = {"_target_": "harness.strategies.conditional_gp.guided.GuidedGP"}
        return Warm(space, seed, budget, sources=[source_of(space)], then=then)


@pytest.mark.parametrize("made", [Portfolio, SourceBest, CopulaThompson, GuidedTPE, GuidedGP])
def test_without_a_source_they_are_refused_in_one_line(made: Any) -> None:
    with pytest.raises(UserError, match="source=null: expected source=PATH or source=sibling"):
        made(spaces.plain(), SEED, Budget())


@pytest.mark.parametrize("name", ["portfolio", "source_best", "copula", "guided_tpe", "guided_gp"])
def test_yaml_holds_the_defaults(name: str) -> None:
    values = yaml.safe_load(Path(f"conf/strategy/{name}.yaml").read_text())
    signature = inspect.signature(get_class(values.pop("_target_")))
    defaults = {p.name: p.default for p in signature.parameters.values()}
    assert values.pop("label") == name
    for key in ("defaults", "_recursive_", "chosen_on"):
        values.pop(key, None)
    assert values == {key: defaults[key] for key in values}


@pytest.mark.parametrize("name", ["transfer_gp", "transfer_tpe"])
def test_two_are_others_after_warm_tries(name: str) -> None:
    composed = Composer().compose(["task=softmax-4096x2560-bf16", f"strategy={name}"])
    assert composed.strategy["_target_"].endswith("Warm") and composed.strategy["tries"] == 3
    assert composed.strategy["then"]["_target_"].rsplit(".", 1)[-1].startswith("Guided")


# -- portfolio -------------------------------------------------------------------------------------------------------


def data(latencies: dict[str, float | None]) -> SourceData:
    statuses = tuple(Status.OK if value is not None else Status.COMPILE_ERROR for value in latencies.values())
    return SourceData(THERE, HERE, tuple({"x": name} for name in latencies), statuses, tuple(latencies.values()))


def test_a_cover_takes_what_covers_most_then_what_covers_the_rest() -> None:
    sources = [
        data({"a": 1.0, "b": 1.04, "c": 3.0}),
        data({"a": 4.0, "b": 1.03, "c": 1.0}),
        data({"a": 9.0, "b": None, "d": 1.0, "c": 2.0}),
    ]
    found = covering(sources, 0.05)
    assert [configuration["x"] for configuration, _ in found] == ["b", "d", "c", "a"]
    assert found[0][1] == pytest.approx((1.04 * 1.03 * 10.0) ** (1 / 3))


def test_one_source_is_covered_in_its_own_order() -> None:
    assert [c["x"] for c, _ in covering([data({"a": 2.0, "b": 1.0, "c": 1.01, "d": None})], 0.05)] == ["b", "c", "a"]
    assert covering([data({"a": None})], 0.05) == []


# -- rankings --------------------------------------------------------------------------------------------------------


def test_several_rankings_take_turns() -> None:
    sources = [data({"a": 2.0, "b": 1.0}), data({"b": 4.0, "c": 2.0, "d": None})]
    assert [(c["x"], s) for c, s in all_ranked(sources)] == [("b", 1.0), ("c", 1.0), ("a", 2.0)]


def test_the_sources_best_goes_through_the_ranking_whatever_happens() -> None:
    space = spaces.conditional()
    source = source_of(space)
    done = drive(
        SourceBest(space, SEED, Budget(), sources=[source]), space, reversed_latency, evaluations=len(source) + 3
    )
    assert trace(done, space)[: len(source)] == [space.key(configuration) for configuration, _ in source.ranked]


def test_quantiles_run_from_the_best_to_the_failures() -> None:
    found = list(quantiles(data({"a": 2.0, "b": 1.0, "c": 4.0, "d": None, "e": 3.0}), 3))
    assert [(c["x"], s) for c, s in found] == [("b", 1.0), ("e", 3.0), ("d", np.inf)]
    assert len(list(quantiles(data({"a": 2.0, "b": 1.0}), 9))) == 2


# -- models ----------------------------------------------------------------------------------------------------------


def whole(space: SearchSpace, outcome: Any = smooth_latency) -> SourceData:
    return source_of(space, 4000, outcome)


def test_a_source_says_what_it_saw_and_foretells_the_rest() -> None:
    space = spaces.plain()
    encoding = Encoding(space)
    mean = SourceMean(encoding, source_of(space, 60), priors=Priors(), additive=True, smoothness=0.5)
    points = encoding.points(space.codes())
    truth = np.array([smooth_latency(space, space.decode(row)) for row in space.codes()])
    said = mean(points)
    assert np.corrcoef(np.argsort(np.argsort(said)), np.argsort(np.argsort(truth)))[0, 1] > 0.8
    seen = encoding.points(space.encode_many(source_of(space, 60).configurations))
    assert np.argmin(mean(seen)) == np.argmin(source_of(space, 60).slowdowns)
    latencies = source_of(space, 60).latencies_ms
    scores = targets(latencies, transform="rank", clip_quantile=None, failure_quantile=FAILURES)
    assert mean(seen).tolist() == scores.tolist(), "as they are"
    assert mean.spread(seen).max() < mean.spread(points).max()


def evaluations_until_best(strategy: Strategy, space: SearchSpace) -> int:
    best = min(smooth_latency(space, each) for each in space.enumerate())
    done = drive(strategy, space, evaluations=60)
    return next((e.index + 1 for e in done if e.latency_ms == best), 61)


@pytest.mark.parametrize(
    "made",
    [pytest.param(GuidedGP, marks=pytest.mark.slow), CopulaThompson, pytest.param(GuidedTPE, marks=pytest.mark.slow)],
)
def test_with_a_true_source_they_need_fewer_evaluations_than_without(made: Any) -> None:
    space = spaces.plain()
    guided = [
        evaluations_until_best(made(space, np.random.SeedSequence(s), Budget(), sources=[whole(space)]), space)
        for s in range(3)
    ]
    cold = [evaluations_until_best(ConditionalGP(space, np.random.SeedSequence(s), Budget()), space) for s in range(3)]
    assert np.mean(guided) < (np.mean(cold) if made is GuidedGP else 61)


def test_a_source_that_is_contradicted_is_left_out_and_a_true_one_is_kept() -> None:
    space = spaces.plain()
    sources = [whole(space, reversed_latency), whole(space)]
    strategy = GuidedGP(space, np.random.SeedSequence(1), Budget(), sources)
    drive(strategy, space, evaluations=16)
    assert (False, True) in strategy._worlds and not any(borne[0] for borne in strategy._worlds)


def test_with_a_contradicted_source_it_is_conditional_gp() -> None:
    space = spaces.plain()
    cold = trace(drive(ConditionalGP(space, np.random.SeedSequence(1), Budget()), space, evaluations=18), space)
    misled = GuidedGP(space, np.random.SeedSequence(1), Budget(), [whole(space, reversed_latency)])
    assert trace(drive(misled, space, evaluations=18), space) == cold


@pytest.mark.parametrize(("given", "random"), [(0, 7), (2, 2)])
def test_the_random_start_ends_early_where_the_sources_best_are_the_best(given: int, random: int) -> None:
    space = spaces.plain()
    source = whole(space)
    strategy = GuidedGP(space, np.random.SeedSequence(1), Budget(), [source])
    if given:
        first = [configuration for configuration, _ in source.ranked[:given]]
        strategy.start([evaluation(i, each, smooth_latency(space, each)) for i, each in enumerate(first)])
    for i in range(random):
        assert not strategy._worlds
        (asked,) = strategy.ask(1)
        strategy.tell([evaluation(i, asked, smooth_latency(space, asked))])
    strategy.ask(1)
    assert strategy._worlds


@pytest.mark.slow
def test_scores_are_features_behind_the_others() -> None:
    space = spaces.conditional()
    plain = Encoding(space)
    means = [SourceMean(plain, whole(space), priors=Priors(), additive=True, smoothness=0.5)] * 2
    scored = ScoredEncoding(plain, means)
    points = scored.points(space.codes())
    assert len(scored.blocks) == len(scored.kinds) == len(plain.blocks) + 2
    np.testing.assert_array_equal(points[:, : plain.points(space.codes()).shape[1]], plain.points(space.codes()))
    assert points.shape[1] == scored.blocks[-1].stop
    truth = [smooth_latency(space, space.decode(row)) for row in space.codes()]
    assert int(np.argmin(points[:, scored.blocks[-1]])) == int(np.argmin(truth))


def test_tries_that_differ_come_before_their_neighbours() -> None:
    ranking = [({"x": 1, "y": 1}, 1.0), ({"x": 1, "y": 2}, 1.1), ({"x": 2, "y": 2}, 1.2), ({"x": 3, "z": 1}, 1.3)]
    assert [pair[1] for pair in apart(ranking, 2)] == [1.0, 1.2, 1.3, 1.1]
    assert list(apart(ranking, 1)) == ranking


def test_a_source_in_which_nothing_worked_is_no_source() -> None:
    space = spaces.plain()
    empty = source_of(space, 20, lambda *_: Status.COMPILE_ERROR)
    cold = trace(drive(ConditionalGP(space, np.random.SeedSequence(1), Budget()), space, evaluations=12), space)
    assert (
        trace(drive(GuidedGP(space, np.random.SeedSequence(1), Budget(), [empty]), space, evaluations=12), space)
        == cold
    )
