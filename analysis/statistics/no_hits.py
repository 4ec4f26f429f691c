"""What runs without a single hit say of an ERT, at every confidence, and of a ratio of ERTs.

A run hits with chance p, so n runs miss with chance (1 - p)^n. What a miss costs is b, the mean of the n runs, and
ERT = E[cost] / p is at least b (1 - p) / p. So p is at least b / (ERT + b), and

    P(no hit) <= (1 + b / ERT)^-n.

This is the exact binomial law, whatever the law of the times; its limit for many runs is exp(-n b / ERT), that of a
constant chance of a hit. At confidence 1 - q the ERT is at least b / (q^(-1/n) - 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from analysis.statistics.ert import LEVEL, LogEstimate

Floats = NDArray[np.float64]
SURE, EVEN = 1e-9, 0.5
"""The chances between which a limit is moved. At ``EVEN`` it is as likely too low as too high."""
_LEVELS, _STEPS = 19, 2000


def lower_limit_without_hits(total_cost: float, runs: int, level: float = LEVEL) -> float:
    """The smallest ERT still compatible with no hit in ``runs`` of ``total_cost`` together, two-sided ``level``."""
    return total_cost * float(np.exp(-_log_factor(runs, (1 - level) / 2)))


def _log_factor(runs: int, chance: float) -> float:
    """log of the total cost over the limit: log of n (q^(-1/n) - 1)."""
    return float(np.log(runs * np.expm1(-np.log(chance) / runs)))


@dataclass(frozen=True)
class RatioLimit:
    """The log of a ratio of ERTs, one side of which never hit: known from one side only.

    Attributes:
        log: with the side that never hit at all that it spent, as if its next evaluation hit; without bias.
        runs: of that side.
        sign: 1 where that side is the strategy, so that the ratio is bounded from above; -1 where it is the baseline.
        se, df: error of the other side; 0 and inf where that is exact.
    """

    log: float
    runs: int
    sign: int
    se: float
    df: float

    def at(self, chance: float) -> LogEstimate:
        """The limit beyond which the ratio lies with this chance at most."""
        return LogEstimate(self.log + self.sign * _log_factor(self.runs, chance), self.se, self.df)


def p_beyond(mean_at: Callable[[float], LogEstimate], threshold: float, sign: int) -> float:
    """p of "the mean is at least ``threshold``" (``sign`` 1) or "at most" (-1), where some of its ratios are limits.

    The limits and the errors of all else are one law: p is the mean of the test's p over the chance at which the
    limits stand, all at the same, so that it holds however they depend on each other. A limit goes down to ``EVEN`` and
    no lower: a ratio that is put too high makes this test only stricter, and far away it would widen the spread between
    kernels without saying more. p is continuous in the threshold.

    Args:
        mean_at: the mean with the limits at a chance.
    """
    levels = np.geomspace(SURE, EVEN, _LEVELS)
    found = [mean_at(float(level)) for level in levels]
    errors = np.array([estimate.se for estimate in found])
    if not np.isfinite(errors).all():
        return float("nan")
    logs = np.array([estimate.centre for estimate in found])
    distances = sign * (np.log(threshold) - logs)  # above 0: on the other side of the threshold
    places = _place(levels)
    if not errors.any():
        return float(np.exp(-np.exp(np.interp(0.0, distances, places)))) if distances[-1] > 0 else 1.0
    edges = np.geomspace(SURE, EVEN, _STEPS + 1)
    middles = _place(np.sqrt(edges[1:] * edges[:-1]))
    df = np.array([min(estimate.df, 1e9) for estimate in found])
    at = [np.interp(-middles, -places, values) for values in (distances, errors, df)]
    tails = _tail(*at)
    last = float(_tail(distances[-1:], errors[-1:], df[-1:])[0])
    return min(1.0, SURE + float(np.sum(np.diff(edges) * tails)) + (1 - EVEN) * last)


def _place(chance: Floats) -> Floats:
    """Where limits are nearly straight in: they are log(-log(chance)) for many runs."""
    return np.asarray(np.log(-np.log(chance)))


def _tail(distance: Floats, se: Floats, df: Floats) -> Floats:
    """P(T > distance / se) for Student's t; the shape of the arguments. 0 or 1 where ``se`` is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(se > 0, -distance / np.where(se > 0, se, 1.0), np.where(distance > 0, -np.inf, np.inf))
    return np.asarray(np.where(df < 1e8, stdtr(np.minimum(df, 1e8), t), ndtr(t)), dtype=np.float64)
