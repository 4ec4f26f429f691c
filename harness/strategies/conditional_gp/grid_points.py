"""Many points of a grid, grouped by the few values that each block of coordinates takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.covariance import Hyperparameters, block_squared_distances, matern
from search_spaces.encoding import Floats


@dataclass(frozen=True, slots=True)
class GridPoints:
    """Many points, grouped by the few values that each block takes.

    Kernel spaces are grids: ten thousand configurations have ten values per parameter. Covariances
    within a block are computed once per value and looked up, which saves nine tenths of the time.

    Attributes:
        points: [N, D].
        values: per block, points that cover its distinct values, as rows of ``points``' width.
        index: per block, [N] positions in ``values``.
    """

    points: Floats
    values: tuple[Floats, ...]
    index: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, points: Floats, blocks: Sequence[slice]) -> GridPoints:
        """Group ``points`` [N, D] by their distinct rows within each block."""
        values, index = [], []
        for block in blocks:
            columns = np.ascontiguousarray(points[:, block])
            packed = columns.view(np.dtype((np.void, columns.dtype.itemsize * columns.shape[1]))).ravel()
            _, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
            values.append(points[first])
            index.append(inverse.astype(np.intp))
        return cls(points, tuple(values), tuple(index))

    def __len__(self) -> int:
        return len(self.points)

    def covariance(self, a: Floats, blocks: Sequence[slice], hyper: Hyperparameters, chunk: int = 4096) -> Floats:
        """k(a, points): a [n, D] -> [n, N]; the same numbers as :func:`covariance`."""
        total = np.zeros((len(a), len(self)))
        squared, terms = [], []
        for j, block in enumerate(blocks):
            distances = block_squared_distances(a, self.values[j], block)
            squared.append(distances / hyper.lengthscales[j] ** 2)
            if hyper.additive:
                term = matern(np.sqrt(distances) / hyper.additive_lengthscales[j], hyper.smoothness)
                terms.append(hyper.additive_scales[j] * term)
        for start in range(0, len(self), chunk):
            part = slice(start, start + chunk)
            scaled = np.zeros((len(a), len(range(*part.indices(len(self))))))
            for j, index in enumerate(self.index):
                scaled += squared[j].take(index[part], axis=1)
                if hyper.additive:
                    total[:, part] += terms[j].take(index[part], axis=1)
            total[:, part] += hyper.scale * matern(np.sqrt(scaled), hyper.smoothness)
        return total
