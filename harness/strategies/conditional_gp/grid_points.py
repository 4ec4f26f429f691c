"""Many points of a grid, grouped by the few values that each block of coordinates takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.covariance import Hyperparameters, block_squared_distances, matern
from search_spaces.encoding import Floats

CHUNK = 256
"""Points at a time, so that their sums stay in a core's cache."""


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
    def of(
        cls, points: Floats, blocks: Sequence[slice], labels: Sequence[NDArray[np.intp] | None] | None = None
    ) -> GridPoints:
        """Group ``points`` [N, D] by their distinct rows within each block.

        Args:
            labels: per block a label of 0 or more for each point, [N], where the caller knows which points are equal.
        """
        values, index = [], []
        for block, label in zip(blocks, labels or [None] * len(blocks), strict=True):
            at, inverse = _distinct(points[:, block]) if label is None else _labelled(label)
            values.append(points[at])
            index.append(inverse)
        return cls(points, tuple(values), tuple(index))

    def __len__(self) -> int:
        return len(self.points)

    def covariance(self, a: Floats, blocks: Sequence[slice], hyper: Hyperparameters, chunk: int = CHUNK) -> Floats:
        """k(a, points): a [n, D] -> [n, N], in Fortran order; the same numbers as :func:`covariance`."""
        n = len(a)
        tables = self._tables(a, blocks, hyper)
        total = np.zeros((len(self), n))
        for start in range(0, len(self), chunk):
            part = slice(start, start + chunk)
            sums = np.zeros((len(total[part]), tables[0].shape[1] if tables else n))
            terms = np.empty_like(sums)
            for table, index in zip(tables, self.index, strict=True):
                sums += table.take(index[part], axis=0, out=terms, mode="clip")
            if hyper.additive:
                total[part] = sums[:, n:]
            total[part] += hyper.scale * matern(np.sqrt(sums[:, :n]), hyper.smoothness)
        return total.T

    def _tables(self, a: Floats, blocks: Sequence[slice], hyper: Hyperparameters) -> list[Floats]:
        """Per block and each of its values, scaled squared distances from ``a``, [values, n], and with the
        one-dimensional terms the covariance there, [values, 2 n]."""
        distances = [
            block_squared_distances(values, a, block) for values, block in zip(self.values, blocks, strict=True)
        ]
        sizes = [len(values) for values in self.values]
        together = np.concatenate([np.empty((0, len(a))), *distances])
        table = together / np.repeat(hyper.lengthscales**2, sizes)[:, None]
        if hyper.additive:
            terms = matern(np.sqrt(together) / np.repeat(hyper.additive_lengthscales, sizes)[:, None], hyper.smoothness)
            table = np.hstack([table, np.repeat(hyper.additive_scales, sizes)[:, None] * terms])
        return np.split(table, np.cumsum(sizes)[:-1]) if sizes else []


def _labelled(label: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A position of each label that occurs, and for every position the number of its label among those."""
    at = np.full(label.max(initial=0) + 1, -1)
    at[label] = np.arange(len(label))
    occurs = at >= 0
    return at[occurs], (np.cumsum(occurs) - 1)[label]


def _distinct(columns: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The same for distinct rows of ``columns``."""
    columns = np.ascontiguousarray(columns)
    packed = columns.view(np.dtype((np.void, columns.dtype.itemsize * columns.shape[1]))).ravel()
    _, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
    return first, inverse.astype(np.intp)
