"""When a sequential comparison may stop: group-sequential bounds by error spending.

At look k the estimate has information I_k = 1 / se_k^2 and Z_k = estimate / se_k. For any numbers of seeds, S_k = Z_k
sqrt(I_k) has independent increments N(theta (I_k - I_{k-1}), I_k - I_{k-1}) (Jennison & Turnbull 2000, chapter 11). By
the fraction t = I_k / I_max, 2 - 2 Phi(z_{alpha/2} / sqrt t) of the error alpha may be spent (Lan & DeMets 1983, after
O'Brien & Fleming), which is almost nothing early. Of beta, the probability of missing the slowdown, beta t^2 may be
spent (Kim & DeMets 1987), so that a strategy that is no slower passes early. The bounds for a pass are not binding: the
bounds for a regression hold alpha whether or not the gate stops at a pass. The last look spends the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
FAR = 8.0
"""Standard errors beyond which a normal tail is negligible."""
NODES = 160
TINY = 1e-12
HOPELESS = 4.0
"""The highest bound for a regression (Haybittle & Peto), so that a strategy that finds nothing fails early."""
GROWTH = 0.02
"""A look whose information grew by less than this share keeps the bounds of the previous look."""


@dataclass(frozen=True)
class Design:
    """The error rates that a gate guarantees.

    Attributes:
        effect: log of the slowdown to detect.
        alpha: one-sided error without a change, over all looks.
        beta: probability of missing the slowdown, over all looks.
    """

    effect: float
    alpha: float
    beta: float

    def spent_alpha(self, t: float) -> float:
        return float(2 - 2 * ndtr(ndtri(1 - self.alpha / 2) / np.sqrt(t))) if t > 0 else 0.0

    def spent_beta(self, t: float) -> float:
        return self.beta * t**2


@dataclass(frozen=True)
class Bounds:
    """The bounds of one look in Z: regression from ``upper``, improvement to ``-upper``, else pass to ``lower``."""

    upper: float
    lower: float


class _Walk:
    """The distribution of S at a look among the paths that continued: nodes, weights and density."""

    def __init__(self, drift: float) -> None:
        self._drift = drift
        self._information = 0.0
        self._nodes, self._mass = np.zeros(1), np.ones(1)

    def beyond(self, s: float, information: float) -> float:
        """P(not stopped before, S > s) at the next look."""
        step = information - self._information
        return float(self._mass @ ndtr((self._nodes + self._drift * step - s) / np.sqrt(step)))

    def total(self) -> float:
        return float(self._mass.sum())

    def reach(self, information: float) -> tuple[float, float]:
        """The range of S at the next look."""
        centre, spread = self._drift * information, FAR * np.sqrt(information)
        return centre - spread, centre + spread

    def go_on(self, low: float, high: float, information: float) -> None:
        """Keep the paths with ``low`` < S < ``high`` at the next look."""
        step = information - self._information
        least, most = self.reach(information)
        low, high = max(low, least), min(high, most)
        x, w = _legendre()
        nodes = (high - low) / 2 * x + (high + low) / 2
        apart = (nodes[:, None] - self._nodes - self._drift * step) / np.sqrt(step)
        density = np.exp(-(apart**2) / 2) / np.sqrt(2 * np.pi * step)
        self._mass = (density @ self._mass) * w * max(high - low, 0.0) / 2
        self._nodes, self._information = nodes, information


@lru_cache(maxsize=1)
def _legendre() -> tuple[Floats, Floats]:
    x, w = np.polynomial.legendre.leggauss(NODES)
    return x, w


def bounds(design: Design, information: Sequence[float], maximum: float, last: bool) -> Bounds:
    """The bounds of the latest look, from the information at all looks so far.

    Args:
        information: I_1 .. I_k, more than 0.
        maximum: I_max, at which all error is spent.
        last: whether this is the last look, which spends the rest.
    """
    null, slow = _Walk(0.0), _Walk(design.effect)
    latest, passed = Bounds(np.inf, -np.inf), 0.0
    grown = _growing(information)
    for k, now in enumerate(grown):
        t = 1.0 if last and k == len(grown) - 1 else min(now / maximum, 1.0)
        upper = min(_quantile(null, now, design.spent_alpha(t) - (1.0 - null.total())), HOPELESS * np.sqrt(now))
        lower = _quantile(slow, now, slow.total() - (design.spent_beta(t) - passed))
        passed += slow.total() - slow.beyond(lower, now)
        null.go_on(-np.inf, upper, now)  # a pass is not binding: alpha holds even if the gate continues after one
        slow.go_on(min(lower, upper), upper, now)
        latest = Bounds(float(upper / np.sqrt(now)), float(lower / np.sqrt(now)))
    return latest


def _growing(information: Sequence[float]) -> list[float]:
    grown: list[float] = []
    for now in information:
        if not grown or now > grown[-1] * (1 + GROWTH):
            grown.append(float(now))
    return grown


def _quantile(walk: _Walk, information: float, beyond: float) -> float:
    """The s with P(not stopped before, S > s) = ``beyond``; inf if that is none, -inf if it is all."""
    if beyond <= TINY:
        return float("inf")
    if beyond >= walk.total() - TINY:
        return float("-inf")
    low, high = walk.reach(information)
    return float(brentq(lambda s: walk.beyond(s, information) - beyond, low, high, xtol=1e-10 * (high - low)))


@lru_cache(maxsize=64)
def maximum_information(design: Design, looks: int) -> float:
    """I_max at which ``looks`` equally spaced looks end in a decision, because the last two bounds meet.

    It exceeds the ((z_alpha + z_beta) / effect)^2 of a single look, because of the earlier looks.
    """
    single = ((ndtri(1 - design.alpha) + ndtri(1 - design.beta)) / design.effect) ** 2

    def gap(maximum: float) -> float:
        end = bounds(design, [maximum * (k + 1) / looks for k in range(looks)], maximum, last=True)
        return end.lower - end.upper

    return float(brentq(gap, single * 0.98, single * 2, xtol=single * 1e-6))
