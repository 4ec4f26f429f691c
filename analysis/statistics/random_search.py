"""Exact random search: uniform over N feasible configurations without replacement, K of them hits.

T is the number of evaluations up to and including the first hit. Its law is the negative hypergeometric
(Johnson, Kemp & Kotz 2005, section 6.2.2): S(t) = P(T > t) = C(N-K, t) / C(N, t).
All functions take whole numbers, and those with an argument ``t`` are vectorised over it. Nothing is simulated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def _checked(n: int, k: int) -> None:
    if n < 1 or not 0 <= k <= n:
        raise ValueError(f"expected 0 <= K <= N and N >= 1, got N={n}, K={k}")


def survival(n: int, k: int, t: ArrayLike) -> Floats:
    """S(t) = P(T > t): no hit among the first ``t`` draws. Has the shape of ``t`` and is 0 for t > N - K."""
    from scipy.special import gammaln  # imported late: most callers need only the mean, which does without it

    _checked(n, k)
    draws = np.asarray(t, dtype=np.float64)
    if np.any(draws < 0):
        raise ValueError("t must not be negative")
    possible = draws <= n - k
    inside = np.where(possible, draws, 0.0)
    # C(N-t, K) / C(N, K), the same number as C(N-K, t) / C(N, t)
    log_s = gammaln(n - inside + 1) - gammaln(n - k - inside + 1) + gammaln(n - k + 1) - gammaln(n + 1)
    return np.where(possible, np.exp(np.minimum(log_s, 0.0)), 0.0)


def hit_probability(n: int, k: int, budget: float) -> float:
    """P(T <= B), the chance that a run of ``budget`` evaluations finds a hit."""
    return float(1.0 - survival(n, k, min(budget, n)))


def mean(n: int, k: int) -> float:
    """E[T] = (N+1) / (K+1) in evaluations; infinite without hits."""
    _checked(n, k)
    return (n + 1) / (k + 1) if k else float("inf")


def variance(n: int, k: int) -> float:
    """Var T = K (N+1) (N-K) / ((K+1)^2 (K+2)); infinite without hits."""
    _checked(n, k)
    return k * (n + 1) * (n - k) / ((k + 1) ** 2 * (k + 2)) if k else float("inf")


def quantile(n: int, k: int, q: float) -> float:
    """The smallest t with P(T <= t) >= q, in evaluations; infinite without hits."""
    _checked(n, k)
    if not 0.0 < q <= 1.0:
        raise ValueError(f"q={q}: expected 0 < q <= 1")
    if k == 0:
        return float("inf")
    low, high = 1, n - k + 1
    while low < high:
        middle = (low + high) // 2
        if 1.0 - float(survival(n, k, middle)) >= q - 1e-12:
            high = middle
        else:
            low = middle + 1
    return float(low)


def expected_cost(n: int, k: int, budget: float) -> float:
    """E[min(T, B)] = sum of S(t) for t = 0 .. B-1, in evaluations.

    The closed form of the sum (by the hockey-stick identity) is (N+1)/(K+1) * (1 - S_{N+1,K+1}(B)).
    """
    _checked(n, k)
    if budget < 1:
        raise ValueError(f"budget={budget}: expected at least 1 evaluation")
    return (n + 1) / (k + 1) * (1.0 - float(survival(n + 1, k + 1, min(budget, n))))


def ert(n: int, k: int, budget: float) -> float:
    """Expected running time with restarts every B evaluations: E[min(T, B)] / P(T <= B).

    See Auger & Hansen 2005. Infinite without hits. A ``budget`` above N means N.
    """
    success = hit_probability(n, k, budget)
    return expected_cost(n, k, budget) / success if success > 0 else float("inf")


def ert_seconds(n: int, k: int, budget: float, miss_cost_s: float, hit_cost_s: float) -> float:
    """ERT in s of the tuning clock, for one compile worker and batches of one.

    It is c_miss * sum_{t=1}^{B} S(t) / (1 - S(B)) + c_hit: a run meets min(T-1, B) misses, and the successful run
    ends with a hit. ``miss_cost_s`` and ``hit_cost_s`` are the mean costs of one miss and of one hit.
    """
    success = hit_probability(n, k, budget)
    if success <= 0:
        return float("inf")
    misses = expected_cost(n, k, budget) - success  # sum_{t=1}^{B} S = sum_{t=0}^{B-1} S - (1 - S(B))
    return miss_cost_s * misses / success + hit_cost_s


def best_so_far(
    quality: ArrayLike, budget: int, quantiles: tuple[float, ...] = (0.25, 0.5, 0.75)
) -> tuple[Floats, Floats]:
    """Compute the law of the best quality among t draws from the whole table, for t = 1 .. min(B, N).

    If R is the rank (from 1) of the best draw, P(R > i) is S(t) for i hits. It is computed from one t to the next
    by S_i(t+1) = S_i(t) (N - i - t) / (N - t).

    Args:
        quality: one number per configuration; larger is better, and failures have 0. [N]
        budget: B, the number of evaluations.
        quantiles: levels q; the q-quantile is the smallest x with P(best quality <= x) >= q.

    Returns:
        The expectation [min(B, N)] and the quantiles [min(B, N), len(quantiles)].
    """
    ascending, times = np.unique(np.asarray(quality, dtype=np.float64), return_counts=True)
    qualities, n = ascending[::-1], int(times.sum())  # ties share a level: recorded draws have many
    ranks = np.concatenate([[0.0], np.cumsum(times[::-1])])
    beyond = np.ones(len(ranks))
    steps = min(budget, n)
    expectation, levels = np.empty(steps), np.empty((steps, len(quantiles)))
    for drawn in range(steps):
        beyond *= np.maximum(n - ranks - drawn, 0.0) / (n - drawn)
        expectation[drawn] = np.dot(beyond[:-1] - beyond[1:], qualities)
        # the largest i with P(R > i) >= q gives the q-quantile of the quality
        last = np.searchsorted(-beyond[:-1], -np.asarray(quantiles) + 1e-12, side="right") - 1
        levels[drawn] = qualities[np.maximum(last, 0)]
    return expectation, levels
