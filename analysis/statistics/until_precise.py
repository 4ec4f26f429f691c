"""Simulate until the standard error is as small as requested, and report it.

The estimated quantity is a product of powers of means, such as ERT: mean cost / mean hit. Each search influences its
logarithm by the sum over columns of sign * value / mean, which has mean 0 when centred; the spread of this influence
gives the standard error (delta method).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Name = TypeVar("Name", bound=Hashable)
Floats = NDArray[np.float64]
ERROR, ROUGH = 0.003, 0.01
"""The relative standard errors at which a simulation ends: if a verdict depends on it, and otherwise."""
MOST, MOST_EVALUATIONS = (20_000, 250_000), 30_000_000
"""A simulation also ends, whatever its error, after this many evaluations, within these least and most searches. The
report says if it did."""
PATIENCE = 10
"""The factor on the most searches if :data:`ERROR` is wanted; by parameter on softmax-4096x2560 it takes 7 times."""
AT_ONCE, EVALUATIONS_AT_ONCE = 5_000, 1_000_000
"""The most searches and evaluations in one block."""


@dataclass(frozen=True)
class Simulated:
    """A positive number from a simulation.

    Attributes:
        value: the estimate; inf if a mean in its denominator is 0, and nan if one in its numerator is 0 too.
        error: relative standard error; nan if there is no value.
        searches: the number of simulated searches.
        wanted: the requested error.
    """

    value: float
    error: float
    searches: int
    wanted: float = ERROR

    @property
    def precise(self) -> bool:
        """Whether the requested error was reached."""
        return bool(self.error <= self.wanted)


def until_precise(
    block: Callable[[int, np.random.Generator], Mapping[Name, Floats]],
    signs: tuple[float, ...],
    rng: np.random.Generator,
    drawn: int,
    wanted: float = ERROR,
    most: int | None = None,
) -> dict[Name, Simulated]:
    """Estimate, for each name, the product of the columns' means, each to the power of its sign.

    Args:
        block: simulates a number of independent searches and returns a row for each, by name; [searches, columns].
        signs: the exponent of each column, 1 in the numerator and -1 in the denominator.
        drawn: evaluations of a search, which determine its memory and time.
        wanted: the relative standard error to reach.
        most: the most searches; ``None``: derived from ``drawn``.
    """
    most = most or int(np.clip(MOST_EVALUATIONS // drawn, *MOST)) * (PATIENCE if wanted <= ERROR else 1)
    size = int(np.clip(EVALUATIONS_AT_ONCE // drawn, 100, AT_ONCE))
    powers = np.array(signs)
    sums: dict[Name, tuple[Floats, Floats]] = {}
    results: dict[Name, Simulated] = {}
    n = 0
    while n < most and not (results and all(result.precise for result in results.values())):
        searches = min(most - n, size)
        n += searches
        for name, rows in block(searches, rng).items():
            mean, squares = sums.get(name, (np.zeros(len(powers)), np.zeros((len(powers), len(powers)))))
            sums[name] = mean + rows.sum(axis=0), squares + rows.T @ rows
        results = {name: _product(total / n, squares / n, powers, n, wanted) for name, (total, squares) in sums.items()}
    return results


def _product(mean: Floats, squares: Floats, powers: Floats, n: int, wanted: float) -> Simulated:
    if (mean <= 0).any():
        nothing = float("nan") if (mean[powers > 0] <= 0).any() else float("inf")
        return Simulated(nothing, float("nan"), n, wanted)
    weights = powers / mean
    covariance = (squares - np.outer(mean, mean)) * (n / (n - 1))
    error = float(np.sqrt(max(0.0, float(weights @ covariance @ weights)) / n))
    return Simulated(float(np.exp(powers @ np.log(mean))), error, n, wanted)
