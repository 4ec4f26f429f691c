"""How rare a hit is among independent draws from a space too large to list, with an exact interval.

Draws are made until there are enough hits or until there are enough draws, whichever is first. With k hits in n draws:

- stopped by draws, k is binomial and its interval is that of Clopper & Pearson (1934): the limits of p are the
  quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k);
- stopped by hits, at the k-th, n is negative binomial. That n draws or fewer were needed is the event that n draws hold
  k hits or more, so the lower limit is the same; that n or more were needed is the event that n - 1 draws hold fewer
  than k, so the upper limit is that of Beta(k, n - k).

Outcomes of the double rule are ordered from those stopped by hits, the earliest first, to those stopped by draws, the
fewest hits last, and the same two events are the tails of that order: each interval is exact under the double rule as
well. The first contains the second. It is the one to take where drawing stopped some time after the last hit that was
asked for, as recordings in sittings do.

Random search from such draws hits at each evaluation with chance p: E[T] = 1 / p, whenever it begins anew. Its interval
is that of p turned over. As a :class:`LogEstimate` it is log(n / k) with

- its bias: psi(k) - log(k) when stopped by hits, for then 2 p n follows the chi-squared law of 2k degrees of freedom;
  as much to the other side when stopped by draws; and between them, at 0, when stopped some time after enough hits;
- an error that reaches both ends of the exact interval from there, over Student's t on 2k degrees of freedom: a speedup
  over it is the MOVER interval of the logs (Zou & Donner 2008) with the longer arm on both sides, so that tests at any
  level have an error too.

``experiments/helion_2/coverage.py`` simulates what intervals and tests of speedups over it hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, psi, stdtrit

from analysis.statistics.ert import LEVEL, ErtEstimate, LogEstimate

BY_DRAWS, BY_HITS = "draws", "hits"
ENOUGH_HITS = 20
"""Drawing stops at so many, or soon after."""
MOST_DF = 200.0
"""Beyond that Student's t is the normal law to a hundredth."""


@dataclass(frozen=True)
class DrawnRate:
    """Hits among independent draws.

    Attributes:
        hits, draws: k and n.
        stopped_by: ``hits`` where the last draw is the hit that drawing stopped at; else ``draws``.
    """

    hits: int
    draws: int
    stopped_by: str = BY_DRAWS

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.draws or self.draws < 1:
            raise ValueError(f"{self.hits} hits in {self.draws} draws: expected 0 <= hits <= draws, and one draw")
        if self.stopped_by not in (BY_DRAWS, BY_HITS) or (self.stopped_by == BY_HITS and self.hits == 0):
            raise ValueError(f"stopped_by={self.stopped_by} with {self.hits} hits: expected {BY_DRAWS}, or {BY_HITS}")

    @property
    def expected_evaluations(self) -> float:
        """1 / p at p = k / n; inf without a hit."""
        return self.draws / self.hits if self.hits else float("inf")

    def limits(self, level: float = LEVEL) -> tuple[float, float]:
        """The exact two-sided interval of p."""
        k, n, tail = self.hits, self.draws, (1.0 - level) / 2
        low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
        if k == n:
            return low, 1.0
        more = 0 if self.stopped_by == BY_HITS else 1
        return low, float(betaincinv(k + more, n - k, 1.0 - tail))

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """That of E[T]; the upper end is inf without a hit."""
        low, high = self.limits(level)
        return 1.0 / high, 1.0 / low if low else float("inf")

    def estimate(self, cost: float = 1.0) -> ErtEstimate:
        """ERT of random search from such draws, each of which costs so much; without a hit it is a bound.

        The error is that of p alone.
        """
        log = float(np.log(cost * self.draws / max(self.hits, 1)))
        if self.hits == 0:
            return ErtEstimate(float(np.exp(log)), 0, self.draws, LogEstimate(log, float("nan"), float("nan")))
        low, high = (float(np.log(cost * end)) for end in self.interval())
        between = 0.0 if self.hits >= ENOUGH_HITS else 1.0
        bias = (between if self.stopped_by == BY_DRAWS else -1.0) * float(np.log(self.hits) - psi(self.hits))
        df = min(2.0 * self.hits, MOST_DF)
        se = max(high - log + bias, log - bias - low) / float(stdtrit(df, 0.5 + LEVEL / 2))
        return ErtEstimate(float(np.exp(log)), self.hits, self.draws, LogEstimate(log, se, df, bias))
