"""The parts of ``conditional_gp``: where it starts, how it climbs, which points it learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import UserError
from harness.strategies.base import Budget
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.conditional_gp.candidate_sources import ClimbedCandidates
from harness.strategies.conditional_gp.climb import best_of_each, climbed
from harness.strategies.conditional_gp.gp import Priors
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.guided import GuideSettings
from harness.strategies.conditional_gp.initial import Draws, InitialDesign
from harness.strategies.conditional_gp.model import Model
from harness.strategies.conditional_gp.moves import exchanges, feasible_draws
from harness.strategies.conditional_gp.placed import Placed
from harness.strategies.conditional_gp.settings import CovarianceSettings
from harness.strategies.conditional_gp.source_mean import best_and_spread
from harness.strategies.conditional_gp.surrogate import _subset
from harness.testing import drive, evaluation, spaces
from search_spaces.encoding import Codes, Encoding, Floats
from search_spaces.nearest import Visited
from search_spaces.parameter import Boolean, Integer
from search_spaces.space import SearchSpace

RNG = np.random.default_rng
SPACE = spaces.conditional()


@pytest.mark.parametrize("draws", ["branch", "uniform", "parameter"])
def test_a_start_in_a_space_too_large_to_list(draws: Draws) -> None:
    """With draws by branch, each of two branches gets half of the draws, to within one."""
    space = spaces.huge()
    visited = Visited(space)
    design = InitialDesign(space, visited, RNG(0), draws)
    for _ in range(21):
        row = design.draw()
        space.validate(space.decode(row))
        assert row not in visited
        visited.add(row)
    if draws == "branch":
        assert sorted(design._visits.values()) == [10, 11]
    assert len(visited) == 21


def line(rows: Codes) -> tuple[Codes, NDArray[np.intp]]:
    """Return the neighbours of each row: one step to the left or right, from 0 to 9."""
    around, origins = np.concatenate([rows - 1, rows + 1]), np.tile(np.arange(len(rows)), 2)
    inside = (around[:, 0] >= 0) & (around[:, 0] <= 9)
    return around[inside], origins[inside]


def climb(starts: Sequence[int], heights: Sequence[float], steps: int = 9) -> tuple[list[int], list[float], int]:
    """Climb to the top at 7; return the rows met, their scores, and how often rows were scored."""
    calls = []

    def score(rows: Codes) -> Floats:
        calls.append(len(rows))
        return -(np.abs(rows[:, 0] - 7).astype(float))

    met, scores = climbed(np.array(starts, dtype=np.int32)[:, None], np.array(heights), line, score, steps)
    assert len(met) == len(scores) == sum(calls)
    return met[:, 0].tolist(), scores.tolist(), len(calls)


def test_a_climb_ends_at_the_top() -> None:
    assert climb([5], [-2.0]) == ([4, 6, 5, 7, 6, 8], [-3, -1, -2, 0, -1, -1], 3)
    assert climb([5], [-2.0], steps=1) == ([4, 6], [-3, -1], 1)
    assert climb([7], [0.0]) == ([6, 8], [-1, -1], 1), "no step to what is no better"
    left = climb([7], [-np.inf])
    assert left[0][:2] == [6, 8] and left[2] > 1, "minus infinity is left in any case"
    rows, scores, calls = climb([0, 9], [-7.0, -2.0])
    assert rows[:6] == [8, 1, 0, 7, 2, 9], "a step of the second start and one of the first"
    assert scores.count(0.0) == 2 and calls == 8, "the second is at the top after two steps, the first after seven"


def test_a_climb_without_neighbours_has_met_nothing() -> None:
    def none(rows: Codes) -> tuple[Codes, NDArray[np.intp]]:
        return rows[:0], np.zeros(0, dtype=np.intp)

    def never(_: Codes) -> Floats:
        raise AssertionError("nothing to score")

    met, scores = climbed(np.zeros((1, 3), dtype=np.int32), np.zeros(1), none, never, 5)
    assert met.shape == (0, 3) and scores.shape == (0,)


def test_the_best_of_every_group() -> None:
    assert best_of_each(np.array([3.0, 1.0, 2.0, 5.0, 4.0]), np.array([0, 0, 1, 2, 2])).tolist() == [0, 2, 3]


@pytest.mark.parametrize("chosen", [_subset, best_and_spread])
def test_what_is_learnt_from_is_the_best_half_and_some_of_the_rest(chosen: Callable[..., Any]) -> None:
    y = np.array([9.0, 0.0, 8.0, 1.0, 7.0, 2.0, 6.0, 3.0, 5.0, 4.0])
    assert np.arange(10)[chosen(y, 10)].tolist() == list(range(10))
    assert y[chosen(y, 4)].tolist() == [9.0, 0.0, 1.0, 2.0]
    assert sorted(y[chosen(y, 5)].tolist()) == [0.0, 1.0, 2.0, 5.0, 9.0]


def test_a_search_serves_until_a_third_of_what_waits_is_told() -> None:
    space = SearchSpace([*(Integer(f"p{i}", 0, 9) for i in range(3)), Boolean("pad")])
    visited = Visited(space)
    searched: list[int] = []

    def score(grid: GridPoints) -> Floats:
        searched.append(len(grid))
        return -grid.points.sum(axis=1)

    source = ClimbedCandidates(space, Encoding(space), visited, RNG(0), size=40, starts=3)
    best, other = space.sample_codes(RNG(1), 2)[:, None]

    def searches(incumbents: Codes, told: int, waiting: int) -> bool:
        """Whether it searches again; configurations visited since are not free in either case."""
        before = len(searched)
        found = source.candidates(incumbents, score, told, waiting)
        assert found.free.tolist() == [row not in visited for row in found.codes]
        np.testing.assert_array_equal(found.grid.points, Encoding(space).points(found.codes))
        visited.add(found.codes[np.flatnonzero(found.free)[0]])
        return len(searched) > before

    assert searches(best, 10, 6)
    assert not searches(best, 10, 6) and not searches(best, 11, 6)
    assert searches(best, 12, 6), "two of six are told"
    assert not searches(best, 13, 6), "counted from the last search"
    assert not searches(np.concatenate([best, other]), 13, 6), "another is the second best"
    assert searches(other, 13, 6), "another is the best"
    assert searches(other, 13, 2), "too few wait"
    assert (source.candidates(best, score, 99, 0).codes.sum(axis=1) == 0).any(), "it climbs to the top"


def test_a_search_scores_as_many_drawn_configurations_as_it_is_asked_for() -> None:
    """Half are drawn uniformly and half by parameter; of ten million configurations none is drawn twice."""
    space, scored = SearchSpace([Integer(f"p{i}", 0, 9) for i in range(7)]), list[int]()

    def score(grid: GridPoints) -> Floats:
        scored.append(len(grid))
        return np.zeros(len(grid))

    for size in (40, 41):
        source = ClimbedCandidates(space, Encoding(space), Visited(space), RNG(0), size=size, starts=1)
        source.candidates(space.sample_codes(RNG(1), 1), score, 10, 6)
        assert scored[0] == size
        scored.clear()


@pytest.mark.parametrize("n", [1, 3])
def test_of_a_batch_all_picks_but_the_last_are_believed(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    believed: list[bytes] = []
    monkeypatch.setattr(Model, "believe", lambda _self, _pick, point: believed.append(point.tobytes()))
    strategy = ConditionalGP(spaces.plain(), np.random.SeedSequence(0), Budget(), initial=4)
    drive(strategy, spaces.plain(), evaluations=4)
    asked = Encoding(spaces.plain()).points(spaces.plain().encode_many(strategy.ask(n)))
    assert believed == [point.tobytes() for point in asked[:-1]]


def test_every_second_that_is_told_is_a_cost() -> None:
    strategy = ConditionalGP(spaces.plain(), np.random.SeedSequence(0), Budget())
    told = evaluation(0, strategy.ask(1)[0], 2.0)
    strategy.tell([replace(told, compile_s=1.0, verify_s=0.25, benchmark_s=0.5)])
    assert strategy._costs_s == [1.75]


def test_priors_are_those_given_and_else_those_of_the_kind_of_space() -> None:
    given = CovarianceSettings(priors={"noise": [-4, 2]})
    assert given.priors_in(listed=True) == Priors(noise=(-4.0, 2.0))
    assert given.priors_in(listed=False) == Priors(noise=(-4.0, 2.0), lengthscale=(0.0, 2.0))
    assert CovarianceSettings(priors={"lengthscale": (1, 3)}).priors_in(listed=False) == Priors(lengthscale=(1.0, 3.0))


def test_a_source_may_be_trusted_at_once_and_always() -> None:
    assert GuideSettings(early=1, certain=0.0).early == 1
    for wrong in ({"early": 0}, {"certain": -0.1}, {"certain": float("inf")}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            GuideSettings(**wrong)  # type: ignore[arg-type]


def test_draws_by_parameter_are_feasible_and_at_most_as_many() -> None:
    tight = SearchSpace([Integer("a", 0, 99), Integer("b", 0, 99)], ["a == b"])
    rows = feasible_draws(tight, RNG(0), 20)
    assert 0 < len(rows) < 20 and (rows[:, 0] == rows[:, 1]).all()
    assert len(feasible_draws(SPACE, RNG(0), 20)) == 20


def test_exchanges_differ_in_one_parameter_and_what_follows_from_it() -> None:
    space = spaces.constrained()
    rows = space.codes()[[3, 17]]
    made, origins = exchanges(space, rows, RNG(0))
    assert space.feasible(made).all() and ((made != rows[origins]).sum(axis=1) == 1).all()
    expected = sum(((other != row).sum() == 1) for row in rows for other in space.codes())
    assert len(made) == expected, "every other value of every parameter"


@pytest.mark.parametrize(
    "accepted",
    [
        {"initial": 1},
        {"overlapping_initial": 1},
        {"clip_quantile": 1.0},
        {"clip_slope": 0.0},
        {"clip_slope": 1.0},
        {"failure_quantile": 0.0},
        {"failure_quantile": 1.0},
        {"resolution": 0.0},
        {"refit_growth": 1.0},
        {"cost_weight": 0.0},
    ],
)
def test_the_ends_of_a_range_are_in_it(accepted: dict[str, Any]) -> None:
    ConditionalGP(spaces.single(), np.random.SeedSequence(0), Budget(), **accepted)


@pytest.mark.parametrize(
    "refused",
    [
        {"clip_quantile": 0.0},
        {"priors": {"noise": [0.0, 0.0]}},
        {"priors": {"noise": [0.0]}},
        {"shifts": {"number": True}},
    ],
)
def test_what_lies_just_outside_is_not(refused: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(refused))):
        ConditionalGP(spaces.single(), np.random.SeedSequence(0), Budget(), **refused)


def test_length_scales_of_the_product_lie_higher_the_more_blocks_there_are() -> None:
    priors = Priors()
    means, _ = priors.moments(4, additive=False)
    np.testing.assert_allclose(means[:4], priors.lengthscale[0] + 0.5 * np.log(4))


def test_the_point_of_a_configuration_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoding, codes = Encoding(SPACE), SPACE.codes()[:9]
    points = encoding.points(codes)
    placed = Placed(encoding)
    placed.add(codes[4], points[4])
    counted: list[int] = []

    def counting(rows: Codes) -> Floats:
        counted.append(len(rows))
        return Encoding.points(encoding, rows)

    monkeypatch.setattr(encoding, "points", counting)
    for n in (3, 7, 7):
        assert np.array_equal(placed.points(list(codes[:n])), points[:n])
    assert counted == [3, 3]


def test_an_ask_computes_no_point_of_what_the_model_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    points = Encoding.points

    def counting(encoding: Encoding, rows: Codes) -> Floats:
        computed.append(len(rows))
        return points(encoding, rows)

    monkeypatch.setattr(Encoding, "points", counting)
    strategy = ConditionalGP(SPACE, np.random.SeedSequence(0), Budget(), initial=4)
    drive(strategy, SPACE, evaluations=12)
    assert computed == [4, SPACE.size], "the random start and the candidates"
