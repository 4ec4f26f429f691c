"""A Gaussian process over numbers and categories, with the mixed kernel of CoCaBO and Casmopolitan.

    k = s ((1 - λ) (k_h + k_x) + λ k_h k_x)

k_h = exp(Σ_i l_i ([h_i = h'_i] - 1) / d_h) over the d_h categories, with a scale l_i for each; k_x is a Matérn 5/2 with
a length scale for each number. In a space without categories k is s k_x, and s k_h in one without numbers. k_h is the
authors' exp(Σ_i l_i [h_i = h'_i] / d_h) over its largest value, so that it is 1 on the diagonal.

Ru et al. (2020), *Bayesian Optimisation over Multiple Continuous and Categorical Inputs*; Wan et al. (2021), *Think
Global and Act Local*. The constant mean maximises the likelihood. Formulas: Rasmussen & Williams (2006), 2.25, 2.26,
2.30, 2.43 and 5.9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, lapack, solve_triangular
from scipy.optimize import minimize

from search_spaces.encoding import Codes, Floats

START = 0.6931
"""Initial value of every scale and length scale: softplus(0), as in the authors' code."""
START_NOISE = 0.005
SCALES = (0.01, 20.0)
LENGTH_SCALES = (0.01, 20.0)
SIGNAL = (0.05, 20.0)
NOISE = (1e-6, 0.1)
"""The authors' interval; they leave the scales unbounded above and stop after a number of steps."""
SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Points:
    """Inputs of the process.

    Attributes:
        numbers: [n, d_x], in [0, 1].
        categories: [n, d_h], any whole numbers: only whether two are equal counts.
    """

    numbers: Floats
    categories: Codes

    def __len__(self) -> int:
        return len(self.numbers)

    def joined(self, others: Points) -> Points:
        """These points followed by the others."""
        return Points(
            np.concatenate([self.numbers, others.numbers]), np.concatenate([self.categories, others.categories])
        )


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Hyperparameters of the kernel and the noise.

    Attributes:
        scales: l, [d_h].
        lengthscales: length scales of the numbers, [d_x].
        signal: s.
        noise: variance of the observations.
        mix: λ.
    """

    scales: Floats
    lengthscales: Floats
    signal: float
    noise: float
    mix: float

    @classmethod
    def start(cls, points: Points, mix: float) -> Hyperparameters:
        """The starting point of a fit."""
        widths = points.categories.shape[1], points.numbers.shape[1]
        return cls(np.full(widths[0], START), np.full(widths[1], START), 1.0, START_NOISE, mix)


def covariance(a: Points, b: Points, hyper: Hyperparameters) -> Floats:
    """k of every pair, [n, m]."""
    numbers = hyper.lengthscales.size > 0
    if not hyper.scales.size:
        return hyper.signal * _matern(a.numbers / hyper.lengthscales, b.numbers / hyper.lengthscales)
    weights = hyper.scales / hyper.scales.size
    differ = np.zeros((len(a), len(b)))
    for left, right, weight in zip(a.categories.T, b.categories.T, weights, strict=True):
        differ += weight * (left[:, None] != right[None, :])
    overlap = np.exp(-differ)
    if not numbers:
        return np.asarray(hyper.signal * overlap)
    matern = _matern(a.numbers / hyper.lengthscales, b.numbers / hyper.lengthscales)
    return hyper.signal * ((1.0 - hyper.mix) * (overlap + matern) + hyper.mix * overlap * matern)


def _matern(a: Floats, b: Floats) -> Floats:
    squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2.0 * a @ b.T
    r = np.sqrt(5.0 * np.maximum(squared, 0.0))
    return np.asarray((1.0 + r + r * r / 3.0) * np.exp(-r))


class Process:
    """The process given observations y, [n], at points."""

    def __init__(self, points: Points, y: Floats, hyper: Hyperparameters) -> None:
        self.points, self.y, self.hyper = points, y, hyper
        k = covariance(points, points, hyper)
        self._variance = float(k[0, 0])
        k[np.diag_indices_from(k)] += hyper.noise
        self._factor = cholesky(k, lower=True, check_finite=False)
        self.mean, self._alpha = _weights(self._factor, y)

    def predict(self, points: Points) -> tuple[Floats, Floats]:
        """Mean and variance of the noise-free function: [m], [m]."""
        cross = covariance(self.points, points, self.hyper)
        explained = solve_triangular(self._factor, cross, lower=True, check_finite=False)
        variance = self._variance - np.einsum("ij,ij->j", explained, explained)
        return self.mean + cross.T @ self._alpha, np.maximum(variance, SMALLEST_VARIANCE)

    def believing(self, points: Points) -> Process:
        """The process as if its predictions at these points had been observed."""
        return Process(self.points.joined(points), np.append(self.y, self.predict(points)[0]), self.hyper)


def _weights(factor: Floats, y: Floats) -> tuple[float, Floats]:
    """The maximum-likelihood constant mean m, and K^-1 (y - m), [n]."""
    solved = cho_solve((factor, True), np.stack([y, np.ones_like(y)], axis=1), check_finite=False)
    mean = float(solved[:, 0].sum() / solved[:, 1].sum())
    return mean, solved[:, 0] - mean * solved[:, 1]


def fit(points: Points, y: Floats, mix: float, iterations: int) -> Hyperparameters:
    """Maximum-likelihood hyperparameters, by at most ``iterations`` of L-BFGS from :meth:`Hyperparameters.start`."""
    objective = negative_log_likelihood(points, y, mix)
    start = Hyperparameters.start(points, mix)
    widths = start.scales.size, start.lengthscales.size
    bounds = [SCALES] * widths[0] + [LENGTH_SCALES] * widths[1] + [SIGNAL, NOISE]
    found = minimize(
        objective, pack(start), jac=True, method="L-BFGS-B", bounds=np.log(bounds), options={"maxiter": iterations}
    )
    return unpack(np.asarray(found.x), start)


def pack(hyper: Hyperparameters) -> Floats:
    """Logarithms of all but λ, in one vector, [d_h + d_x + 2]."""
    return np.asarray(np.log(np.concatenate([hyper.scales, hyper.lengthscales, [hyper.signal, hyper.noise]])))


def unpack(theta: Floats, like: Hyperparameters) -> Hyperparameters:
    """Inverse of :func:`pack`; sizes and λ are those of ``like``."""
    split = like.scales.size
    values = np.exp(theta)
    return Hyperparameters(values[:split], values[split:-2], float(values[-2]), float(values[-1]), like.mix)


def negative_log_likelihood(points: Points, y: Floats, mix: float) -> Callable[[Floats], tuple[float, Floats]]:
    """A function of :func:`pack`'s vector: minus log p(y), at the likeliest mean, and its gradient."""
    n = len(y)
    like = Hyperparameters.start(points, mix)
    differ = np.array([np.not_equal.outer(column, column).ravel() for column in points.categories.T], dtype=float)
    apart = np.array([np.subtract.outer(column, column).ravel() ** 2 for column in points.numbers.T])
    ones = np.ones(n * n)

    def value_and_gradient(theta: Floats) -> tuple[float, Floats]:
        hyper = unpack(theta, like)
        weights, inverse_squares = hyper.scales / max(like.scales.size, 1), hyper.lengthscales**-2
        overlap = np.exp(-weights @ differ) if len(differ) else ones
        r = np.sqrt(5.0 * (inverse_squares @ apart)) if len(apart) else 0.0 * ones
        decay = np.exp(-r)
        matern = (1.0 + r + r * r / 3.0) * decay
        both = len(differ) > 0 and len(apart) > 0
        combined = (1.0 - mix) * (overlap + matern) + mix * overlap * matern if both else overlap * matern
        k = hyper.signal * combined.reshape(n, n)
        k[np.diag_indices(n)] += hyper.noise
        try:
            factor = cholesky(k, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        mean, alpha = _weights(factor, y)
        value = 0.5 * (y - mean) @ alpha + np.log(np.diag(factor)).sum() + 0.5 * n * np.log(2.0 * np.pi)
        slope = hyper.signal * _slope(factor, alpha)  # of the value with respect to each entry of ``combined``
        to_overlap = (1.0 - mix) + mix * matern if both else matern
        to_matern = (1.0 - mix) + mix * overlap if both else overlap
        gradient = np.concatenate(
            [
                -weights * (differ @ (slope * to_overlap * overlap)) if len(differ) else [],
                inverse_squares * (apart @ (slope * to_matern * (5.0 / 3.0) * (1.0 + r) * decay)) if len(apart) else [],
                [slope @ combined, hyper.noise * slope.reshape(n, n).trace() / hyper.signal],
            ]
        )
        return float(value), gradient

    return value_and_gradient


def _slope(factor: Floats, alpha: Floats) -> NDArray[np.float64]:
    """Gradient of minus the log likelihood with respect to the entries of the covariance, [n n]: (K^-1 - a a^T) / 2."""
    lower, _ = lapack.dpotri(factor, lower=1)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    return np.asarray(0.5 * (inverse - np.outer(alpha, alpha)).ravel())
