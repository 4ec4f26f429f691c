"""Repair a proposal: find the nearest feasible configuration that has not been visited yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.encoding import Floats, is_number, normalised, positions
from search_spaces.parameter import Parameter, Permutation, Value
from search_spaces.space import SearchSpace

Codes = NDArray[np.int32]

SAMPLES = 2048
STARTS = 5
TOLERANCE = 1e-9


class Visited:
    """The feasible configurations of a space that have already been asked."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._keys: set[bytes] = set()
        self.mask: NDArray[np.bool_] | None = np.zeros(space.size, dtype=bool) if space.enumerable else None

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, codes: object) -> bool:
        return isinstance(codes, np.ndarray) and codes.astype(np.int32).tobytes() in self._keys

    def among(self, codes: Codes) -> NDArray[np.bool_]:
        """Which rows of codes, [n, d], have been asked: [n]."""
        packed = codes.astype(np.int32).tobytes()
        width = 4 * codes.shape[1]
        return np.array([packed[i : i + width] in self._keys for i in range(0, len(packed), width)], dtype=bool)

    def add(self, codes: Codes) -> None:
        """Mark a feasible row of codes, [d], as visited."""
        self._keys.add(codes.astype(np.int32).tobytes())
        if self.mask is not None:
            row = self.space.row_of_codes(codes)
            assert row is not None, "only feasible configurations are visited"
            self.mask[row] = True

    @property
    def exhausted(self) -> bool:
        """Whether no configuration is left; always false if the space is too large to be listed."""
        return self.mask is not None and bool(self.mask.all())


def value_distances(parameter: Parameter, value: Any) -> Floats:
    """Distances of a proposed value to each of a parameter's values, then to *inactive*: [m + 1].

    The distance of numbers, also of those between the declared values, is their difference on the declared scale, on
    which the parameter's range is 1. The distance of permutations is the fraction of positions that differ. Other
    values have distance 0 or 1. ``None`` proposes *inactive*; active and inactive have distance 1.
    """
    out = np.ones(parameter.size + 1)
    if value is None:
        out[-1] = 0.0
    elif is_number(parameter):
        out[:-1] = np.abs(positions(parameter) - normalised(parameter, np.array([float(value)])))
    elif isinstance(parameter, Permutation):
        out[:-1] = (np.array(parameter.values) != np.array(tuple(value))).mean(axis=1)
    elif value in parameter.code_of:
        out[parameter.code_of[value]] = 0.0
    return out


def distances(space: SearchSpace, proposal: Mapping[str, Any], codes: Codes) -> Floats:
    """Sum :func:`value_distances` over the parameters, from one proposal to rows of codes: [n]."""
    total = np.zeros(len(codes))
    for i, parameter in enumerate(space.parameters):
        total += value_distances(parameter, proposal.get(parameter.name))[codes[:, i]]
    return total


def nearest_unvisited(
    space: SearchSpace, proposal: Mapping[str, Any], visited: Visited, rng: np.random.Generator
) -> dict[str, Value] | None:
    """Return the unvisited feasible configuration nearest to a proposal; ``None`` if none is left.

    ``rng`` breaks ties, so that the order of the table cannot leak into a strategy. If the space is too large to be
    listed, the result is the nearest configuration that differs in one value, or else the best that a descent over
    neighbours finds.

    Args:
        space: the search space.
        proposal: a value for some parameters; absent parameters are proposed as inactive. Values may break
            any rule, and numbers may lie between the declared ones.
        visited: the configurations not to return.
        rng: breaks ties.
    """
    if visited.mask is not None:
        rows = np.flatnonzero(~visited.mask)
        if rows.size == 0:
            return None
        return space.decode(space.codes()[rows[_closest(distances(space, proposal, space.codes()[rows]), rng)]])
    changed = _one_change(space, proposal, visited)
    if len(changed):
        return space.decode(changed[_closest(distances(space, proposal, changed), rng)])
    sample = space.sample_codes(rng, SAMPLES)
    order = np.argsort(distances(space, proposal, sample), kind="stable")[:STARTS]
    ends = [_descend(space, proposal, sample[i], visited, rng) for i in order]
    reached = np.array([row for row in ends if row is not None], dtype=np.int32)
    if len(reached) == 0:
        return None
    return space.decode(reached[_closest(distances(space, proposal, reached), rng)])


def _one_change(space: SearchSpace, proposal: Mapping[str, Any], visited: Visited) -> Codes:
    """Unvisited feasible rows, [n, d], that differ from the proposal in one parameter and in those it deactivates."""
    nearest = [value_distances(p, proposal.get(p.name))[:-1] for p in space.parameters]
    base = np.array([int(np.argmin(apart)) for apart in nearest], dtype=np.int32)
    rows = np.repeat(base[None], sum(p.size for p in space.parameters), axis=0)
    filled = 0
    for i, parameter in enumerate(space.parameters):
        rows[filled : filled + parameter.size, i] = np.arange(parameter.size)
        filled += parameter.size
    rows = np.unique(space.canonical_codes(rows), axis=0)
    rows = rows[space.feasible(rows)]
    fresh: Codes = rows[[row not in visited for row in rows]] if len(rows) else rows
    return fresh


def _closest(total: Floats, rng: np.random.Generator) -> int:
    return int(rng.choice(np.flatnonzero(total <= total.min() + TOLERANCE)))


def _descend(
    space: SearchSpace, proposal: Mapping[str, Any], row: Codes, visited: Visited, rng: np.random.Generator
) -> Codes | None:
    """Return the best unvisited row found by a descent over neighbours."""
    here = float(distances(space, proposal, row[None])[0])
    best = None if row in visited else row
    while True:
        around = space.neighbour_codes(row)
        if len(around) == 0:
            return best
        total = distances(space, proposal, around)
        fresh = np.array([neighbour not in visited for neighbour in around])
        if fresh.any() and (best is None or total[fresh].min() < distances(space, proposal, best[None])[0]):
            best = around[fresh][_closest(total[fresh], rng)]
        if total.min() >= here:
            return best
        row, here = around[_closest(total, rng)], float(total.min())
