"""The cost of an evaluation of random search, in closed form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from analysis.statistics.anytime import exact_random_area
from analysis.study.laws import Drawn


@pytest.mark.parametrize(("expected", "cost"), [(4.0, 0.75 * 2 + 0.25 * 10), (1.0, 10.0), (0.5, 10.0)])
def test_one_evaluation_of_a_search_is_its_hit_and_the_others_miss(expected: float, cost: float) -> None:
    task: Any = SimpleNamespace(expected_evaluations=expected, miss_cost_s=2.0, hit_cost_s=10.0)
    assert Drawn(task).cost_s == pytest.approx(cost)


def test_once_the_whole_table_was_seen_the_area_stays_at_its_best() -> None:
    first, second, third = 7 / 3, 10 / 3, 4.0  # mean; best of two of three; best of all
    assert exact_random_area([1.0, 2.0, 4.0], 3) == pytest.approx((first + second + third) / 3)
    assert exact_random_area([1.0, 2.0, 4.0], 5) == pytest.approx((first + second + 3 * third) / 5)
