"""Times to target under unequal budgets: Kaplan-Meier curves and restricted means.

A run that ended without a hit shows only that T exceeds what it spent. For ERT at one budget this does not matter. With
different budgets (runs limited in seconds, or ended early), the share of hits over all runs would mix them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Survival:
    """The product-limit estimate of P(T > t): a step function, 1 before the first time.

    Attributes:
        time: the times at which the curve falls, ascending. [events]
        survival: its value from each time on. [events]
        se: Greenwood's standard error of that value. [events]
        last: the longest time for which any run was observed.
        at_risk, died: the runs without a hit just before each time, and the runs that hit at it. [events]
    """

    time: Floats
    survival: Floats
    se: Floats
    last: float
    at_risk: Floats
    died: Floats

    def at(self, t: ArrayLike) -> Floats:
        """P(T > t); nan beyond the longest observed time unless the curve has reached 0."""
        times = np.asarray(t, dtype=np.float64)
        steps = np.concatenate([[1.0], self.survival])
        values = steps[np.searchsorted(self.time, times, side="right")]
        return np.where((times > self.last) & (values > 0), np.nan, values)


def kaplan_meier(cost: ArrayLike, hit: ArrayLike) -> Survival:
    """Kaplan & Meier (1958) with Greenwood's variance. ``cost``: T, or all that was spent without a hit. Both [runs]"""
    spent = np.asarray(cost, dtype=np.float64)
    success = np.asarray(hit, dtype=bool)
    if len(spent) == 0:
        raise ValueError("expected at least one run")
    times = np.unique(spent[success])
    at_risk = (spent[None, :] >= times[:, None]).sum(axis=1).astype(np.float64)
    died = ((spent[None, :] == times[:, None]) & success).sum(axis=1).astype(np.float64)
    survival = np.cumprod(1.0 - died / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.cumsum(died / (at_risk * (at_risk - died)))
        se = np.where(survival > 0, survival * np.sqrt(growth), 0.0)
    return Survival(times, survival, se, float(spent.max()), at_risk, died)


@dataclass(frozen=True)
class RestrictedMean:
    """E[min(T, tau)] with its standard error, which is nan if it cannot be estimated."""

    mean: float
    se: float
    tau: float


def restricted_mean(curve: Survival, tau: float) -> RestrictedMean:
    """Compute the area under the curve up to ``tau`` and its error (Klein & Moeschberger 2003, section 4.5).

    The variance is sum_i (area from t_i to tau)^2 d_i / (n_i (n_i - d_i)).

    Raises:
        ValueError: ``tau`` is beyond the longest observed time while the curve is above 0: nothing is known there.
    """
    if tau > curve.last and not (len(curve.survival) and curve.survival[-1] == 0):
        raise ValueError(f"tau={tau:g}: expected at most {curve.last:g}, the longest time watched")
    inside = curve.time < tau
    edges = np.concatenate([[0.0], curve.time[inside], [tau]])
    heights = np.concatenate([[1.0], curve.survival[inside]])
    areas = heights * np.diff(edges)
    beyond = np.cumsum(areas[::-1])[::-1][1:]  # the area from each fall to tau
    n, d = curve.at_risk[inside], curve.died[inside]
    known = n > d
    variance = float((beyond[known] ** 2 * d[known] / (n[known] * (n[known] - d[known]))).sum())
    # If all hit at once, or none before tau, there is no spread, but this does not mean certainty.
    return RestrictedMean(float(areas.sum()), variance**0.5 if variance > 0 else float("nan"), tau)


def smallest_common_tau(costs: list[Floats]) -> float:
    """The longest time for which every group was observed, and so the largest ``tau`` at which they can be compared."""
    return min(float(np.max(cost)) for cost in costs)
