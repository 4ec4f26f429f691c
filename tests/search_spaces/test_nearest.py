from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.testing import spaces
from search_spaces.nearest import Visited, distances, nearest_unvisited
from search_spaces.parameter import Categorical, Integer, Ordinal, Parameter, Permutation
from search_spaces.space import SearchSpace

RNG = np.random.default_rng


def test_a_free_feasible_proposal_is_its_own_repair() -> None:
    for space in (spaces.plain(), spaces.constrained(), spaces.conditional(), spaces.permuted()):
        visited = Visited(space)
        for configuration in space.sample(RNG(0), 10):
            assert nearest_unvisited(space, configuration, visited, RNG(1)) == configuration


def apart(parameter: Parameter, proposed: Any, value: Any) -> float:
    """Compute the stated distance of two values independently; ``None`` is inactive."""
    if proposed is None or value is None:
        return float(proposed is not value)
    if isinstance(parameter, Permutation):
        return sum(a != b for a, b in zip(proposed, value, strict=True)) / len(value)
    if isinstance(parameter, Categorical):
        return float(proposed != value)
    on_scale = math.log2 if isinstance(parameter, Ordinal) and parameter.scale == "log2" else float
    low, high = on_scale(parameter.values[0]), on_scale(parameter.values[-1])
    return abs(on_scale(proposed) - on_scale(value)) / ((high - low) or 1.0)


@pytest.mark.parametrize("made", [spaces.plain, spaces.constrained, spaces.conditional, spaces.permuted])
def test_the_nearest_by_brute_force(made: Callable[[], SearchSpace]) -> None:
    """Proposals break any rule, and the nearest is sought among what is left of a space as it empties."""
    space, rng = made(), RNG(5)
    visited, left = Visited(space), list(space.enumerate())
    while left:
        for _ in range(10):
            proposal = {p.name: p.values[rng.integers(p.size)] for p in space.parameters if rng.random() < 0.8}
            total = [
                sum(apart(p, proposal.get(p.name), configuration.get(p.name)) for p in space.parameters)
                for configuration in left
            ]
            found = nearest_unvisited(space, proposal, visited, rng)
            assert found in left
            assert total[left.index(found)] == pytest.approx(min(total))
        for _ in range(1 + len(left) // 4):
            visited.add(space.encode(left.pop(rng.integers(len(left)))))
    assert nearest_unvisited(space, proposal, visited, rng) is None


def test_the_nearest_worked_out_by_hand() -> None:
    space = spaces.constrained()
    visited = Visited(space)
    visited.add(space.encode({"m": 4, "n": 16, "k": 1}))
    proposal = {"m": 8, "n": 16, "k": 1}
    found = nearest_unvisited(space, proposal, visited, RNG(0))
    assert found == {"m": 8, "n": 8, "k": 1}, "one log2 step of five; two steps otherwise, or a third of k's range"


def test_rows_among_the_visited_are_those_added() -> None:
    space = spaces.conditional()
    visited, codes = Visited(space), space.codes()
    assert not visited.among(codes).any()
    for row in codes[::3]:
        visited.add(row)
    assert visited.among(codes).tolist() == [row in visited for row in codes] == [i % 3 == 0 for i in range(len(codes))]
    assert visited.among(codes[:0]).shape == (0,)


def test_distances_are_those_stated() -> None:
    space = spaces.conditional()
    a = {"scheme": "split", "tile": 16, "factor": 4, "atomic": True}
    b = {"scheme": "direct", "tile": 32, "prefetch": True}
    # scheme and tile differ fully; factor, atomic and prefetch differ in activity
    assert distances(space, a, space.encode_many([b]))[0] == 5.0
    assert distances(space, {**a, "factor": 8}, space.encode_many([a]))[0] == 0.5
    permuted = spaces.permuted()
    assert (
        distances(
            permuted,
            {"loops": (0, 2, 1, 3), "nested": False},
            permuted.encode_many([{"loops": (0, 1, 2, 3), "nested": False}]),
        )[0]
        == 0.5
    )


def test_numbers_between_the_declared_ones() -> None:
    space = SearchSpace([Ordinal("n", (1, 4, 64), "log2"), Categorical("c", ("a", "b"))])
    found = nearest_unvisited(space, {"n": 10.0, "c": "b"}, Visited(space), RNG(0))
    assert found == {"n": 4, "c": "b"}


def test_ties_depend_on_the_generator_alone() -> None:
    space = SearchSpace([Categorical("c", tuple("abcdef"))])
    visited = Visited(space)
    visited.add(space.encode({"c": "a"}))
    repairs = [str(nearest_unvisited(space, {"c": "a"}, visited, RNG(seed))) for seed in range(40)]
    assert len(set(repairs)) == 5
    assert repairs == [str(nearest_unvisited(space, {"c": "a"}, visited, RNG(seed))) for seed in range(40)]


def test_repeated_repairs_empty_the_space() -> None:
    space = spaces.conditional()
    visited = Visited(space)
    proposal = {"scheme": "split", "tile": 16, "factor": 4, "atomic": True}
    last = 0.0
    for _ in range(space.size):
        found = nearest_unvisited(space, proposal, visited, RNG(0))
        assert found is not None
        codes = space.encode(found)
        distance = float(distances(space, proposal, codes[None])[0])
        assert distance >= last, "nearest first"
        last = distance
        visited.add(codes)
    assert visited.exhausted
    assert nearest_unvisited(space, proposal, visited, RNG(0)) is None


def test_beyond_enumeration_the_repair_is_feasible_close_and_unvisited() -> None:
    space = spaces.huge()
    visited = Visited(space)
    proposal = {f"p{i}": 5 for i in range(10)} | {"p1": 9}
    for _ in range(5):
        found = nearest_unvisited(space, proposal, visited, RNG(0))
        assert found is not None
        space.validate(found)
        codes = space.encode(found)
        assert codes not in visited
        visited.add(codes)
        assert distances(space, proposal, codes[None])[0] < 0.5


def test_beyond_enumeration_what_no_single_change_mends_is_mended_by_a_descent() -> None:
    """Two values have to change, each by the whole of its range; all others can stay, and then differ by one step."""
    space = SearchSpace([Integer(f"p{i}", 0, 3) for i in range(20)], ["p0 + p1 == 6"])
    assert not space.enumerable
    visited, proposal = Visited(space), dict.fromkeys(space.names, 0)
    found = nearest_unvisited(space, proposal, visited, RNG(0))
    assert found == proposal | {"p0": 3, "p1": 3}
    visited.add(space.encode(found))
    second = nearest_unvisited(space, proposal, visited, RNG(0))
    assert second is not None and sum(second.values()) == 7 and second["p0"] == second["p1"] == 3
    visited.add(space.encode(second))
    assert len(visited) == 2 and not visited.exhausted


def test_beyond_enumeration_the_first_are_the_nearest_and_without_any_left_there_is_none() -> None:
    """A small space is taken for one that cannot be listed; one change is enough for each of the first three."""
    space = SearchSpace([Integer("a", 0, 4), Categorical("b", ("x", "y")), Integer("c", 0, 2)], ["a + c <= 5"])
    visited, proposal = Visited(space), {"a": 3, "b": "x", "c": 2}
    visited.mask = None
    apart = np.sort(distances(space, proposal, space.codes()))
    for expected in apart[:3]:
        found = nearest_unvisited(space, proposal, visited, RNG(0))
        assert found is not None and space.contains(found)
        codes = space.encode(found)
        assert codes not in visited and distances(space, proposal, codes[None])[0] == pytest.approx(expected)
        visited.add(codes)
    for codes in space.codes():
        visited.add(codes)
    assert nearest_unvisited(space, proposal, visited, RNG(0)) is None
