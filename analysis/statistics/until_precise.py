"""Simulate until the standard error is as small as requested, and report it.

What is estimated is a product of powers of means, as ERT is: mean cost / mean hit. Its logarithm has the influence
sum over columns of sign * value / mean, of mean 0, whose spread gives the standard error (delta method).
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
"""The relative standard errors at which a simulation ends: where a verdict hangs on it, and else."""
MOST, MOST_EVALUATIONS = (20_000, 250_000), 30_000_000
"""It ends after so many evaluations, at least and at most so many searches, whatever its error is; that is told."""
PATIENCE = 10
"""So many times as many searches where :data:`ERROR` is wanted. By parameter on softmax-4096x2560 it takes 7 times."""
AT_ONCE, EVALUATIONS_AT_ONCE = 5_000, 1_000_000
"""Searches and evaluations at a time."""


@dataclass(frozen=True)
class Simulated:
    """A positive number from a simulation.

    Attributes:
        value: inf where a mean in its denominator is 0; nan where one in its numerator is 0 too.
        error: relative standard error; nan where there is no value.
        searches: how many were simulated.
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
    """By name, the product of the columns' means, each to the power of its sign.

    Args:
        block: so many independent searches, a row each, by name; [searches, columns].
        signs: of the columns, 1 for the numerator and -1 for the denominator.
        drawn: evaluations of a search: what it takes of memory and time.
        wanted: the relative standard error to reach.
        most: searches; ``None``: by ``drawn``.
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
