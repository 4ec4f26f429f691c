"""Which points of a grid of parameters the fast tier has."""

from __future__ import annotations

from itertools import product

import pytest

from tests.kernels.conftest import with_each_value


@pytest.mark.parametrize(("sizes", "fewest"), [((3, 2, 2), 3), ((2, 2), 2), ((5,), 5), ((4, 3, 1, 2), 4)])
def test_each_value_is_kept_in_few_points(sizes: tuple[int, ...], fewest: int) -> None:
    names = "abcd"
    points = [frozenset(zip(names, values, strict=False)) for values in product(*map(range, sizes))]
    chosen = [points[i] for i in with_each_value(points)]
    assert len(chosen) == fewest and frozenset().union(*chosen) == frozenset().union(*points)


def test_values_come_in_new_combinations() -> None:
    """Otherwise the first value of one parameter would meet only the first of another."""
    points = [frozenset(zip("ab", values, strict=True)) for values in product(range(2), range(2))]
    assert [sorted(points[i]) for i in sorted(with_each_value(points))] == [[("a", 0), ("b", 0)], [("a", 1), ("b", 1)]]


def test_tests_that_differ_in_a_fixture_alone_are_both_kept() -> None:
    points = [frozenset({("a", 0), ("fixture", i)}) for i in range(2)]
    assert with_each_value(points) == {0, 1}
