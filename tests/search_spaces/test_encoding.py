from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from harness.testing import spaces
from search_spaces.encoding import Activity, Encoding, keys_of_order, order_of_keys, positions
from search_spaces.parameter import Integer, Ordinal
from search_spaces.space import SearchSpace


def squared(encoding: Encoding, a: dict[str, object], b: dict[str, object]) -> dict[str, float]:
    """Return the squared distance between two configurations, by block."""
    x, y = encoding.points(encoding.space.encode_many([a, b]))
    blocks = zip(encoding.names, encoding.blocks, strict=True)
    return {name: round(float(((x[block] - y[block]) ** 2).sum()), 12) for name, block in blocks}


def test_positions_follow_the_declared_scale() -> None:
    np.testing.assert_allclose(positions(Ordinal("a", (1, 2, 4, 16), "log2")), [0, 0.25, 0.5, 1])
    np.testing.assert_allclose(positions(Ordinal("a", (1, 2, 4, 5))), [0, 0.25, 0.75, 1])


def test_distances_within_blocks() -> None:
    encoding = Encoding(spaces.conditional())
    split = {"scheme": "split", "tile": 16, "factor": 2, "atomic": True}
    grouped = {"scheme": "split", "tile": 32, "factor": 8, "atomic": False, "groups": 1}
    direct = {"scheme": "direct", "tile": 16, "prefetch": True}
    other = {"scheme": "direct", "tile": 16, "prefetch": False}
    ends = squared(encoding, split, grouped)
    assert (ends["scheme"], ends["tile"], ends["factor"], ends["atomic"]) == (0, 1, 1, 1)
    assert ends["groups"] == 0.5, "activity differs: the same amount whatever the value"
    assert squared(encoding, split, direct)["factor"] == squared(encoding, grouped, direct)["factor"] == 0.5
    assert squared(encoding, split, direct)["scheme"] == 1
    alike = squared(encoding, direct, other)
    assert alike == {name: float(name == "prefetch") for name in encoding.names}, "both inactive: no distance"


def test_permutations_differ_by_the_fraction_of_positions() -> None:
    encoding = Encoding(spaces.permuted())
    base = {"loops": (0, 1, 2, 3), "nested": False}
    assert squared(encoding, base, {**base, "loops": (1, 0, 2, 3)})["loops"] == 0.5
    assert squared(encoding, base, {**base, "loops": (1, 2, 3, 0)})["loops"] == 1.0


@pytest.mark.parametrize("activity", ["arc", "impute"])
def test_points_are_finite_and_injective(activity: Activity) -> None:
    for space in (spaces.conditional(), spaces.permuted(), spaces.constrained(), spaces.plain()):
        points = Encoding(space, activity=activity).points(space.codes())
        assert np.isfinite(points).all()
        assert len(np.unique(points.round(9), axis=0)) == space.size


def test_features_span_the_unit_interval_and_can_be_left_out() -> None:
    space = spaces.constrained()
    encoding = Encoding(space)
    area = encoding.points(space.codes())[:, encoding.blocks[encoding.names.index("area")]]
    assert (area.min(), area.max()) == (0.0, 1.0)
    assert "area" not in Encoding(space, features=False).names


def test_what_does_not_vary_is_left_out() -> None:
    space = SearchSpace([Ordinal("one", (4,)), Ordinal("two", (1, 2))], features={"same": "one * 2"})
    assert Encoding(space).names == ("two",)


def test_every_block_says_what_it_stands_for() -> None:
    encoding = Encoding(spaces.conditional())
    expected = ["category", "number", "number", "number", "number", "number", "number", "feature"]
    assert list(encoding.kinds) == expected and len(encoding.names) == len(encoding.blocks) == len(expected)
    columns = np.concatenate([np.arange(encoding.space.size)[block] for block in encoding.blocks])
    assert columns.tolist() == list(range(encoding.points(encoding.space.codes()).shape[1])), "one after the other"
    assert Encoding(spaces.permuted()).kinds == ("category", "number", "category")


def test_features_of_a_space_too_large_to_list_are_scaled_by_a_sample() -> None:
    space = SearchSpace([Integer(f"p{i}", 0, 3) for i in range(60)], features={"sum": "p0 + p1"})
    ends = np.repeat([[0], [3]], 60, axis=1).astype(np.int32)
    assert Encoding(space).points(ends)[:, -1].tolist() == [0.0, 1.0]


def test_random_keys_go_there_and_back() -> None:
    for order in permutations(range(4)):
        assert order_of_keys(keys_of_order(order)) == order
    assert order_of_keys([0.7, 0.1, 0.1]) == (1, 2, 0)
