"""Do a few runs look like draws from the law of many others? Exact permutation tests of their rank sum, ties included.

If live runs and replays have one law, every choice of which runs are the live ones was equally likely, whatever that
law is: the rank sum of the live ones then has the law of the sum of ``n`` ranks drawn from all ``N`` without
replacement (Wilcoxon 1945; Lehmann 1975, ch. 1). Tied runs share their mean rank, and the law is computed for these
shared ranks, so the test stays valid with ties. The law is counted, not enumerated: the shift algorithm of Streitberg &
Röhmel (1986) needs n N S additions for sums up to S, so no study is so large that it needs Monte Carlo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import convolve
from scipy.stats import rankdata

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankTest:
    """One cell: the ranks of a few runs among all, 1 the smallest value.

    Attributes:
        ranks: the ranks of the runs under test among all runs. [n]
        others: the number of runs they are compared with.
        law: probability of each value of twice the rank sum under exchangeability, from 0 up.
    """

    ranks: Floats
    others: int
    law: Floats

    @property
    def size(self) -> int:
        """N, the number of runs on both sides together."""
        return len(self.ranks) + self.others

    @property
    def excess(self) -> int:
        """Twice the rank sum minus twice its mean n (N + 1) / 2; above 0 if the values under test tend to be larger."""
        return round(2 * float(self.ranks.sum())) - len(self.ranks) * (self.size + 1)

    @property
    def larger(self) -> float:
        """Share of pairs in which the run under test is larger, with ties counted half: Mann & Whitney's U over n m."""
        return 0.5 + 0.5 * self.excess / (len(self.ranks) * self.others)

    @property
    def larger_sd(self) -> float:
        """Standard deviation of :attr:`larger` under exchangeability."""
        twice = np.arange(len(self.law)) - len(self.ranks) * (self.size + 1)
        return float(np.sqrt((self.law * twice**2).sum())) / (2 * len(self.ranks) * self.others)

    @property
    def p(self) -> float:
        """Two-sided p: the chance that the rank sum lies at least this far from its mean."""
        return _two_sided(self.law, len(self.ranks) * (self.size + 1), self.excess)


def rank_test(runs: ArrayLike, others: ArrayLike) -> RankTest:
    """Rank ``runs`` [n] among ``others`` [m]; inf is the largest, equal values share their mean rank.

    Raises:
        ValueError: a side is empty, or a value is nan.
    """
    ours, theirs = (np.asarray(values, dtype=np.float64) for values in (runs, others))
    if len(ours) == 0 or len(theirs) == 0:
        raise ValueError("expected at least one run on either side")
    pooled = np.concatenate([ours, theirs])
    if np.isnan(pooled).any():
        raise ValueError("expected numbers or inf, got nan")
    ranks = rankdata(pooled)
    return RankTest(ranks[: len(ours)], len(theirs), rank_sum_law(ranks, len(ours)))


def rank_sum_law(ranks: ArrayLike, count: int) -> Floats:
    """The chances that twice the sum of ``count`` of these ranks, drawn without replacement, is 0, 1, 2, ...

    Args:
        ranks: mean ranks, multiples of 1/2. [N]
    """
    twice = np.sort(np.rint(2 * np.asarray(ranks, dtype=np.float64)).astype(np.int64))
    most = int(twice[-count:].sum())
    ways = np.zeros((count + 1, most + 1))
    ways[0, 0] = 1.0
    for value in twice.tolist():
        ways[1:, value:] = ways[1:, value:] + ways[:-1, : most + 1 - value]
    return np.asarray(ways[count] / ways[count].sum())


@dataclass(frozen=True)
class StratifiedTest:
    """A test over several cells: the weighted sum of their rank sums, each minus its mean.

    Attributes:
        larger: mean over cells of :attr:`RankTest.larger`.
        p: the two-sided p.
    """

    larger: float
    p: float


def stratified(cells: Sequence[RankTest]) -> StratifiedTest:
    """Test a shift that the cells share. Each cell is weighted with 1 / (N + 1), as by van Elteren (1960).

    These weights are locally most powerful for a common shift; they are equal if all cells have as many runs. The law
    of the sum is the exact convolution of the cells' own laws, on the lattice of the least common multiple of N + 1.

    Raises:
        ValueError: there is no cell.
    """
    if not cells:
        raise ValueError("expected at least one cell")
    multiple = lcm(*(cell.size + 1 for cell in cells))
    law, centre, excess = np.ones(1), 0, 0
    for cell in cells:
        weight = multiple // (cell.size + 1)
        spread = np.zeros((len(cell.law) - 1) * weight + 1)
        spread[::weight] = cell.law
        law = np.maximum(convolve(law, spread), 0.0)  # the FFT of a long law may end slightly below 0
        centre += weight * len(cell.ranks) * (cell.size + 1)
        excess += weight * cell.excess
    return StratifiedTest(float(np.mean([cell.larger for cell in cells])), _two_sided(law, centre, excess))


def _two_sided(law: Floats, centre: int, excess: int) -> float:
    away = np.abs(np.arange(len(law)) - centre)
    return min(1.0, float(law[away >= abs(excess)].sum()))
