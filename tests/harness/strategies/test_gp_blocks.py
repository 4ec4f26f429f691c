"""Distances that are computed for many blocks at once are those of each block, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from harness.strategies.conditional_gp.covariance import (
    PAIRWISE,
    Hyperparameters,
    columns_by_width,
    matern,
    matern_and_slope,
    squared_distances,
)
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.pairs import Pairs
from search_spaces.encoding import Encoding, Floats
from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Permutation
from search_spaces.space import SearchSpace

SPACE = SearchSpace(
    [
        Permutation("order", 3),
        Categorical("layout", ("row", "column", "tiled")),
        Ordinal("tile", (1, 2, 4, 8, 16), "log2", "layout == 'tiled'"),
        Integer("stages", 0, 6),
        Boolean("fused"),
        Categorical("wide", tuple("abcdefghijk"), "fused"),
        Integer("warps", 1, 5),
    ],
    features={"work": "stages * warps"},
)
ENCODING = Encoding(SPACE)
BLOCKS = ENCODING.blocks
WIDTHS = [block.stop - block.start for block in BLOCKS]
CODES = SPACE.sample_codes(np.random.default_rng(0), 300)
POINTS = ENCODING.points(CODES)
SHAPES = pytest.mark.parametrize(
    ("additive", "smoothness"), [(True, 0.5), (True, 1.5), (True, 2.5), (False, 0.5), (False, 2.5)]
)


def of_block(a: Floats, b: Floats, block: slice) -> Floats:
    return np.asarray(((a[:, None, block] - b[None, :, block]) ** 2).sum(axis=2))


def hyperparameters(additive: bool, smoothness: float) -> Hyperparameters:
    rng = np.random.default_rng(1)
    additive_blocks = len(BLOCKS) if additive else 0
    return Hyperparameters(
        lengthscales=rng.uniform(0.3, 3.0, len(BLOCKS)),
        scale=0.7,
        additive_lengthscales=rng.uniform(0.3, 3.0, additive_blocks),
        additive_scales=rng.uniform(0.01, 0.5, additive_blocks),
        noise=0.1,
        mean=0.2,
        smoothness=smoothness,
    )


def test_the_blocks_have_many_widths() -> None:
    assert {1, 2, 3} < set(WIDTHS) and max(WIDTHS) > PAIRWISE
    groups = columns_by_width(BLOCKS)
    assert sorted(np.concatenate([of for of, _ in groups])) == list(range(len(BLOCKS)))
    for of, columns in groups:
        assert [(column[0], column[-1] + 1) for column in columns.T] == [(BLOCKS[i].start, BLOCKS[i].stop) for i in of]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 40), (40, 1), (30, 50)])
def test_squared_distances_of_all_blocks(n: int, m: int) -> None:
    a, b = POINTS[:n], POINTS[-m:]
    expected = [of_block(a, b, block) for block in BLOCKS]
    np.testing.assert_array_equal(squared_distances(a, b, BLOCKS), expected)


@SHAPES
@pytest.mark.parametrize("n", [1, 40])
@pytest.mark.parametrize("chunk", [None, 7])
def test_covariances_of_grid_points_are_added_block_by_block(
    additive: bool, smoothness: float, n: int, chunk: int | None
) -> None:
    hyper, a = hyperparameters(additive, smoothness), POINTS[:n]
    weighted, terms = np.zeros((2, n, len(POINTS)))
    for i, block in enumerate(BLOCKS):
        squared = of_block(a, POINTS, block)
        weighted += squared / hyper.lengthscales[i] ** 2
        if additive:
            r = np.sqrt(squared) / hyper.additive_lengthscales[i]
            terms += hyper.additive_scales[i] * matern(r, smoothness)
    expected = terms + hyper.scale * matern(np.sqrt(weighted), smoothness)
    for labels in (None, ENCODING.labels(CODES)):
        grid = GridPoints.of(POINTS, BLOCKS, labels)
        np.testing.assert_array_equal(grid.covariance(a, hyper, chunk=chunk), expected)


@pytest.mark.parametrize("smoothness", [0.5, 1.5, 2.5])
def test_the_terms_of_pairs(smoothness: float) -> None:
    hyper, x = hyperparameters(True, smoothness), POINTS[:60]
    i, j = np.triu_indices(len(x), 1)
    pairs = Pairs.of(x, BLOCKS)
    squared = np.array([of_block(x, x, block)[i, j] for block in BLOCKS])
    np.testing.assert_array_equal(pairs.squared, squared)
    np.testing.assert_array_equal(pairs.values[pairs.index], squared)
    r = np.sqrt(squared) / hyper.additive_lengthscales[:, None]
    terms, slopes = matern_and_slope(r, smoothness)
    terms, slopes = terms * hyper.additive_scales[:, None], slopes * hyper.additive_scales[:, None] * r * r
    for found, expected in zip(pairs.additive_terms(hyper), (terms, slopes), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_pairs_of_few_points(n: int) -> None:
    assert Pairs.of(POINTS[:n], BLOCKS).squared.shape == (len(BLOCKS), n * (n - 1) // 2)
