"""Exact random search by parameter: draws without replacement with unequal probabilities ("successive sampling").

A search that draws each parameter uniformly, and rejects configurations that are infeasible or were drawn before, takes
configuration j next with probability p_j over the sum of the p of all that are left. Give each configuration an
independent exponential clock of rate p_j: the order in which they ring has this law (Rosén 1972). The first hit rings
at a time M, which is exponential with rate p_H, the sum of the hits' p. Given M, miss j has rung by then with
probability 1 - exp(-p_j M), independently of the others. With T the number of evaluations up to and including the first
hit, it follows that

    E[T] = 1 + sum over misses of p_j / (p_j + p_H)
    S(t) = P(T > t) = integral over m of p_H exp(-p_H m) P(at least t misses have rung by m)

where the number of misses that have rung is Poisson-binomial. With equal p both are those of
:mod:`analysis.statistics.random_search`. Nothing is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_NODES = 8
"""The number of nodes of the Gauss-Legendre rule on each panel of the integral over m."""
_TAIL = 40.0
"""The integral ends where exp(-p_H m) is exp(-40)."""
_CERTAIN = 40.0
"""Events that are less likely than exp(-40) are left out."""
_CHUNK = 256
"""The number of values of m that are processed at once."""


@dataclass(frozen=True)
class SuccessiveSampling:
    """The law of T.

    Attributes:
        rates: the distinct probabilities of the misses, as shares of the sum of all p. [G]
        counts: the number of misses with each of these. [G]
        hit_rate: p_H; 0 without hits.
    """

    rates: Floats
    counts: NDArray[np.int64]
    hit_rate: float

    @classmethod
    def of(cls, p: ArrayLike, hit: ArrayLike) -> SuccessiveSampling:
        """The law for configurations with probabilities ``p``, up to a factor, of which ``hit`` are hits; both [N].

        Raises:
            ValueError: a probability is not positive and finite, or the lengths differ.
        """
        probabilities, hits = np.asarray(p, dtype=np.float64), np.asarray(hit, dtype=bool)
        if probabilities.ndim != 1 or probabilities.shape != hits.shape or not len(hits):
            raise ValueError(f"expected p and hit of one length, got shapes {probabilities.shape} and {hits.shape}")
        if not (np.isfinite(probabilities) & (probabilities > 0)).all():
            raise ValueError("expected probabilities that are positive and finite")
        shares = probabilities / probabilities.sum()
        rates, counts = np.unique(rounded(shares[~hits]), return_counts=True)
        return cls(rates, counts.astype(np.int64), float(shares[hits].sum()))

    @property
    def misses(self) -> int:
        """The number of configurations that are not hits."""
        return int(self.counts.sum())

    def mean(self) -> float:
        """E[T] in evaluations; infinite without hits."""
        if self.hit_rate == 0:
            return float("inf")
        return 1.0 + float(np.sum(self.counts * self.rates / (self.rates + self.hit_rate)))

    def survivals(self, budget: int) -> Floats:
        """S(t) for t = 0 .. ``budget``; [budget + 1].

        The integral is computed by a Gauss-Legendre rule on panels about as wide as the standard deviation of the
        count, sqrt(m). On random spaces its error stays below 1e-9.

        Raises:
            ValueError: the budget is below 1.
        """
        if budget < 1:
            raise ValueError(f"budget={budget}: expected at least 1 evaluation")
        if self.hit_rate == 0:
            return (np.arange(budget + 1) <= self.misses).astype(np.float64)
        end = self._end(budget)
        found: Floats = np.full(budget + 1, np.exp(-self.hit_rate * end))
        for m, weight in self._quadrature(end):
            found += weight @ self._at_least(m, budget)
        found[0] = 1.0
        found[np.arange(budget + 1) > self.misses] = 0.0
        return np.minimum(found, 1.0)

    def hit_probability(self, budget: int) -> float:
        """P(T <= B), the chance that a run of ``budget`` evaluations finds a hit."""
        return float(1.0 - self.survivals(budget)[-1])

    def expected_cost(self, budget: int) -> float:
        """E[min(T, B)] = sum of S(t) for t = 0 .. B-1, in evaluations."""
        return float(self.survivals(budget)[:-1].sum())

    def ert(self, budget: int) -> float:
        """Expected running time with restarts every B evaluations, E[min(T, B)] / P(T <= B); infinite without hits."""
        if budget > self.misses:
            return self.mean()
        survival = self.survivals(budget)
        success = 1.0 - float(survival[-1])
        return float(survival[:-1].sum()) / success if success > 0 else float("inf")

    def miss_draws(self, budget: int) -> Floats:
        """The expected number of misses of each of ``rates`` among the first min(T, B) evaluations; [G].

        A miss of rate r that rings at s is drawn if by then no hit and fewer than B of the other misses have rung. The
        probability of that is the integral over s of r exp(-r s) exp(-p_H s) P(fewer than B others have rung by s).
        Over all misses these add up to the sum of S(t) for t = 1 .. B. If B exceeds the number of misses, each is
        r / (r + p_H).
        """
        each = self.rates / (self.rates + self.hit_rate)
        if budget > self.misses:
            return np.asarray(self.counts * each)
        drawn = np.zeros(len(self.rates))
        for g, rate in enumerate(self.rates):
            others = SuccessiveSampling(self.rates, self.counts - (np.arange(len(self.rates)) == g), self.hit_rate)
            for s, weight in self._quadrature(others._end(budget)):
                fewer = 1.0 - others._at_least(s, budget)[:, -1]
                drawn[g] += float(weight @ (rate / self.hit_rate * np.exp(-rate * s) * fewer))
        return np.asarray(self.counts * np.minimum(drawn, each))

    def ert_seconds(self, budget: int, miss_cost_s: ArrayLike, hit_cost_s: float) -> float:
        """ERT in s of the tuning clock, for one compile worker and batches of one; infinite without hits.

        A run meets the misses of :meth:`miss_draws`, and the successful run ends with a hit, which is hit h with
        probability p_h / p_H, whatever T is.

        Args:
            miss_cost_s: mean cost in s of the misses of each of ``rates``. [G]
            hit_cost_s: mean cost in s of a hit, weighted by its probability.
        """
        if self.hit_rate == 0:
            return float("inf")
        success = 1.0 if budget > self.misses else self.hit_probability(budget)
        if success <= 0:
            return float("inf")
        return float(self.miss_draws(budget) @ np.asarray(miss_cost_s, dtype=np.float64)) / success + hit_cost_s

    def quantile(self, beyond: float) -> int:
        """The number of evaluations t at which P(T > t) falls below about ``beyond``; all of them without hits."""
        if self.hit_rate == 0:
            return self.misses
        rung = float(self.counts @ -np.expm1(self.rates * np.log(beyond) / self.hit_rate))
        return min(self.misses + 1, int(rung + 6 * np.sqrt(rung)) + 2)

    def _end(self, budget: int) -> float:
        """The m at which integrals may end: by then a hit, or ``budget`` misses, have rung almost certainly."""
        end = _TAIL / self.hit_rate
        low = 0.0
        for _ in range(60):
            middle = (low + end) / 2
            rung = float(self.counts @ -np.expm1(-self.rates * middle))
            # Chernoff: P(fewer than B have rung) <= exp(-(rung - B)^2 / (2 rung))
            certain = rung > budget and (rung - budget) ** 2 > 2 * _CERTAIN * rung
            low, end = (low, middle) if certain else (middle, end)
        return end

    def _quadrature(self, end: float) -> list[tuple[Floats, Floats]]:
        """Values of m up to ``end`` and their weights, which include the density of M, in chunks."""
        from scipy.special import roots_legendre

        edges = [0.0]
        while edges[-1] < end:
            edges.append(edges[-1] + max(0.25, float(np.sqrt(edges[-1]))))
        edges[-1] = end
        left, width = np.array(edges[:-1]), np.diff(edges)
        points, weights = roots_legendre(_NODES)
        m = (left[:, None] + width[:, None] * (points + 1) / 2).ravel()
        w = (width[:, None] * weights / 2).ravel() * self.hit_rate * np.exp(-self.hit_rate * m)
        kept = w > 1e-18
        m, w = m[kept], w[kept]
        return [(m[i : i + _CHUNK], w[i : i + _CHUNK]) for i in range(0, len(m), _CHUNK)]

    def _at_least(self, m: Floats, budget: int) -> Floats:
        """P(at least t misses have rung by m) for t = 0 .. budget; [len(m), budget + 1]."""
        from scipy.stats import binom  # takes a second to import, and the mean does not need it

        exactly = np.zeros((len(m), budget + 1))
        exactly[:, 0] = 1.0
        size = 1 << int(2 * budget + 1).bit_length()
        for rate, count in zip(self.rates, self.counts, strict=True):
            rung = -np.expm1(-rate * m)
            most = min(int(count), budget)
            group = binom.pmf(np.arange(most + 1), count, rung[:, None])
            if most < 8:
                exactly = sum(
                    np.pad(exactly[:, : budget + 1 - k], ((0, 0), (k, 0))) * group[:, k : k + 1]
                    for k in range(most + 1)
                )
            else:
                product = np.fft.rfft(exactly, size) * np.fft.rfft(group, size)
                exactly = np.maximum(np.fft.irfft(product, size)[:, : budget + 1], 0.0)
        below = np.cumsum(exactly, axis=1)
        return np.maximum(1.0 - np.concatenate([np.zeros((len(m), 1)), below[:, :-1]], axis=1), 0.0)


def rounded(shares: Floats) -> Floats:
    """Round to 12 digits, because products of the same factors in another order differ in their last bits."""
    return np.array([float(f"{share:.12g}") for share in shares])


def costs_by_rate(p: ArrayLike, hit: ArrayLike, cost_s: ArrayLike) -> tuple[Floats, float]:
    """Mean cost in s of the misses at each of a law's ``rates`` [G], and of a hit, weighted by p. Arguments are [N].

    The law is ``SuccessiveSampling.of(p, hit)``; without hits, the cost of a hit is nan.
    """
    probabilities, hits = np.asarray(p, dtype=np.float64), np.asarray(hit, dtype=bool)
    cost = np.asarray(cost_s, dtype=np.float64)
    shares = probabilities / probabilities.sum()
    _, group, counts = np.unique(rounded(shares[~hits]), return_inverse=True, return_counts=True)
    of_misses = np.bincount(group, cost[~hits], len(counts)) / counts
    return of_misses, float(np.average(cost[hits], weights=shares[hits])) if hits.any() else float("nan")
