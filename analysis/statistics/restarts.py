"""Simulated restarts: how long a search takes that restarts until it hits.

A run that missed is charged its own cost, not a mean cost, so that the law of the total keeps its spread (the
bootstrapped runtimes of COCO: Hansen et al. 2021, section 4.3). The mean of the total is ERT.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def simulate(cost: ArrayLike, hit: ArrayLike, draws: int, rng: np.random.Generator) -> Floats:
    """Simulate the total cost of ``draws`` searches whose runs are drawn with replacement; inf without a hit. [draws]

    Args:
        cost: T of each run, or all that it spent without a hit. [runs]
        hit: whether each run hit. [runs]
    """
    spent = np.asarray(cost, dtype=np.float64)
    success = np.asarray(hit, dtype=bool)
    if len(spent) == 0:
        raise ValueError("expected at least one run")
    if not success.any():
        return np.full(draws, np.inf)
    misses = rng.geometric(float(success.mean()), draws) - 1
    totals = rng.choice(spent[success], draws)
    if misses.any():
        paid = rng.choice(spent[~success], int(misses.sum()))
        totals = totals + np.bincount(np.repeat(np.arange(draws), misses), paid, minlength=draws)
    return np.asarray(totals, dtype=np.float64)
