"""Distances of all pairs of observations, for the marginal likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.covariance import (
    Hyperparameters,
    columns_by_width,
    matern_and_slope,
    summed_squares,
)
from harness.strategies.conditional_gp.grid_points import distinct_rows
from search_spaces.encoding import Floats


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs i < j of n points; within a block of coordinates they have few distances.

    Attributes:
        squared: squared distances per block, [J, n (n - 1) / 2].
        values: the squared distances that can occur, of all blocks one after another, [K].
        block: the block of each, [K].
        index: positions of ``squared`` in ``values``, [J, n (n - 1) / 2].
    """

    squared: Floats
    values: Floats
    block: NDArray[np.intp]
    index: NDArray[np.intp]

    @classmethod
    def of(cls, x: Floats, blocks: Sequence[slice]) -> Pairs:
        """All pairs of points x [n, D]."""
        i, j = np.triu_indices(len(x), 1)
        squared = np.empty((len(blocks), len(i)))
        differences = (x[i] - x[j]).T
        for of, columns in columns_by_width(blocks):
            squared[of] = summed_squares(differences[columns])
        index = np.empty(squared.shape, dtype=np.intp)
        values: list[Floats] = [np.empty(0)]
        for k, block in enumerate(blocks):
            first, label = distinct_rows(x[:, block])
            count = len(first)
            index[k] = label[i] * count + label[j]
            table = np.zeros(count * count)
            table[index[k]] = squared[k]
            index[k] += sum(map(len, values))
            values.append(table)
        sizes = [len(table) for table in values[1:]]
        return cls(squared, np.concatenate(values), np.repeat(np.arange(len(blocks)), sizes), index)

    def additive_terms(self, hyper: Hyperparameters) -> tuple[Floats, Floats]:
        """The one-dimensional terms of the covariance, and their derivatives by the logarithms of their length scales:
        [J, n (n - 1) / 2] each."""
        r = np.sqrt(self.values)
        r /= hyper.additive_lengthscales[self.block]
        terms, slopes = matern_and_slope(r, hyper.smoothness)
        terms *= hyper.additive_scales[self.block]
        slopes *= hyper.additive_scales[self.block]
        slopes *= r
        slopes *= r
        return terms.take(self.index), slopes.take(self.index)
