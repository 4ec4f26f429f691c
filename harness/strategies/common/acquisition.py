"""Logarithm of the expected improvement, accurate where the improvement itself underflows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

from search_spaces.encoding import Floats

LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
LOG_SQRT_HALF_PI = 0.5 * np.log(0.5 * np.pi)


def log_h(z: Floats) -> Floats:
    """log(phi(z) + z Phi(z)), by Ament et al. (2023), *Unexpected Improvements to Expected
    Improvement for Bayesian Optimization*, equation 9 (with its three branches)."""
    out = np.empty_like(z)
    near = z > -1.0
    far = z < -1.0 / np.sqrt(np.finfo(float).eps)
    middle = ~near & ~far
    a = z[near]
    out[near] = np.log(np.exp(-0.5 * a * a - LOG_SQRT_2PI) + a * ndtr(a))
    a = z[middle]
    tail = np.log(erfcx(-a / np.sqrt(2.0)) * np.abs(a)) + LOG_SQRT_HALF_PI
    out[middle] = -0.5 * a * a - LOG_SQRT_2PI + np.log(-np.expm1(tail))
    a = z[far]
    out[far] = -0.5 * a * a - LOG_SQRT_2PI - 2.0 * np.log(np.abs(a))
    return out


def log_expected_improvement(mean: Floats, variance: Floats, best: float) -> Floats:
    """log E[max(best - f, 0)] for f ~ N(mean, variance): [m], [m] -> [m]. Smaller f is better."""
    deviation = np.sqrt(variance)
    return np.asarray(log_h((best - mean) / deviation) + np.log(deviation))


def argmax_shuffled(scores: Floats, rng: np.random.Generator, tolerance: float = 1e-9) -> int:
    """Index of the best score; ties are broken at random, so that the order of the table has no influence."""
    best: NDArray[np.intp] = np.flatnonzero(scores >= scores.max() - tolerance)
    return int(rng.choice(best))
