"""Trust regions around a configuration: a box in the numbers, a number of changes in the categories.

Parameters active in only one of two configurations do not count: the change between two branches is
one change, independent of their own parameters. A box always holds the next value up and down, since between two
grid values it would fix a number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.strategies.common.draws import completed
from harness.strategies.trust_region.process import Points
from search_spaces.encoding import Codes, Floats, positions
from search_spaces.parameter import Permutation
from search_spaces.space import SearchSpace

MIDDLE = 0.5


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules by which a region grows, shrinks and ends.

    Attributes:
        length, length_min, length_max: initial, final and largest side of the box, for a length scale equal to the
            geometric mean of all.
        radius, radius_max: initial and largest number of changed categories.
        multiplier: factor by which a region grows and shrinks.
        successes, failures: numbers in a row after which it grows or shrinks.
    """

    length: float
    length_min: float
    length_max: float
    radius: int
    radius_max: int
    multiplier: float
    successes: int
    failures: int

    def begin(self) -> Region:
        """The initial region."""
        return Region(self.length, self.radius)

    def after(self, region: Region, improved: bool) -> Region:
        """The region after one more outcome, or the best of one batch."""
        successes, failures = (region.successes + 1, 0) if improved else (0, region.failures + 1)
        if successes == self.successes:
            return Region(
                min(region.length * self.multiplier, self.length_max),
                int(min(region.radius * self.multiplier, self.radius_max)),
            )
        if failures == self.failures:
            return Region(region.length / self.multiplier, int(region.radius / self.multiplier))
        return replace(region, successes=successes, failures=failures)

    def ended(self, region: Region) -> bool:
        """Whether to begin elsewhere; a space with one category has no radius to shrink."""
        return region.length <= self.length_min or (self.radius > 1 and region.radius <= 1)


@dataclass(frozen=True, slots=True)
class Region:
    """The size of a region, and its counters."""

    length: float
    radius: int
    successes: int = 0
    failures: int = 0


class Geometry:
    """The numbers and categories of a space, and membership of configurations in a region.

    Ordered parameters are numbers, booleans and categoricals categories, and so is each position of a permutation.

    Attributes:
        numbers, categories: indices of the parameters that vary.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        varying = [i for i, parameter in enumerate(space.parameters) if parameter.size > 1]
        self.numbers = [i for i in varying if space.parameters[i].ordered]
        self.categories = [i for i in varying if not space.parameters[i].ordered]
        self._positions = {i: positions(space.parameters[i]) for i in self.numbers}
        self._columns = {
            i: np.array([*parameter.values, (-1,) * parameter.length], dtype=np.int32)
            for i in self.categories
            if isinstance(parameter := space.parameters[i], Permutation)
        }

    def points(self, rows: Codes) -> Points:
        """Rows of codes, [n, d], for the process: inactive numbers in the middle, inactive categories as an extra
        value."""
        numbers = [np.append(self._positions[i], MIDDLE)[rows[:, i]] for i in self.numbers]
        categories = [self._columns[i][rows[:, i]] if i in self._columns else rows[:, [i]] for i in self.categories]
        return Points(
            np.stack(numbers, axis=1) if numbers else np.zeros((len(rows), 0)),
            np.hstack(categories) if categories else np.zeros((len(rows), 0), dtype=np.int32),
        )

    def inside(self, rows: Codes, centre: Codes, region: Region, weights: Floats) -> NDArray[np.bool_]:
        """Which rows, [n, d], lie in the region around ``centre``, [d]; sides of the box by ``weights``, [numbers]."""
        held = np.ones(len(rows), dtype=bool)
        for i, allowed in zip(self.numbers, self._allowed(centre, region, weights), strict=True):
            held &= np.append(allowed, True)[rows[:, i]]
        active = (rows[:, self.categories] >= 0) & (centre[self.categories] >= 0)
        changes = (active & (rows[:, self.categories] != centre[self.categories])).sum(axis=1)
        return np.asarray(held & (changes <= region.radius))

    def draws(self, centre: Codes, region: Region, weights: Floats, n: int, rng: np.random.Generator) -> Codes:
        """At most ``n`` feasible rows around ``centre`` in the region: with any number of parameters drawn anew."""
        values = dict(zip(self.numbers, map(np.flatnonzero, self._allowed(centre, region, weights)), strict=True))
        values |= {i: np.arange(self._space.parameters[i].size) for i in self.categories}
        values = {i: codes for i, codes in values.items() if centre[i] >= 0}
        share = rng.random(n)
        rows = np.repeat(centre[None], n, axis=0)
        for i, codes in values.items():
            changed = np.flatnonzero(rng.random(n) < share)
            rows[changed, i] = rng.choice(codes, size=changed.size)
        rows = completed(self._space, rows, rng)
        rows = rows[self._space.feasible(rows)]
        return rows[self.inside(rows, centre, region, weights)]

    def _allowed(self, centre: Codes, region: Region, weights: Floats) -> list[NDArray[np.bool_]]:
        """For each number, which of its values are in the box; all if it is inactive in the centre."""
        boxes = []
        for i, weight in zip(self.numbers, weights, strict=True):
            places, here = self._positions[i], int(centre[i])
            near = np.abs(places - places[here]) <= 0.5 * weight * region.length
            boxes.append(near | (np.abs(np.arange(len(places)) - here) <= 1) | (here < 0))
        return boxes


def box_weights(lengthscales: Floats) -> Floats:
    """Sides of a box by length scale, [d]: their product is 1 (Eriksson et al. 2019, *TuRBO*)."""
    return np.asarray(lengthscales / np.exp(np.mean(np.log(lengthscales)))) if lengthscales.size else lengthscales
