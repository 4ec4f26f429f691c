"""How rare a hit is among independent draws from a space too large to list, with an exact interval.

Draws are made until there are enough hits or enough draws, whichever comes first. With k hits in n draws:

- If the number of draws stopped them, k is binomial and the interval is Clopper & Pearson's (1934): the limits of p are
  the quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k).
- If the k-th hit stopped them, n is negative binomial. At most n draws are needed exactly if n draws contain k hits or
  more, so the lower limit is the same. At least n draws are needed exactly if n - 1 draws contain fewer than k hits, so
  the upper limit is the quantile of Beta(k, n - k).

Order the outcomes of the double rule from those stopped by hits, the earliest first, to those stopped by draws, the
fewest hits last. The same two events are the tails of that order, so each interval is exact under the double rule as
well. The first interval contains the second. Use the first if drawing stopped some time after the last hit that was
requested, as it does when a recording is made in several sessions.

Random search that makes such draws hits at each evaluation with chance p, so E[T] = 1 / p however often it restarts.
The interval of E[T] is the reciprocal of that of p. As a :class:`LogEstimate`, E[T] is log(n / k) with

- a bias. If hits stopped the draws it is psi(k) - log(k), because 2 p n then follows the chi-squared law with 2k
  degrees of freedom. If the number of draws stopped them it has the opposite sign. If they stopped some time after
  enough hits it lies between these two, and is set to 0;
- a standard error that reaches the further end of the exact interval from there, by Student's t with 2k degrees of
  freedom. The interval of a speedup is then the MOVER interval of the logs (Zou & Donner 2008) with its longer arm on
  both sides, and tests at any level have an error too.

``experiments/helion_2/coverage.py`` simulates how well the intervals and tests of such speedups hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, psi, stdtrit

from analysis.statistics.ert import LEVEL, ErtEstimate, LogEstimate

BY_DRAWS, BY_HITS = "draws", "hits"
ENOUGH_HITS = 20
"""Drawing stops at this many hits, or soon after."""
MOST_DF = 200.0
"""Above this many degrees of freedom, Student's t equals the normal law to within a hundredth."""


@dataclass(frozen=True)
class DrawnRate:
    """Hits among independent draws.

    Attributes:
        hits, draws: k and n.
        stopped_by: ``hits`` if the last draw is the hit at which drawing stopped; else ``draws``.
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
        """E[T] = 1 / p at p = k / n; inf without a hit."""
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
        """The exact two-sided interval of E[T]; its upper end is inf without a hit."""
        low, high = self.limits(level)
        return 1.0 / high, 1.0 / low if low else float("inf")

    def estimate(self, cost: float = 1.0) -> ErtEstimate:
        """Estimate the ERT of random search whose draws cost ``cost`` each; without a hit it is only a bound.

        The standard error is that of p only: ``cost`` counts as exact.
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
