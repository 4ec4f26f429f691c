"""Many points of a grid, grouped by the few values that each block of coordinates takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.covariance import Hyperparameters, columns_by_width, matern, summed_squares
from search_spaces.encoding import Floats

AT_ONCE = 25_600
"""Sums that are computed at once, so that they stay in a core's cache."""
FEWEST_POINTS = 64
"""Fewest points at a time; for fewer, a call takes longer than its sums."""


@dataclass(frozen=True, slots=True)
class Width:
    """The values of all blocks of one width.

    Attributes:
        rows: their positions among the values of all blocks, [k].
        columns: the columns of each one's block, [width, k].
        coordinates: their coordinates in these columns, [width, k].
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    coordinates: Floats


@dataclass(frozen=True, slots=True)
class GridPoints:
    """Many points, grouped by the few values that each block takes.

    Kernel spaces are grids: ten thousand configurations have ten values per parameter. Covariances
    within a block are computed once per value and looked up, which saves nine tenths of the time.

    Attributes:
        points: [N, D].
        values: per block, points that cover its distinct values, as rows of ``points``' width.
        index: per block, [N] positions in ``values``.
        widths: the same values by the width of their block.
    """

    points: Floats
    values: tuple[Floats, ...]
    index: tuple[NDArray[np.intp], ...]
    widths: tuple[Width, ...]

    @classmethod
    def of(
        cls, points: Floats, blocks: Sequence[slice], labels: Sequence[NDArray[np.intp] | None] | None = None
    ) -> GridPoints:
        """Group ``points`` [N, D] by their distinct rows within each block.

        Args:
            labels: per block a label of 0 or more for each point, [N], where the caller knows which points are equal.
        """
        of_blocks = [
            distinct_rows(points[:, block]) if label is None else _labelled(label)
            for block, label in zip(blocks, labels or [None] * len(blocks), strict=True)
        ]
        sizes = np.array([len(at) for at, _ in of_blocks], dtype=np.intp)
        values = points[np.concatenate([np.empty(0, dtype=np.intp), *(at for at, _ in of_blocks)])]
        return cls(
            points,
            tuple(values[end - size : end] for size, end in zip(sizes, np.cumsum(sizes), strict=True)),
            tuple(index for _, index in of_blocks),
            tuple(_by_width(values, sizes, blocks)),
        )

    def __len__(self) -> int:
        return len(self.points)

    def covariance(self, a: Floats, hyper: Hyperparameters, chunk: int | None = None) -> Floats:
        """k(a, points): a [n, D] -> [n, N], in Fortran order; the same numbers as :func:`covariance`."""
        n = len(a)
        tables = self._tables(a, hyper)
        total = np.zeros((len(self), n))
        width = 2 * n if hyper.additive else n
        chunk = chunk or max(FEWEST_POINTS, AT_ONCE // max(1, width))
        for start in range(0, len(self), chunk):
            part = slice(start, start + chunk)
            sums = np.zeros((len(total[part]), width))
            terms = np.empty_like(sums)
            for block, (table, index) in enumerate(zip(tables, self.index, strict=True)):
                if block == 0:
                    table.take(index[part], axis=0, out=sums, mode="clip")
                else:
                    sums += table.take(index[part], axis=0, out=terms, mode="clip")
            product = matern(np.sqrt(sums[:, :n]), hyper.smoothness)
            product *= hyper.scale
            np.add(sums[:, n:] if hyper.additive else 0.0, product, out=total[part])
        return total.T

    def _tables(self, a: Floats, hyper: Hyperparameters) -> list[Floats]:
        """Per block and each of its values, scaled squared distances from ``a``, [values, n], and with the
        one-dimensional terms the covariance there, [values, 2 n]."""
        sizes = [len(values) for values in self.values]
        together = self._squared_distances(a)
        table = together / np.repeat(hyper.lengthscales**2, sizes)[:, None]
        if hyper.additive:
            terms = matern(np.sqrt(together) / np.repeat(hyper.additive_lengthscales, sizes)[:, None], hyper.smoothness)
            table = np.hstack([table, np.repeat(hyper.additive_scales, sizes)[:, None] * terms])
        ends = np.cumsum(sizes).tolist()
        return [table[end - size : end] for size, end in zip(sizes, ends, strict=True)]

    def _squared_distances(self, a: Floats) -> Floats:
        """Squared distances within each block of its values from ``a`` [n, D]: [values, n]."""
        squared = np.empty((sum(len(values) for values in self.values), len(a)))
        for group in self.widths:
            squared[group.rows] = summed_squares(group.coordinates[:, :, None] - a.T[group.columns])
        return squared


def _by_width(values: Floats, sizes: NDArray[np.intp], blocks: Sequence[slice]) -> Iterator[Width]:
    """The values of all blocks, as rows [k, D], grouped by the width of their block, given how many each block has."""
    block = np.repeat(np.arange(len(sizes)), sizes)
    for of, columns in columns_by_width(blocks):
        rows = np.flatnonzero(np.isin(block, of))
        wide = np.repeat(columns, sizes[of], axis=1)
        yield Width(rows, wide, values[rows, wide])


def _labelled(label: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A position of each label that occurs, and for every position the number of its label among those."""
    at = np.full(label.max(initial=0) + 1, -1)
    at[label] = np.arange(len(label))
    occurs = at >= 0
    return at[occurs], (np.cumsum(occurs) - 1)[label]


def distinct_rows(columns: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A position of each distinct row of ``columns`` [N, w], and for every row its number among those."""
    packed: NDArray[Any] = np.ascontiguousarray(columns)
    if columns.shape[1] > 1:
        packed = packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1])))
    _, first, inverse = np.unique(packed.ravel(), return_index=True, return_inverse=True)
    return first, inverse.astype(np.intp)
