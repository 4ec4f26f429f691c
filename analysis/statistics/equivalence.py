"""Equivalence within a margin: two one-sided t tests of the logarithms of paired ratios, and their power.

A test that does not reject equality shows nothing, because a test of few runs rejects nothing. Here the burden of proof
is reversed (Schuirmann 1987): the ratio is *equivalent* to 1 if it is shown to lie above 1 / (1 + margin) and below
1 + margin, each by a one-sided test at ``ALPHA``, so that a ratio at the margin is called equivalent in at most 5% of
studies. This is the same as a 90% interval inside the margins. The power follows from the joint law of the mean and the
standard deviation (Owen 1965), by a one-dimensional integral over the latter; a test compares it with simulations.

Equal pairs do not mean certainty: a few pairs may not include one that differs. If all pairs are equal, their spread is
set to that which they and one more pair at the margin would have, log(1 + margin) / sqrt(pairs + 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm, t

ALPHA = 0.05
POWER = 0.8
MOST_PAIRS = 100_000
_QUADRATURE = 2_000


@dataclass(frozen=True)
class Equivalence:
    """The paired comparison.

    Attributes:
        pairs: the number of ratios.
        log: mean of their natural logarithms; nan without pairs.
        sd: standard deviation of these logarithms; nan for fewer than two pairs.
        margin: the ratio may lie between 1 / (1 + margin) and 1 + margin.
    """

    pairs: int
    log: float
    sd: float
    margin: float

    @property
    def spread(self) -> float:
        """``sd``, or its replacement if all pairs are equal; nan for fewer than two pairs."""
        if self.sd > 1e-9 or self.pairs < 2:
            return self.sd
        return float(np.log1p(self.margin) / np.sqrt(self.pairs + 1))

    @property
    def ratio(self) -> float:
        """The geometric mean of the ratios."""
        return float(np.exp(self.log))

    def interval(self, level: float = 1 - 2 * ALPHA) -> tuple[float, float]:
        """The t interval of the ratio; the verdict uses the default level. nan for fewer than two pairs."""
        if self.pairs < 2:
            return float("nan"), float("nan")
        half = t.ppf((1 + level) / 2, self.pairs - 1) * self.spread / np.sqrt(self.pairs)
        return float(np.exp(self.log - half)), float(np.exp(self.log + half))

    @property
    def p(self) -> float:
        """The larger of the two one-sided p; 1 for fewer than two pairs."""
        if self.pairs < 2:
            return 1.0
        room = np.log1p(self.margin) - abs(self.log)
        return float(t.sf(room / (self.spread / np.sqrt(self.pairs)), self.pairs - 1))

    @property
    def equivalent(self) -> bool:
        """Whether the ratio is shown to lie within the margins."""
        return self.p <= ALPHA

    @property
    def different(self) -> bool:
        """Whether the ratio is shown to lie outside the margins: the whole interval does."""
        low, high = self.interval()
        return bool(low > 1 + self.margin or high < 1 / (1 + self.margin))

    @property
    def verdict(self) -> str:
        """``equivalent``, ``different`` or ``undecided``."""
        return "equivalent" if self.equivalent else "different" if self.different else "undecided"

    @property
    def power(self) -> float:
        """Chance that this many pairs of this spread show equivalence if the true ratio is 1; nan below two pairs."""
        return tost_power(self.pairs, self.spread, self.margin) if self.pairs >= 2 else float("nan")

    @property
    def needed(self) -> int | None:
        """Pairs that show equivalence with 80% power; ``None`` below two pairs, whose spread is not known."""
        return pairs_needed(self.spread, self.margin) if self.pairs >= 2 else None

    def text(self) -> str:
        """One line: ratio, interval, verdict and power."""
        if self.pairs < 2:
            return f"{self.pairs} pairs, too few to compare"
        low, high = self.interval()
        needed = f"{self.needed} pairs" if self.needed is not None else f"more than {MOST_PAIRS} pairs"
        return (
            f"{self.ratio:.3f} [{low:.3f}, {high:.3f}] of {self.pairs} pairs, {self.verdict} within "
            f"±{self.margin:.0%} (p {self.p:.2g}; power at a true ratio of 1: {self.power:.0%}, "
            f"{POWER:.0%} needs {needed})"
        )


def equivalence(ratios: ArrayLike, margin: float) -> Equivalence:
    """Compare paired ratios with 1.

    Args:
        ratios: one side divided by the other, above 0. [pairs]
        margin: how far the ratio may lie from 1, as in :class:`Equivalence`; above 0.

    Raises:
        ValueError: a ratio is not above 0 and finite, or the margin is not above 0.
    """
    values = np.asarray(ratios, dtype=np.float64)
    if not margin > 0:
        raise ValueError(f"margin {margin}: expected more than 0")
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError("expected finite ratios above 0")
    logs = np.log(values)
    mean = float(logs.mean()) if len(logs) else float("nan")
    return Equivalence(len(logs), mean, float(logs.std(ddof=1)) if len(logs) > 1 else float("nan"), margin)


def tost_power(pairs: int, sd: float, margin: float, true_ratio: float = 1.0, alpha: float = ALPHA) -> float:
    """Chance that both one-sided tests reject.

    Given the estimated standard deviation, both tests reject if the mean lies in a certain interval; the chance of that
    is a difference of two normal probabilities. It is averaged over the quantiles of the chi-squared law that the
    estimate follows.

    Args:
        pairs: the number of pairs, 2 or more.
        sd: true standard deviation of the logarithms of the ratios.
        true_ratio: the true ratio.

    Raises:
        ValueError: there are fewer than two pairs.
    """
    if pairs < 2:
        raise ValueError(f"{pairs} pairs: expected 2 or more")
    wide, shift = float(np.log1p(margin)), float(np.log(true_ratio))
    if sd == 0:
        return float(abs(shift) < wide)
    error = sd / np.sqrt(pairs)
    quantiles = chi2.ppf((np.arange(_QUADRATURE) + 0.5) / _QUADRATURE, pairs - 1)
    estimated = error * np.sqrt(quantiles / (pairs - 1))
    half = wide - t.ppf(1 - alpha, pairs - 1) * estimated
    inside = norm.cdf((half - shift) / error) - norm.cdf((-half - shift) / error)
    return float(np.where(half > 0, inside, 0.0).mean())


def pairs_needed(sd: float, margin: float, power: float = POWER, true_ratio: float = 1.0) -> int | None:
    """The fewest pairs that show equivalence with ``power``; ``None`` where ``MOST_PAIRS`` do not.

    The power grows with the number of pairs, so the smallest number is found by bisection.
    """
    low, high = 1, 2
    while tost_power(high, sd, margin, true_ratio) < power:
        low, high = high, 2 * high
        if high > MOST_PAIRS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tost_power(middle, sd, margin, true_ratio) >= power else (middle, high)
    return high
