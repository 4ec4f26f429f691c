"""Conditions and constraints as sets of values, for libraries without expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from search_spaces.expression import Expression
from search_spaces.parameter import Parameter, Permutation
from search_spaces.space import SearchSpace

MAX_COMBINATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Membership:
    """Parameter ``index`` has one of the values of ``codes``."""

    index: int
    codes: tuple[int, ...]


def memberships(space: SearchSpace, i: int) -> tuple[Membership, ...] | None:
    """The memberships that all hold exactly if parameter ``i`` is active; empty if it always is.

    Found by trying every combination of its parents' values, so that ``a != 1``, ``a > 1`` and ``a in (2, 3)`` are the
    same. ``None`` if the condition is not such a conjunction (``a == 1 or b == 2``, or one on a permutation).
    """
    condition = space.parameters[i].condition
    if condition is None:
        return ()
    names = Expression(condition).names
    parents = [index for index, name in enumerate(space.names) if name in names]
    sizes = [space.parameters[index].size + 1 for index in parents]
    if not parents or prod(sizes) > MAX_COMBINATIONS or _permuted(space.parameters[index] for index in parents):
        return None
    codes = np.full((prod(sizes), len(space.parameters)), -1, dtype=np.int32)
    # One beyond a parameter's last code stands for inactive.
    codes[:, parents] = np.where((grid := _grid(sizes)) == np.array(sizes) - 1, -1, grid)
    holds = space.active(i, codes).reshape(sizes)
    tried = [np.moveaxis(holds, axis, 0).reshape(size, -1) for axis, size in enumerate(sizes)]
    axes = [np.asarray(rows.any(axis=1)) for rows in tried]
    if any(axis[-1] for axis in axes) or not holds.any() or not np.array_equal(reduce(np.multiply.outer, axes), holds):
        return None
    return tuple(
        Membership(index, tuple(np.flatnonzero(axis).tolist())) for index, axis in zip(parents, axes, strict=True)
    )


def forbidden(space: SearchSpace, constraint: str, most: int) -> list[tuple[Membership, ...]] | None:
    """Conjunctions of memberships, any of which breaks the constraint.

    ``None`` if there are more than ``most``, or the constraint mentions activity or a permutation.
    """
    expression = Expression(constraint)
    involved = [index for index, name in enumerate(space.names) if name in expression.mentions]
    involved.sort(key=lambda index: space.parameters[index].size)
    parameters = [space.parameters[index] for index in involved]
    sizes = [parameter.size for parameter in parameters]
    if expression.activities or not involved or prod(sizes) > MAX_COMBINATIONS or _permuted(iter(parameters)):
        return None
    alone = SearchSpace([_unconditional(p) for p in parameters], (constraint,), space.constants)
    broken = ~alone.feasible(_grid(sizes)).reshape(-1, sizes[-1])
    rows = np.flatnonzero(broken.any(axis=1))
    if len(rows) > most:
        return None
    return [
        (
            *(Membership(index, (code,)) for index, code in zip(involved, others.tolist(), strict=False)),
            Membership(involved[-1], tuple(np.flatnonzero(broken[row]).tolist())),
        )
        for row, others in zip(rows, _grid(sizes[:-1])[rows], strict=True)
    ]


def _grid(sizes: list[int]) -> NDArray[np.int32]:
    """Every combination of codes, the last one fastest: [product, n]."""
    return np.indices(sizes, dtype=np.int32).reshape(len(sizes), -1).T if sizes else np.zeros((1, 0), dtype=np.int32)


def _permuted(parameters: Iterator[Parameter]) -> bool:
    return any(isinstance(parameter, Permutation) for parameter in parameters)


def _unconditional(parameter: Parameter) -> Parameter:
    return parameter if parameter.condition is None else replace(parameter, active_when=None)  # type: ignore[call-arg]
