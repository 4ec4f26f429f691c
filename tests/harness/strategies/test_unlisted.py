"""``conditional_gp`` in spaces too large to list: moves, climbs, candidates, and whole searches."""

from __future__ import annotations

import numpy as np
import pytest

from harness.evaluation import Configuration
from harness.strategies.base import Budget, Strategy
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.conditional_gp.candidate_sources import KEPT, Candidates, ClimbedCandidates
from harness.strategies.conditional_gp.climb import best_of_each, climbed
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.initial import InitialDesign
from harness.strategies.conditional_gp.moves import exchanges, feasible_draws
from harness.strategies.random import RandomSearch
from harness.strategies.random_hierarchical import RandomHierarchical
from harness.testing import drive, spaces
from search_spaces.encoding import Codes, Encoding, Floats
from search_spaces.nearest import Visited
from search_spaces.parameter import Categorical, Integer, Value
from search_spaces.space import SearchSpace

FLAT = 1


def lopsided() -> SearchSpace:
    """Return over 10^11 configurations, one in 100,001 of which is flat; a loop has five options of ten values."""
    loop = [Integer(f"loop_{i}", 0, 9, active_when="scheme == 'loop'") for i in range(5)]
    shared = [Integer(f"p{i}", 0, 9) for i in range(7)]
    return SearchSpace([Categorical("scheme", ("loop", "flat")), *loop, *shared], constraints=("p0 <= p1",))


def planted(_: SearchSpace, configuration: Configuration) -> float:
    """The latency: 1 ms at one flat configuration, and at least 1.3 ms for loops."""
    total = 1.3 if configuration["scheme"] == "loop" else 1.0
    for name, value in configuration.items():
        if name.startswith("loop_"):
            total += 0.1 * abs(int(value) - 4) / 9
        elif name.startswith("p"):
            total += 0.3 * abs(int(value) - (3 + int(name[1:]) % 4)) / 9
    return total


def test_the_planted_optimum_is_the_optimum() -> None:
    space = lopsided()
    assert not space.enumerable
    optimum: dict[str, Value] = {"scheme": "flat", **{f"p{i}": 3 + i % 4 for i in range(7)}}
    space.validate(optimum)
    assert planted(space, optimum) == 1.0


def excess(strategy: Strategy) -> float:
    """Return the excess of the best of 60 evaluations over the optimum, relative to it."""
    done = drive(strategy, lopsided(), planted, evaluations=60, batch=6)
    return min(e.latency_ms for e in done if e.latency_ms is not None) - 1.0


@pytest.mark.slow
def test_the_optimum_of_a_tiny_branch_is_found() -> None:
    """It comes five times as close as random search by branch, which comes closer than uniform random search."""
    seeds = [np.random.SeedSequence(seed) for seed in range(3)]
    ours = [excess(ConditionalGP(lopsided(), seed, Budget())) for seed in seeds]
    uniform = [excess(RandomSearch(lopsided(), seed, Budget())) for seed in seeds]
    by_branch = [excess(RandomHierarchical(lopsided(), seed, Budget())) for seed in seeds]
    assert max(ours) < 0.3, "the best loop is not good enough"
    assert 5 * np.median(ours) < np.median(by_branch) < np.median(uniform)


def test_the_initial_design_alternates_between_branches() -> None:
    space = lopsided()
    for draws, expected in (("branch", 5), ("uniform", 0)):
        design = InitialDesign(space, Visited(space), np.random.default_rng(0), draws)
        assert sum(int(design.draw()[0] == FLAT) for _ in range(10)) == expected


def test_draws_are_feasible_and_as_likely_in_small_branches() -> None:
    space = lopsided()
    rows = feasible_draws(space, np.random.default_rng(0), 1000)
    assert len(rows) == 1000
    assert space.feasible(rows).all()
    assert 450 < (rows[:, 0] == FLAT).sum() < 550
    assert (space.sample_codes(np.random.default_rng(0), 1000)[:, 0] != FLAT).all()


def test_draws_that_constraints_reject_are_left_out() -> None:
    names = [f"p{i}" for i in range(6)]
    tight = SearchSpace([Integer(name, 0, 9) for name in names], (f"{' + '.join(names)} == 0",))
    assert feasible_draws(tight, np.random.default_rng(0), 50).shape == (0, 6)


@pytest.mark.parametrize("scheme", ["loop", "flat"])
def test_exchanges_are_all_changes_of_one_parameter(scheme: str) -> None:
    space = lopsided()
    draws = feasible_draws(space, np.random.default_rng(1), 100)
    rows = draws[(draws[:, 0] == FLAT) == (scheme == "flat")][:3]
    around, origins = exchanges(space, rows, np.random.default_rng(0))
    assert space.feasible(around).all()
    same_scheme = around[:, 0] == rows[origins, 0]
    differences = (around != rows[origins]).sum(axis=1)
    assert (differences[same_scheme] == 1).all()
    assert (~same_scheme).sum() == len(rows), "the other scheme once for each, not each of its configurations"
    for k, row in enumerate(rows):
        names = ["p2", "p3", "p4", "p5", "p6"] + ([f"loop_{i}" for i in range(5)] if scheme == "loop" else [])
        tied = (9 - row[space.names.index("p0")]) + row[space.names.index("p1")]
        assert (same_scheme & (origins == k)).sum() == 9 * len(names) + tied


def test_best_of_each_group() -> None:
    values = np.array([3.0, 1.0, 5.0, -np.inf, 4.0])
    assert best_of_each(values, np.array([2, 0, 2, 7, 0])).tolist() == [4, 2, 3]


def test_a_climb_reaches_the_top_and_reports_all_it_met() -> None:
    space = spaces.huge()
    rng = np.random.default_rng(0)

    def score(rows: Codes) -> Floats:
        return np.asarray(-np.abs(rows[:, 1:4] - 7).sum(axis=1), dtype=float)

    starts = space.sample_codes(rng, 4)
    met, scores = climbed(starts, score(starts), lambda rows: exchanges(space, rows, rng), score, 5)
    assert scores.max() == 0.0
    assert np.array_equal(scores, score(met))
    _, none = climbed(starts, np.full(4, 1.0), lambda rows: exchanges(space, rows, rng), score, 5)
    assert len(none) <= 4 * sum(p.size for p in space.parameters), "no neighbour is better: one step"


def candidates(space: SearchSpace, taken: Codes, seed: int = 0) -> Candidates:
    """Return the candidates for one ask that prefers large values of p6, after ``taken``."""
    visited = Visited(space)
    for row in taken:
        visited.add(row)
    encoding = Encoding(space)
    block = encoding.blocks[encoding.names.index("p6")]

    def score(levels: GridPoints) -> Floats:
        return np.asarray(levels.points[:, block].sum(axis=1))

    source = ClimbedCandidates(space, encoding, visited, np.random.default_rng(seed), size=400, starts=3)
    return source.candidates(taken[:2], score, told=len(taken), waiting=0)


def test_candidates_are_new_distinct_feasible_and_of_every_branch() -> None:
    space = lopsided()
    taken = space.sample_codes(np.random.default_rng(3), 5)
    ours = candidates(space, taken)
    free = ours.codes[ours.free]
    assert 300 < len(ours.codes) <= KEPT
    assert len(np.unique(ours.codes, axis=0)) == len(ours.codes) == len(ours.grid)
    assert space.feasible(ours.codes).all()
    assert not {row.tobytes() for row in free} & {row.astype(np.int32).tobytes() for row in taken}
    assert set(free[:, 0].tolist()) == {0, FLAT}
    assert (free[:, -1] == 9).sum() > 100, "climbs gather where the score is high"
    assert np.array_equal(ours.codes, candidates(space, taken).codes)
    assert not np.array_equal(ours.codes, candidates(space, taken, seed=1).codes)


def test_a_search_serves_while_few_of_those_under_way_are_told() -> None:
    space = lopsided()
    visited = Visited(space)
    encoding = Encoding(space)
    searches = 0

    def score(levels: GridPoints) -> Floats:
        nonlocal searches
        searches += 1
        return np.zeros(len(levels))

    source = ClimbedCandidates(space, encoding, visited, np.random.default_rng(0), size=50, starts=1)
    best, other = space.sample_codes(np.random.default_rng(1), 2)

    def asked(told: int, waiting: int, first: Codes = best) -> tuple[bool, Candidates]:
        before = searches
        found = source.candidates(first[None], score, told, waiting)
        return searches > before, found

    assert asked(30, 15)[0]
    again, found = asked(31, 15)
    assert not again
    visited.add(found.codes[0])
    again, later = asked(34, 15)
    assert not again
    assert later.grid is found.grid
    assert found.free[0] and not later.free[0], "what was asked meanwhile is not free"
    assert asked(35, 15)[0], "a third of 15"
    assert asked(36, 15, other)[0], "another is the best"
    assert asked(37, 0, other)[0], "nothing waits: every ask searches"
