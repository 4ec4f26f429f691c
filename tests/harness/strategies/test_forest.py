"""LFBO and random-forest EI: the contract, and their treatment of labels, failures and batches."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

from harness.errors import UserError
from harness.evaluation import Configuration, Status
from harness.strategies import lfbo, rf_ei
from harness.strategies.base import Budget, Strategy
from harness.strategies.forest import ForestSearch, grow, moments
from harness.strategies.lfbo import LFBO, improvements
from harness.strategies.random import RandomSearch
from harness.strategies.rf_ei import RandomForestEI
from harness.testing import StrategyContract, drive, smooth_latency, spaces
from search_spaces.space import SearchSpace

BOTH = pytest.mark.parametrize("strategy", [LFBO, RandomForestEI])


class TestLFBO(StrategyContract):
    asks = 10

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return LFBO(space, seed, budget, trees=3, initial=4, drawn=100)


class TestRandomForestEI(StrategyContract):
    asks = 10

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return RandomForestEI(space, seed, budget, trees=3, initial=4, drawn=100)


@BOTH
def test_they_beat_random_on_a_smooth_kernel(strategy: type[Any]) -> None:
    space = spaces.plain()

    def best(strategy: Strategy) -> float:
        return min(e.latency_ms for e in drive(strategy, space, evaluations=30) if e.latency_ms is not None)

    seeds = [np.random.SeedSequence(s) for s in range(4)]
    ours = np.mean([best(strategy(space, seed, Budget(), trees=10)) for seed in seeds])
    assert ours < np.mean([best(RandomSearch(space, seed, Budget())) for seed in seeds])


@BOTH
def test_failing_regions_are_left(strategy: type[Any]) -> None:
    space = spaces.plain()

    def some_fail(space: SearchSpace, configuration: Configuration) -> float | Status:
        return Status.OUT_OF_RESOURCES if configuration["order"] == "row" else smooth_latency(space, configuration)

    done = drive(strategy(space, np.random.SeedSequence(3), Budget(), trees=10), space, some_fail, evaluations=40)
    assert sum(not e.ok for e in done[20:]) <= 3, "a third of the space fails"


@BOTH
def test_an_ask_grows_one_forest_and_scores_the_drawn_and_the_neighbours(
    strategy: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work of an ask must not grow with the space; tests/benchmarks/ask_latency.py gives the time in s."""
    grown: list[tuple[int, int]] = []
    scored: list[int] = []

    def counted_grow(kind: Any, points: Any, y: Any, weights: Any, rng: Any, trees: int, **arguments: Any) -> Any:
        grown.append((len(points), trees))
        return grow(kind, points, y, weights, rng, trees, **arguments)

    def counted_moments(forest: Any, points: Any) -> Any:
        scored.append(len(points))
        return moments(forest, points)

    for module in (lfbo, rf_ei):
        monkeypatch.setattr(module, "grow", counted_grow)
        monkeypatch.setattr(module, "moments", counted_moments)
    space = spaces.huge()
    made = strategy(space, np.random.SeedSequence(0), Budget(), initial=100, trees=7, drawn=50, incumbents=2)
    drive(made, space, evaluations=103)
    most = max(len(space.neighbours(configuration)) for configuration in space.sample(np.random.default_rng(0), 20))
    assert [trees for _, trees in grown] == [7, 7, 7]
    assert all(100 <= rows <= 2 * 102 for rows, _ in grown), "LFBO sees an improvement twice: in either class"
    assert len(scored) == 3 and all(50 < rows <= 50 + 2 * most for rows in scored)


def test_improvements_weigh_by_how_much_and_failures_nothing() -> None:
    latencies = np.array([1.0, 4.0, np.nan, 2.0, 8.0])
    assert improvements(latencies, 0.5).tolist() == [3.0, 0.0, 0.0, 2.0, 0.0]
    assert improvements(np.array([1.0, 1.0, 1.0]), 0.33).tolist() == [0.0, 0.0, 0.0]


def test_moments_are_those_of_the_mixture_of_leaves() -> None:
    """A stump's leaf holds its bootstrap sample; full-grown trees differ only in the points they did not see."""
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 2)).astype(np.float32), rng.random(40)

    def grown(leaf: int) -> tuple[Any, Any]:
        trees = grow(ExtraTreeRegressor, x, y, np.ones(40), np.random.default_rng(1), 6, min_samples_leaf=leaf)
        return moments(trees, x[:3])

    samples = []
    drawn = np.random.default_rng(1)
    for _ in range(6):
        samples.append(y[drawn.integers(40, size=40)])
        drawn.integers(2**31)
    mean, variance = grown(40)
    assert np.allclose(mean, np.mean(samples))
    assert np.allclose(variance, np.var(samples)), "the samples are of one size: their pooled variance"
    mean, variance = grown(1)
    assert np.all(variance > 0) and not np.allclose(mean, y.mean(), atol=0.05)


def test_the_classifier_is_scikit_learns() -> None:
    """Regression on weighted 0/1 labels grows the same trees as Gini."""
    rng = np.random.default_rng(0)
    x, labels, weights = rng.random((60, 3)).astype(np.float32), (rng.random(60) < 0.4) * 1.0, rng.random(60)
    (ours,) = grow(DecisionTreeRegressor, x, labels, weights, np.random.default_rng(5), 1)
    again = np.random.default_rng(5)
    times = np.bincount(again.integers(60, size=60), minlength=60)
    theirs = DecisionTreeClassifier(random_state=int(again.integers(2**31))).fit(
        x, labels, sample_weight=times * weights
    )
    points = rng.random((200, 3)).astype(np.float32)
    assert np.allclose(moments([ours], points)[0], theirs.predict_proba(points)[:, 1])


def test_inactive_parameters_lie_outside_the_range_of_their_values() -> None:
    space = spaces.conditional()
    strategy = LFBO(space, np.random.SeedSequence(0), Budget(), features=False)
    points = strategy._points(space.codes())
    assert len(np.unique(points, axis=0)) == space.size, "no two configurations look alike"
    factor = space.codes()[:, space.names.index("factor")]
    column = strategy._encoding.blocks[strategy._encoding.names.index("factor")].start
    assert set(points[factor < 0, column]) == {-1.0} and points[factor >= 0, column].min() == 0.0


@BOTH
def test_candidates_hold_the_neighbours_of_the_best(strategy: type[Any]) -> None:
    """With one random candidate per ask, picks are mostly neighbours of the best five."""
    space = spaces.huge()
    done = drive(strategy(space, np.random.SeedSequence(0), Budget(), drawn=1, trees=3), space, evaluations=20)
    near = 0
    for i in range(10, 20):
        best = sorted(done[:i], key=lambda e: e.latency_ms or 0.0)[:5]
        around = {space.key(c) for e in best for c in space.neighbours(e.configuration)}
        near += space.key(done[i].configuration) in around
    assert near >= 5


@BOTH
def test_a_waiting_configuration_counts_as_a_failure(strategy: type[Any]) -> None:
    space = spaces.plain()
    made: ForestSearch = strategy(space, np.random.SeedSequence(0), Budget(), trees=5, initial=4)
    drive(made, space, evaluations=6)
    made.ask(2)
    assert np.isnan(made._relative_latencies()).tolist() == [False] * 6 + [True] * 2


@pytest.mark.parametrize(
    ("strategy", "name", "value"),
    [
        (LFBO, "gamma", 1.0),
        (LFBO, "trees", 0),
        (LFBO, "initial", 0),
        (RandomForestEI, "split_features", 0),
        (RandomForestEI, "drawn", 0),
    ],
)
def test_wrong_arguments_are_named(strategy: type[Any], name: str, value: object) -> None:
    with pytest.raises(UserError, match=name):
        strategy(spaces.plain(), np.random.SeedSequence(0), Budget(), **{name: value})


@pytest.mark.parametrize(("name", "strategy"), [("lfbo", LFBO), ("rf_ei", RandomForestEI)])
def test_yaml_holds_the_defaults(name: str, strategy: type[Any]) -> None:
    values = yaml.safe_load(Path(f"conf/strategy/{name}.yaml").read_text())
    parameters = inspect.signature(strategy).parameters.values()
    defaults = {
        parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert {key: value for key, value in values.items() if key not in ("_target_", "label")} == defaults
