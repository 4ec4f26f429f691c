"""Covariance over configurations whose parameters may be inactive.

A configuration is a row of numbers in *blocks* of columns, one block per parameter or feature (see
:mod:`search_spaces.encoding`). Within a block, squared Euclidean distance is the parameter's own
distance (in [0, 1]); an inactive parameter sits at the origin. So the kernel below is a valid one
on conditional spaces without knowing about conditions:

    k(a, b) = s M(sqrt(sum_j d_j^2 / l_j^2)) + sum_j s_j M(d_j / m_j),   M = a Matérn function

The product term with one length scale per block is the usual ARD kernel; the one-dimensional terms
are the additive model of Duvenaud et al. (2011), *Additive Gaussian Processes*, of first order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_spaces.encoding import Floats

SMOOTHNESS = (0.5, 1.5, 2.5)
SMALLEST_DISTANCE = 1e-12
PAIRWISE = 8
"""Fewest numbers that numpy does not add one by one."""
AT_ONCE = 1 << 17
"""Numbers of all blocks that are computed at once, so that they stay in a core's cache."""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """The learned hyperparameters of J blocks; latencies are standardised, so scales are in those units.

    Attributes:
        lengthscales: length scales of the product term, [J].
        scale: variance of the product term.
        additive_lengthscales, additive_scales: [J] each; both empty without the additive terms.
        noise: variance of the observation noise.
        mean: the constant prior mean.
        smoothness: nu of the Matérn functions, which is given and not learned.
    """

    lengthscales: Floats
    scale: float
    additive_lengthscales: Floats
    additive_scales: Floats
    noise: float
    mean: float
    smoothness: float = 2.5

    @property
    def variance(self) -> float:
        """Prior variance k(x, x), the same everywhere."""
        return self.scale + float(self.additive_scales.sum())

    @property
    def additive(self) -> bool:
        """Whether there are one-dimensional terms."""
        return self.additive_scales.size > 0


def matern(r: Floats, smoothness: float) -> Floats:
    """Matérn covariance at scaled distances ``r``, any shape (Rasmussen & Williams 4.17).

    nu = 1/2 is for functions that are merely continuous, 5/2 for those with two derivatives.
    """
    rate = (2.0 * smoothness) ** 0.5
    decay = -rate * r
    np.exp(decay, out=decay)
    if smoothness != 0.5:
        decay *= _polynomial(rate * r, smoothness)
    return np.asarray(decay)


def _polynomial(s: Floats, smoothness: float) -> Floats:
    """1 + s for nu = 3/2, 1 + s + s^2 / 3 for nu = 5/2."""
    total: Floats = 1.0 + s
    if smoothness == 2.5:
        squares = s * s
        squares /= 3.0
        total += squares
    return total


def matern_and_slope(r: Floats, smoothness: float) -> tuple[Floats, Floats]:
    """M(r) and -M'(r) / r, so that d M / d log l_j = slope * d_j^2 / l_j^2 where r^2 = sum_j d_j^2 / l_j^2."""
    s = (2.0 * smoothness) ** 0.5 * r
    decay = np.negative(s)
    np.exp(decay, out=decay)
    if smoothness == 0.5:
        return decay, decay / np.maximum(s, SMALLEST_DISTANCE, out=s)
    if smoothness == 1.5:
        return (1.0 + s) * decay, 3.0 * decay
    return (1.0 + s + s * s / 3.0) * decay, (5.0 / 3.0) * (1.0 + s) * decay


def columns_by_width(blocks: Sequence[slice]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The positions of the blocks of each width, [k], and their columns, [width, k]."""
    starts = np.array([block.start for block in blocks], dtype=np.intp)
    widths = np.array([block.stop for block in blocks], dtype=np.intp) - starts
    groups = [(width, np.flatnonzero(widths == width)) for width in np.unique(widths)]
    return [(of, starts[of] + np.arange(width)[:, None]) for width, of in groups]


def summed_squares(differences: Floats) -> Floats:
    """Sum of squares over the first axis; changes its argument. The same numbers as ``(d**2).sum(axis=-1)`` of the same
    differences with the axis last, which numpy adds one by one if there are fewer than :data:`PAIRWISE`."""
    np.square(differences, out=differences)
    if len(differences) >= PAIRWISE:
        return np.asarray(np.ascontiguousarray(np.moveaxis(differences, 0, -1)).sum(axis=-1))
    total: Floats = differences[0]
    for part in differences[1:]:
        total += part
    return total


def squared_distances(a: Floats, b: Floats, blocks: Sequence[slice]) -> Floats:
    """Squared distances within each block: a [n, D], b [m, D] -> [J, n, m]."""
    squared = np.empty((len(blocks), len(a), len(b)))
    left, right = a.T, b.T
    for of, columns in columns_by_width(blocks):
        squared[of] = summed_squares(left[columns][..., None] - right[columns][..., None, :])
    return squared


def covariance(a: Floats, b: Floats, blocks: Sequence[slice], hyper: Hyperparameters) -> Floats:
    """k(a, b) without noise: a [n, D], b [m, D] -> [n, m]."""
    total = np.zeros((len(a), len(b)))
    columns = max(1, AT_ONCE // max(1, len(a) * len(blocks)))
    for start in range(0, len(b), columns):
        part = slice(start, start + columns)
        squared = squared_distances(a, b[part], blocks)
        if hyper.additive:
            r = np.sqrt(squared) / hyper.additive_lengthscales[:, None, None]
            total[:, part] = (hyper.additive_scales[:, None, None] * matern(r, hyper.smoothness)).sum(axis=0)
        squared /= (hyper.lengthscales**2)[:, None, None]
        total[:, part] += hyper.scale * matern(np.sqrt(squared.sum(axis=0)), hyper.smoothness)
    return total
