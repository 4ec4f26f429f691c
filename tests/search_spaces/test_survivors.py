"""Parts of spaces that mutation showed to be unheld: neighbours, scaled features, tuples of levels, exact constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from search_spaces.encoding import Encoding
from search_spaces.expression_values import EXACT, literal
from search_spaces.neighbours import adjacent
from search_spaces.parameter import Integer, Ordinal, Permutation
from search_spaces.space import SearchSpace


def test_a_permutations_neighbours_swap_two_places() -> None:
    parameter = Permutation("order", 3)
    order = parameter.values[0]
    assert isinstance(order, tuple)
    a, b, c = order
    swapped = {parameter.values[code] for code in adjacent(parameter, 0)}
    assert swapped == {(b, a, c), (c, b, a), (a, c, b)}


def test_a_linear_feature_is_the_share_of_its_range() -> None:
    space = SearchSpace([Integer("a", 1, 5)], features={"twice": "2 * a"})
    found = Encoding(space).points(space.codes())[:, -1]
    values = np.array([2 * space.decode(row)["a"] for row in space.codes()], dtype=float)
    shares = {tuple(np.round((scale(values) - scale(values).min()) / np.ptp(scale(values)), 12))
              for scale in (np.asarray, np.log2)}  # fmt: skip
    assert tuple(np.round(found, 12)) in shares, "linear, or by powers of two"


def test_levels_given_as_a_list_are_a_tuple() -> None:
    given: Any = [1, 2, 4]
    assert Ordinal("a", given).levels == (1, 2, 4) and hash(Ordinal("a", given)) == hash(Ordinal("a", (1, 2, 4)))


def test_small_integers_are_numbers_and_large_ones_stay_exact() -> None:
    assert literal(3).dtype.kind == "i" and literal(-3).dtype.kind == "i"
    assert literal(EXACT).dtype == object and literal(-EXACT)[0] == -EXACT
