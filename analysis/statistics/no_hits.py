"""What runs without a single hit say about an ERT, and about a ratio of ERTs, at every confidence.

A run hits with chance p, so all n runs miss with chance (1 - p)^n. A miss costs b, the mean cost of the n runs, and
ERT = E[cost] / p is at least b (1 - p) / p. So p is at least b / (ERT + b), and

    P(no hit) <= (1 + b / ERT)^-n.

This follows from the exact binomial law, whatever the law of the times. Its limit for many runs is exp(-n b / ERT),
which is the law for a constant chance of a hit. At confidence 1 - q the ERT is at least b / (q^(-1/n) - 1).
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
"""The range of chances at which a limit is set. At ``EVEN`` it is as likely to be too low as too high."""
_LEVELS, _STEPS = 19, 2000


def lower_limit_without_hits(total_cost: float, runs: int, level: float = LEVEL) -> float:
    """The smallest ERT that is compatible with no hit in ``runs`` costing ``total_cost``, at a two-sided ``level``."""
    return total_cost * float(np.exp(-_log_factor(runs, (1 - level) / 2)))


def _log_factor(runs: int, chance: float) -> float:
    """The log of the total cost over the limit, log(n (q^(-1/n) - 1)), with q = ``chance``."""
    return float(np.log(runs * np.expm1(-np.log(chance) / runs)))


@dataclass(frozen=True)
class RatioLimit:
    """The log of a ratio of ERTs of which one side never hit, so that the ratio is only bounded on one side.

    Attributes:
        log: the log ratio, without bias, if the ERT of the side that never hit were all that it spent.
        runs: the number of runs of the side that never hit.
        sign: 1 if that side is the strategy, so that the ratio is bounded from above; -1 if it is the baseline.
        se, df: standard error and degrees of freedom of the other side; 0 and inf if that is exact.
    """

    log: float
    runs: int
    sign: int
    se: float
    df: float

    def at(self, chance: float) -> LogEstimate:
        """The limit beyond which the ratio lies with a chance of at most ``chance``."""
        return LogEstimate(self.log + self.sign * _log_factor(self.runs, chance), self.se, self.df)


def p_beyond(mean_at: Callable[[float], LogEstimate], threshold: float, sign: int) -> float:
    """p of "the mean is at least ``threshold``" (``sign`` 1) or "at most" (-1) if some of its ratios are limits.

    One law covers the limits and all other errors: p is the mean of the test's p over the chance at which the limits
    are set. All limits are set at the same chance, so the test is valid however they depend on each other. Chances
    above ``EVEN`` count as ``EVEN``: that only makes the test stricter, while a limit that is far away would widen the
    spread between kernels without adding information. p is continuous in the threshold.

    Args:
        mean_at: the mean if the limits are set at a given chance.
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
    """Transform the chance so that limits are nearly linear in it: for many runs they are log(-log(chance))."""
    return np.asarray(np.log(-np.log(chance)))


def _tail(distance: Floats, se: Floats, df: Floats) -> Floats:
    """P(T > distance / se) for Student's t, in the shape of the arguments; 0 or 1 where ``se`` is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(se > 0, -distance / np.where(se > 0, se, 1.0), np.where(distance > 0, -np.inf, np.inf))
    return np.asarray(np.where(df < 1e8, stdtr(np.minimum(df, 1e8), t), ndtr(t)), dtype=np.float64)
