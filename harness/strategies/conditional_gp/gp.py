"""A small exact Gaussian process: marginal likelihood with analytic gradients, and a posterior
that grows one observation at a time.

A hundred observations and ten thousand candidates need neither autograd nor a GPU. Tests hold it
to GPyTorch's marginal likelihood and posterior within 1e-6. Formulas: Rasmussen & Williams (2006),
2.25, 2.26, 2.30 and 5.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, lapack, solve_triangular
from scipy.optimize import minimize

from harness.strategies.conditional_gp.covariance import (
    Hyperparameters,
    covariance,
    matern_and_slope,
)
from harness.strategies.conditional_gp.pairs import Pairs
from search_spaces.encoding import Floats

JITTER = 1e-8


@dataclass(frozen=True, slots=True)
class Priors:
    """Independent normal priors on the logarithms of the hyperparameters: (location, spread).

    ``lengthscale`` is the dimension-scaled prior of Hvarfner et al. (2024), *Vanilla Bayesian
    Optimization Performs Great in High Dimensions*, log l ~ N(location + log(D) / 2, spread^2), with
    D = 1 for the one-dimensional terms. Theirs is (sqrt 2, sqrt 3); spread 1 was within noise of sqrt 3
    or ahead of it (``experiments/ablation``).
    """

    lengthscale: tuple[float, float] = (0.0, 1.0)
    scale: tuple[float, float] = (-1.0, 1.0)
    additive_scale: tuple[float, float] = (-1.0, 1.0)
    noise: tuple[float, float] = (-5.0, 1.0)
    mean: tuple[float, float] = (0.0, 1.0)

    def moments(self, blocks: int, additive: bool, shifts: Floats | None = None) -> tuple[Floats, Floats]:
        """Locations and spreads of the packed vector (see :func:`pack`), each [p].

        Args:
            shifts: added to the locations of the product term's log length scales, [J].
        """
        location, spread = self.lengthscale
        groups = [((location + 0.5 * np.log(blocks), spread), blocks), (self.scale, 1)]
        if additive:
            groups += [(self.lengthscale, blocks), (self.additive_scale, blocks)]
        groups += [(self.noise, 1), (self.mean, 1)]
        means = np.concatenate([np.full(size, prior[0]) for prior, size in groups])
        spreads = np.concatenate([np.full(size, prior[1]) for prior, size in groups])
        if shifts is not None:
            means[:blocks] += shifts
        return means, spreads


def pack(hyper: Hyperparameters) -> Floats:
    """One vector: log length scales, log scale, (log additive ones,) log noise, mean."""
    positive = np.concatenate(
        [
            hyper.lengthscales,
            np.array([hyper.scale]),
            hyper.additive_lengthscales,
            hyper.additive_scales,
            np.array([hyper.noise]),
        ]
    )
    return np.append(np.log(positive), hyper.mean)


def unpack(theta: Floats, blocks: int, additive: bool, smoothness: float = 2.5) -> Hyperparameters:
    """Inverse of :func:`pack`."""
    positive = np.exp(theta[:-1])
    split = blocks + 1
    extra = blocks if additive else 0
    return Hyperparameters(
        lengthscales=positive[:blocks],
        scale=float(positive[blocks]),
        additive_lengthscales=positive[split : split + extra],
        additive_scales=positive[split + extra : split + 2 * extra],
        noise=float(positive[-1]),
        mean=float(theta[-1]),
        smoothness=smoothness,
    )


@lru_cache(maxsize=3)
def _pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The positions (i, j) of the pairs i < j."""
    i, j = np.triu_indices(n, 1)
    return i, j


def log_marginal_likelihood(hyper: Hyperparameters, of: Pairs, y: Floats) -> tuple[float, Floats]:
    """log p(y | X) and its gradient with respect to :func:`pack`'s vector.

    Args:
        hyper: hyperparameters at which to evaluate.
        of: the pairs of the n points.
        y: [n] targets.

    Raises:
        numpy.linalg.LinAlgError: the covariance is not positive definite.
    """
    n, blocks = len(y), len(of.squared)
    upper = _pairs(n)
    weighted = of.squared / hyper.lengthscales[:, None] ** 2
    r = np.sqrt(weighted.sum(axis=0))
    product, product_slope = (hyper.scale * part for part in matern_and_slope(r, hyper.smoothness))
    pairs = product.copy()
    if hyper.additive:
        terms, slopes = of.additive_terms(hyper)
        pairs += terms.sum(axis=0)
    k = np.empty((n, n))
    k[upper] = pairs
    k.T[upper] = pairs
    np.fill_diagonal(k, hyper.variance + hyper.noise + JITTER)
    factor = cholesky(k, lower=True, check_finite=False)
    residual = y - hyper.mean
    alpha = cho_solve((factor, True), residual, check_finite=False)
    value = -0.5 * residual @ alpha - np.log(np.diag(factor)).sum() - 0.5 * n * np.log(2.0 * np.pi)

    inverse, _ = lapack.dpotri(factor, lower=1)
    # dL/dK_ij = (alpha alpha^T - K^-1) / 2; a pair stands for K_ij and K_ji.
    outer = alpha[upper[0]] * alpha[upper[1]] - inverse[upper[1], upper[0]]
    diagonal = 0.5 * float(alpha @ alpha - np.trace(inverse))
    gradient = [weighted @ (outer * product_slope), [outer @ product + hyper.scale * diagonal]]
    if hyper.additive:
        gradient += [slopes @ outer, terms @ outer + hyper.additive_scales * diagonal]
    gradient += [[hyper.noise * diagonal], [alpha.sum()]]
    assert blocks == len(hyper.lengthscales)
    return float(value), np.concatenate(gradient)


def fit(
    x: Floats,
    y: Floats,
    blocks: Sequence[slice],
    *,
    priors: Priors,
    additive: bool,
    smoothness: float = 2.5,
    shifts: Floats | None = None,
    start: Hyperparameters | None = None,
    iterations: int = 50,
) -> Hyperparameters:
    """Maximum a posteriori hyperparameters by L-BFGS-B.

    Args:
        x: [n, D] points; y: [n] standardised targets.
        smoothness: nu of the Matérn functions.
        shifts: see :meth:`Priors.moments`.
        start: warm start; the priors' centre without one. The optimisation starts from the better of the two.
        iterations: at most this many L-BFGS iterations.
    """
    pairs = Pairs.of(x, blocks)
    location, spread = priors.moments(len(blocks), additive, shifts)

    def objective(theta: Floats) -> tuple[float, Floats]:
        try:
            value, gradient = log_marginal_likelihood(unpack(theta, len(blocks), additive, smoothness), pairs, y)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        z = (theta - location) / spread
        return float(-value + 0.5 * z @ z), -gradient + z / spread

    starts = [location] if start is None else [location, pack(start)]
    best = min(starts, key=lambda theta: objective(theta)[0])
    bounds = np.stack([location - 4.0 * spread, location + 4.0 * spread], axis=1)
    result = minimize(
        objective,
        np.clip(best, *bounds.T),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": iterations, "ftol": 1e-6},
    )
    return unpack(np.asarray(result.x), len(blocks), additive, smoothness)


class Posterior:
    """The process given observations, with hyperparameters held fixed.

    ``append`` extends the Cholesky factor by one row in O(n²) instead of refactoring in O(n³).
    """

    def __init__(self, x: Floats, blocks: Sequence[slice], hyper: Hyperparameters) -> None:
        self.x = x
        self.blocks = blocks
        self.hyper = hyper
        k = covariance(x, x, blocks, hyper)
        k[np.diag_indices_from(k)] += hyper.noise + JITTER
        self.factor: Floats = cholesky(k, lower=True, check_finite=False)

    def append(self, point: Floats, k: Floats | None = None) -> tuple[Floats, float]:
        """Add an observation at ``point`` [D]; returns the factor's new row [n] and its pivot.

        Args:
            k: the covariances of the present observations with it, [n], if they are known.
        """
        n = len(self.x)
        if k is None:
            k = covariance(self.x, point[None], self.blocks, self.hyper)[:, 0]
        row = solve_triangular(self.factor, k, lower=True, check_finite=False)
        total = self.hyper.variance + self.hyper.noise + JITTER
        pivot = float(np.sqrt(max(total - row @ row, JITTER)))
        factor = np.zeros((n + 1, n + 1))
        factor[:n, :n] = self.factor
        factor[n, :n] = row
        factor[n, n] = pivot
        self.factor = factor
        self.x = np.vstack([self.x, point])
        return row, pivot

    def observe(self, points: Floats) -> None:
        """Condition on more observations, at ``points`` [k, D]."""
        k = covariance(np.vstack([self.x, points]), points, self.blocks, self.hyper)
        for i, point in enumerate(points):
            self.append(point, k[: len(self.x), i])

    def truncate(self, n: int) -> None:
        """Forget all observations but the first ``n``."""
        self.x = self.x[:n]
        self.factor = self.factor[:n, :n]

    def whiten(self, y: Floats) -> Floats:
        """L^-1 (y - mean), [n]: the mean at a point is ``mean + (L^-1 k)^T whiten(y)``."""
        return np.asarray(solve_triangular(self.factor, y - self.hyper.mean, lower=True, check_finite=False))

    def expected(self, y: Floats, unknown: NDArray[np.bool_], deviations: float = 0.0) -> Floats:
        """Mean of the ``unknown`` [n] ones of the observations given the others' y [n], in their order: [k].

        By blocks of the precision matrix Q (Rasmussen & Williams, A.6 and A.12): m - Q_uu^-1 Q_uk (y_k - m), with the
        covariance Q_uu^-1.

        Args:
            deviations: number of standard deviations, each observation's own, to add.
        """
        precision = cho_solve((self.factor, True), np.eye(len(y)), check_finite=False)
        rows = precision[unknown]
        known = rows[:, ~unknown] @ (y[~unknown] - self.hyper.mean)
        mean = np.asarray(self.hyper.mean - np.linalg.solve(rows[:, unknown], known))
        if not deviations:
            return mean
        return np.asarray(mean + deviations * np.sqrt(np.diag(np.linalg.inv(rows[:, unknown]))))

    def fitted(self, y: Floats) -> Floats:
        """Posterior mean of the noise-free function at the observations, [n]: y - noise K^-1 (y - m)."""
        alpha = solve_triangular(self.factor, self.whiten(y), lower=True, trans=1, check_finite=False)
        return np.asarray(y - (self.hyper.noise + JITTER) * alpha)

    def predict(self, y: Floats, points: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and variance of the noise-free function: points [m, D] -> [m], [m]."""
        v = solve_triangular(
            self.factor, covariance(self.x, points, self.blocks, self.hyper), lower=True, check_finite=False
        )
        variance = self.hyper.variance - np.einsum("ij,ij->j", v, v)
        return self.hyper.mean + v.T @ self.whiten(y), np.maximum(variance, JITTER)
