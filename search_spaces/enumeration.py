"""Complete partial configurations to all feasible ones, pruning each branch as soon as a rule can tell.

Rows of codes are expanded one parameter at a time, whole blocks at once: code ``i`` stands for
``values[i]``, ``INACTIVE`` for an absent parameter, ``FREE`` for "every value". A rule is applied at the first level
at which everything that it depends on is placed; parameters are placed in the order that brings the cheapest
rules forward. Blocks are taken depth first, which bounds memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log2

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import SpaceTooLarge
from search_spaces.expression import Array, Expression, Mask
from search_spaces.parameter import Parameter

Codes = NDArray[np.int32]

INACTIVE = -1
FREE = -2
BLOCK_ROWS = 1 << 17
MAX_VISITED_ROWS = 400_000_000


@dataclass(frozen=True)
class Rules:
    """Parameters, their conditions, and the constraints over them, ready to be applied to blocks of codes.

    ``conditions[i]`` is the activity expression of parameter ``i`` or ``None``.
    """

    parameters: tuple[Parameter, ...]
    conditions: tuple[Expression | None, ...]
    constraints: tuple[Expression, ...]
    constants: dict[str, Array]

    @cached_property
    def index(self) -> dict[str, int]:
        """Position by parameter name."""
        return {parameter.name: i for i, parameter in enumerate(self.parameters)}

    def dependencies(self, expression: Expression) -> frozenset[int]:
        """Parameters that must be placed before ``expression`` can be judged, ancestors included."""
        found: set[int] = set()
        pending = [self.index[name] for name in expression.names if name in self.index]
        while pending:
            i = pending.pop()
            if i in found:
                continue
            found.add(i)
            condition = self.conditions[i]
            if condition is not None:
                pending.extend(self.index[name] for name in condition.names if name in self.index)
        return frozenset(found)

    def _columns(self, expression: Expression, codes: Codes) -> dict[str, Array]:
        columns = dict(self.constants)
        for name in expression.mentions & self.index.keys():
            i = self.index[name]
            columns[name] = self.parameters[i].column[codes[:, i]]
        return columns

    def _active(self, expression: Expression, codes: Codes) -> dict[str, Mask]:
        return {name: codes[:, self.index[name]] >= 0 for name in expression.activities}

    def mentioned_active(self, expression: Expression, codes: Codes) -> Mask:
        """Rows in which every mentioned parameter is active, shape ``[n]``."""
        mask = np.ones(len(codes), dtype=bool)
        for name in expression.mentions & self.index.keys():
            mask &= codes[:, self.index[name]] >= 0
        return mask

    def _holds(self, expression: Expression, codes: Codes) -> Mask:
        return expression.holds(self._columns(expression, codes), self._active(expression, codes), len(codes))

    def values(self, expression: Expression, codes: Codes) -> NDArray[np.float64]:
        """The expression as numbers, NaN where undefined or where a mentioned parameter is inactive."""
        numbers = np.full(len(codes), np.nan)
        rows = np.flatnonzero(self.mentioned_active(expression, codes))
        part = codes[rows]
        result = expression.evaluate(self._columns(expression, part), self._active(expression, part), len(rows))
        numbers[rows] = np.where(result.undefined, np.nan, result.values.astype(np.float64))
        return numbers

    def active(self, i: int, codes: Codes) -> Mask:
        """Where parameter ``i`` is active, given the codes of its ancestors, shape ``[n]``."""
        condition = self.conditions[i]
        if condition is None:
            return np.ones(len(codes), dtype=bool)
        mask = self.mentioned_active(condition, codes)
        rows = np.flatnonzero(mask)
        mask[rows] = self._holds(condition, codes[rows])
        return mask

    def satisfied(self, constraint: Expression, codes: Codes) -> Mask:
        """Where a constraint holds; vacuously where it mentions an inactive parameter, shape ``[n]``."""
        mask = np.ones(len(codes), dtype=bool)
        rows = np.flatnonzero(self.mentioned_active(constraint, codes))
        mask[rows] = self._holds(constraint, codes[rows])
        return mask

    def deactivate(self, codes: Codes) -> Codes:
        """Codes with every inactive parameter's set to ``INACTIVE``."""
        codes = codes.copy()
        for i in range(len(self.parameters)):
            if self.conditions[i] is not None:
                codes[~self.active(i, codes), i] = INACTIVE
        return codes

    def feasible(self, codes: Codes) -> Mask:
        """Where every constraint holds, shape ``[n]``."""
        mask = np.ones(len(codes), dtype=bool)
        for constraint in self.constraints:
            rows = np.flatnonzero(mask)
            mask[rows] = self.satisfied(constraint, codes[rows])
        return mask

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The order in which parameters are placed: cheapest judgeable constraint first."""
        placed: list[int] = []
        waiting = [self.dependencies(constraint) for constraint in self.constraints]
        conditioned = [
            self.dependencies(condition) | {i} if condition else frozenset({i})
            for i, condition in enumerate(self.conditions)
        ]

        def cost(needs: frozenset[int]) -> float:
            return sum(log2(self.parameters[i].size) for i in needs if i not in placed)

        while waiting:
            cheapest = min(waiting, key=cost)
            waiting.remove(cheapest)
            placed.extend(i for i in sorted(cheapest) if i not in placed)
        for needs in conditioned:
            placed.extend(i for i in sorted(needs) if i not in placed)
        return tuple(placed)

    @cached_property
    def checks(self) -> tuple[tuple[Expression, ...], ...]:
        """The constraints to apply after each level of ``order``."""
        level = {i: position for position, i in enumerate(self.order)}
        checks: list[list[Expression]] = [[] for _ in self.order]
        for constraint in self.constraints:
            needs = self.dependencies(constraint)
            checks[max((level[i] for i in needs), default=0)].append(constraint)
        return tuple(tuple(check) for check in checks)

    def complete(self, templates: Codes) -> Iterator[Codes]:
        """Blocks of all feasible completions of ``templates`` (shape ``[n, d]``, ``FREE`` where open).

        Raises:
            SpaceTooLarge: when too many partial configurations had to be visited.
        """
        stack: list[tuple[int, Codes]] = [(0, templates)]
        visited = 0
        while stack:
            level, rows = stack.pop()
            if len(rows) == 0:
                continue
            if level == len(self.order):
                yield rows
                continue
            i = self.order[level]
            size = self.parameters[i].size
            limit = max(1, BLOCK_ROWS // size)
            if len(rows) > limit and bool(np.any(rows[:, i] == FREE)):
                stack.append((level, rows[limit:]))
                rows = rows[:limit]
            rows = self._place(i, rows)
            visited += len(rows)
            if visited > MAX_VISITED_ROWS:
                raise SpaceTooLarge(f"more than {MAX_VISITED_ROWS} partial configurations to enumerate")
            for constraint in self.checks[level]:
                rows = rows[self.satisfied(constraint, rows)]
            stack.append((level + 1, rows))

    def _place(self, i: int, rows: Codes) -> Codes:
        active = self.active(i, rows)
        absent = rows[~active]
        absent[:, i] = INACTIVE
        present = rows[active]
        free = present[:, i] == FREE
        size = self.parameters[i].size
        expanded = np.repeat(present[free], size, axis=0)
        expanded[:, i] = np.tile(np.arange(size, dtype=np.int32), int(free.sum()))
        return np.concatenate([absent, present[~free], expanded])


def lexicographic(codes: Codes) -> Codes:
    """Rows sorted by the first column, then the second, …; shape kept."""
    if codes.shape[1] == 0:
        return codes
    return codes[np.lexsort(codes.T[::-1])]


def searchable(codes: Codes) -> NDArray[np.bytes_]:
    """One fixed-width byte string a row whose order is the rows' lexicographic order, shape ``[n]``."""
    big_endian = np.ascontiguousarray((codes - FREE).astype(">u4"))
    return big_endian.view(f"S{4 * codes.shape[1]}").reshape(len(codes))


def concatenated(blocks: Sequence[Codes], width: int) -> Codes:
    """The blocks as one array, also when there is none."""
    return np.concatenate(blocks) if blocks else np.empty((0, width), dtype=np.int32)
