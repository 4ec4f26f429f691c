"""Exact random search by parameter: draws without replacement with unequal probabilities ("successive sampling").

A search that draws each parameter uniformly and rejects what is infeasible or was drawn before takes configuration j
next with probability p_j over the sum of the p of what is left. Give each configuration an independent exponential
clock of rate p_j: the order in which they ring has this law (Rosén 1972). The first hit rings at M, exponential with
rate p_H, the sum of the hits' p; miss j has rung by then with probability 1 - exp(-p_j M), independently given M. So
with T the number of evaluations up to and including the first hit,

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
"""Of the Gauss-Legendre rule on each panel of the integral over m."""
_TAIL = 40.0
"""The integral ends where exp(-p_H m) is exp(-40)."""
_CHUNK = 256
"""Values of m at once."""


@dataclass(frozen=True)
class SuccessiveSampling:
    """The law of T.

    Attributes:
        rates: distinct probabilities of the misses, each a share of the sum of all p. [G]
        counts: how many misses have each. [G]
        hit_rate: p_H; 0 without hits.
    """

    rates: Floats
    counts: NDArray[np.int64]
    hit_rate: float

    @classmethod
    def of(cls, p: ArrayLike, hit: ArrayLike) -> SuccessiveSampling:
        """The law for configurations with probabilities ``p``, up to a factor, of which ``hit`` are hits; both [N].

        Raises:
            ValueError: a probability that is not positive and finite, or other lengths.
        """
        probabilities, hits = np.asarray(p, dtype=np.float64), np.asarray(hit, dtype=bool)
        if probabilities.ndim != 1 or probabilities.shape != hits.shape or not len(hits):
            raise ValueError(f"expected p and hit of one length, got shapes {probabilities.shape} and {hits.shape}")
        if not (np.isfinite(probabilities) & (probabilities > 0)).all():
            raise ValueError("expected probabilities that are positive and finite")
        shares = probabilities / probabilities.sum()
        # Products of the same factors in another order differ in their last bits.
        rates, counts = np.unique(np.array([float(f"{share:.12g}") for share in shares[~hits]]), return_counts=True)
        return cls(rates, counts.astype(np.int64), float(shares[hits].sum()))

    @property
    def misses(self) -> int:
        """How many configurations are no hits."""
        return int(self.counts.sum())

    def mean(self) -> float:
        """E[T] in evaluations; infinite without hits."""
        if self.hit_rate == 0:
            return float("inf")
        return 1.0 + float(np.sum(self.counts * self.rates / (self.rates + self.hit_rate)))

    def survivals(self, budget: int) -> Floats:
        """S(t) for t = 0 .. ``budget``; [budget + 1].

        The integral is a Gauss-Legendre rule on panels about as wide as the count's standard deviation, sqrt(m): on
        random spaces its error stays below 1e-9.

        Raises:
            ValueError: a budget below 1.
        """
        if budget < 1:
            raise ValueError(f"budget={budget}: expected at least 1 evaluation")
        if self.hit_rate == 0:
            return (np.arange(budget + 1) <= self.misses).astype(np.float64)
        found = np.zeros(budget + 1)
        for m, weight in self._quadrature():
            found += weight @ self._at_least(m, budget)
        found[0] = 1.0
        found[np.arange(budget + 1) > self.misses] = 0.0
        return np.minimum(found, 1.0)

    def hit_probability(self, budget: int) -> float:
        """P(T <= B)."""
        return float(1.0 - self.survivals(budget)[-1])

    def expected_cost(self, budget: int) -> float:
        """E[min(T, B)] = sum of S(t) for t = 0 .. B-1, in evaluations."""
        return float(self.survivals(budget)[:-1].sum())

    def ert(self, budget: int) -> float:
        """Expected running time with restarts every B evaluations, E[min(T, B)] / P(T <= B); infinite without hits."""
        survival = self.survivals(budget)
        success = 1.0 - float(survival[-1])
        return float(survival[:-1].sum()) / success if success > 0 else float("inf")

    def _quadrature(self) -> list[tuple[Floats, Floats]]:
        """Values of m and their weights, the density of M included, in chunks."""
        from scipy.special import roots_legendre

        end = _TAIL / self.hit_rate
        edges = [0.0]
        while edges[-1] < end:
            edges.append(edges[-1] + max(0.25, float(np.sqrt(edges[-1]))))
        left, width = np.array(edges[:-1]), np.diff(edges)
        points, weights = roots_legendre(_NODES)
        m = (left[:, None] + width[:, None] * (points + 1) / 2).ravel()
        w = (width[:, None] * weights / 2).ravel() * self.hit_rate * np.exp(-self.hit_rate * m)
        kept = w > 1e-18
        m, w = m[kept], w[kept]
        return [(m[i : i + _CHUNK], w[i : i + _CHUNK]) for i in range(0, len(m), _CHUNK)]

    def _at_least(self, m: Floats, budget: int) -> Floats:
        """P(at least t misses have rung by m) for t = 0 .. budget; [len(m), budget + 1]."""
        from scipy.stats import binom  # a second to import, and the mean needs none of it

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
