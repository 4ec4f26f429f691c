"""One-sided tests of a speedup against a threshold, and Holm's correction over several of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr

from analysis.statistics.ert import LogEstimate

Floats = NDArray[np.float64]


def p_at_most(estimate: LogEstimate, threshold: float) -> float:
    """p of "the true value is at most ``threshold``": small if the estimate is far above. nan without an error."""
    return _tail(estimate, float(np.log(threshold)))


def p_at_least(estimate: LogEstimate, threshold: float) -> float:
    """p of "the true value is at least ``threshold``": small if the estimate is far below. nan without an error."""
    return 1.0 - _tail(estimate, float(np.log(threshold)))


def _tail(estimate: LogEstimate, log_threshold: float) -> float:
    if not np.isfinite(estimate.se):
        return float("nan")
    if estimate.se == 0:
        return 0.0 if estimate.centre > log_threshold else 1.0
    t = (log_threshold - estimate.centre) / estimate.se
    return float(stdtr(estimate.df, t) if np.isfinite(estimate.df) else ndtr(t))


def lower_bound(estimate: LogEstimate, level: float = 0.95) -> float:
    """One-sided lower confidence bound on the natural scale: the lower end of the two-sided 2 level - 1 interval."""
    return estimate.interval(2 * level - 1)[0]


def upper_bound(estimate: LogEstimate, level: float = 0.95) -> float:
    """One-sided upper confidence bound on the natural scale."""
    return estimate.interval(2 * level - 1)[1]


def holm(p_values: ArrayLike | Sequence[float]) -> Floats:
    """Holm's (1979) adjusted p values, in the order given, along the last axis; nan counts as 1.

    The i-th smallest of m is multiplied by m - i + 1, and the results are made monotone. If hypotheses are rejected
    whose adjusted value is at most alpha, the chance of any false rejection is at most alpha, however the tests depend
    on each other.
    """
    p = np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)
    order = np.argsort(p, axis=-1, kind="stable")
    charged = np.take_along_axis(p, order, axis=-1) * (p.shape[-1] - np.arange(p.shape[-1]))
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(charged, axis=-1), 1.0), axis=-1)
    return adjusted
