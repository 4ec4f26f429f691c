"""Complete partial configurations to all feasible ones, and prune each branch as soon as a rule excludes it.

Rows of codes are expanded one parameter at a time, in whole blocks: code ``i`` means ``values[i]``, ``INACTIVE`` an
absent parameter, and ``FREE`` "every value". A rule is applied at the first level at which all parameters that it
depends on are placed. Parameters are placed in an order in which the cheapest rules come first. Blocks are processed
depth first, which bounds memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import SpaceTooLarge
from search_spaces.expression import Expression
from search_spaces.expression_types import Types, types_of
from search_spaces.expression_values import Array, Mask, numbers
from search_spaces.parameter import Parameter
from search_spaces.tabulated import Evaluate, Tabulated

Codes = NDArray[np.int32]

INACTIVE = -1
FREE = -2
BLOCK_CODES = 1 << 19
"""One block of each level may be waiting; a block takes some MB, however many parameters there are."""
MAX_VISITED_CODES = 1_500_000_000


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
        """The position of each parameter, by name."""
        return {parameter.name: i for i, parameter in enumerate(self.parameters)}

    def dependencies(self, expression: Expression) -> frozenset[int]:
        """The parameters that must be placed before ``expression`` can be judged, including their ancestors."""
        needed: set[int] = set()
        pending = [self.index[name] for name in expression.names if name in self.index]
        while pending:
            i = pending.pop()
            if i in needed:
                continue
            needed.add(i)
            condition = self.conditions[i]
            if condition is not None:
                pending.extend(self.index[name] for name in condition.names if name in self.index)
        return frozenset(needed)

    def _columns(self, expression: Expression, codes: Codes) -> dict[str, Array]:
        columns = dict(self.constants)
        for name in expression.mentions & self.index.keys():
            i = self.index[name]
            columns[name] = self.parameters[i].column[codes[:, i]]
        return columns

    def types(self, expression: Expression) -> Types:
        """The types that an expression's value may have.

        Raises:
            SpaceError: an operation fits no value of its operands.
        """
        known = {name: types_of(value.tolist()) for name, value in self.constants.items()}
        known |= {parameter.name: types_of(parameter.values) for parameter in self.parameters}
        return expression.types(known)

    def _active(self, expression: Expression, codes: Codes) -> dict[str, Mask]:
        return {name: codes[:, self.index[name]] >= 0 for name in expression.activities}

    def mentioned_active(self, expression: Expression, codes: Codes) -> Mask:
        """The rows in which every mentioned parameter is active, shape ``[n]``."""
        mask = np.ones(len(codes), dtype=bool)
        for name in expression.mentions & self.index.keys():
            mask &= codes[:, self.index[name]] >= 0
        return mask

    def _holds(self, expression: Expression, codes: Codes) -> Mask:
        return expression.holds(self._columns(expression, codes), self._active(expression, codes), len(codes))

    def values(self, expression: Expression, codes: Codes) -> NDArray[np.float64]:
        """The expression's values as numbers, NaN where it is undefined or a mentioned parameter is inactive."""

        def evaluated(codes: Codes) -> NDArray[np.float64]:
            values = np.full(len(codes), np.nan)
            rows = np.flatnonzero(self.mentioned_active(expression, codes))
            part = codes[rows]
            columns, active = self._columns(expression, part), self._active(expression, part)
            result = numbers(expression.evaluate(columns, active, len(rows)))
            values[rows] = np.where(result.undefined, np.nan, result.values.astype(np.float64))
            return values

        return self._looked_up("value", expression, evaluated, codes)

    def active(self, i: int, codes: Codes) -> Mask:
        """The rows in which parameter ``i`` is active, given the codes of its ancestors, shape ``[n]``."""
        condition = self.conditions[i]
        if condition is None:
            return np.ones(len(codes), dtype=bool)
        return self._judged(condition, codes, vacuous=False)

    def satisfied(self, constraint: Expression, codes: Codes) -> Mask:
        """The rows in which a constraint holds, also because it mentions an inactive parameter, shape ``[n]``."""
        return self._judged(constraint, codes, vacuous=True)

    def _judged(self, rule: Expression, codes: Codes, vacuous: bool) -> Mask:
        """The rows in which a rule holds, or is ``vacuous`` as it mentions an inactive parameter, shape ``[n]``."""

        def evaluated(codes: Codes) -> Mask:
            mask = np.full(len(codes), vacuous)
            rows = np.flatnonzero(self.mentioned_active(rule, codes))
            mask[rows] = self._holds(rule, codes[rows])
            return mask

        return self._looked_up("vacuous" if vacuous else "holds", rule, evaluated, codes)

    def _looked_up(
        self, use: Literal["value", "holds", "vacuous"], expression: Expression, evaluate: Evaluate, codes: Codes
    ) -> Array:
        """The results of an expression for a use of it, from a table if there are few combinations of codes."""
        key = use, expression.source
        if key not in self._tabulated:
            indices = sorted(self.index[name] for name in expression.names if name in self.index)
            self._tabulated[key] = Tabulated(indices, [self.parameters[i].size for i in indices])
        return self._tabulated[key](evaluate, codes)

    @cached_property
    def _tabulated(self) -> dict[tuple[str, str], Tabulated]:
        return {}

    def deactivate(self, codes: Codes) -> Codes:
        """Set the code of every inactive parameter to ``INACTIVE``; the shape is kept."""
        codes = codes.copy()
        for i, active in self._conditional(codes):
            codes[~active, i] = INACTIVE
        return codes

    def canonical(self, codes: Codes) -> Mask:
        """The rows in which every active parameter has a value, and no other, shape ``[n]``."""
        always = [condition is None for condition in self.conditions]
        mask: Mask = np.all(codes[:, always] >= 0, axis=1)
        for i, active in self._conditional(codes):
            mask &= np.where(active, codes[:, i] >= 0, codes[:, i] == INACTIVE)
        return mask

    def _conditional(self, codes: Codes) -> Iterator[tuple[int, Mask]]:
        """Each parameter with a condition, and the rows in which it is active, shape ``[n]``; codes may change between.

        A condition is judged once for all its parameters: what it mentions is placed before the first of them.
        """
        judged: dict[str, Mask] = {}
        for i, condition in enumerate(self.conditions):
            if condition is not None:
                if condition.source not in judged:
                    judged[condition.source] = self.active(i, codes)
                yield i, judged[condition.source]

    def feasible(self, codes: Codes) -> Mask:
        """The rows in which every constraint holds, shape ``[n]``."""
        mask = np.ones(len(codes), dtype=bool)
        for constraint in self.constraints:
            rows = np.flatnonzero(mask)
            mask[rows] = self.satisfied(constraint, codes[rows])
        return mask

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The order of placing parameters: those of the cheapest constraints first, then those that decide activity."""
        placed: list[int] = []
        waiting = [self.dependencies(constraint) for constraint in self.constraints]
        deciding = [self.dependencies(condition) for condition in self.conditions if condition is not None]

        def cost(needs: frozenset[int]) -> float:
            return sum(log2(self.parameters[i].size) for i in needs if i not in placed)

        while waiting:
            cheapest = min(waiting, key=cost)
            waiting.remove(cheapest)
            placed.extend(i for i in sorted(cheapest) if i not in placed)
        for needs in (*deciding, frozenset(range(len(self.parameters)))):
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

    def complete(self, templates: Codes, limit: int) -> Iterator[Codes]:
        """Yield all feasible completions of ``templates`` (shape ``[n, d]``, ``FREE`` where open) in blocks.

        Raises:
            SpaceTooLarge: there are more than ``limit``, or too many partial configurations had to be visited.
        """
        unchecked, settled = self._free_levels
        stack: list[tuple[int, Codes]] = []
        visited, certain = 0, 0.0
        level, rows = 0, templates
        while True:
            if level in (unchecked, settled):
                at_least = self._at_least(level, rows)
                if certain + at_least > limit:
                    raise SpaceTooLarge(f"more than {limit} feasible configurations")
                certain += at_least if level == settled else 0
            if level == len(self.order) and len(rows):
                yield rows
            elif len(rows):
                stack.append((level, rows))
            if not stack:
                return
            level, rows = stack.pop()
            room = max(1, BLOCK_CODES // (self.parameters[self.order[level]].size * len(self.order)))
            if len(rows) > room:
                stack.append((level, rows[room:]))
            rows = self._place(self.order[level], rows[:room])
            visited += rows.size
            if visited > MAX_VISITED_CODES:
                raise SpaceTooLarge("too many partial configurations to enumerate: the constraints prune too late")
            for constraint in self.checks[level]:
                rows = rows[self.satisfied(constraint, rows)]
            level += 1

    @cached_property
    def _free_levels(self) -> tuple[int, int]:
        """The level after which no constraint is left to check, and the one after which no activity is undecided."""
        unchecked = max((level + 1 for level, checks in enumerate(self.checks) if checks), default=0)
        deciding = [self.dependencies(condition) for condition in self.conditions if condition is not None]
        decided = max((self.order.index(i) + 1 for needs in deciding for i in needs), default=0)
        return unchecked, max(unchecked, decided)

    def _at_least(self, level: int, rows: Codes) -> float:
        """A lower bound on the completions of rows after the last check; it is exact once all activity is decided."""
        placed = frozenset(self.order[:level])
        ways = np.ones(len(rows))
        for i in self.order[level:]:
            condition = self.conditions[i]
            if condition is None or self.dependencies(condition) <= placed:
                with np.errstate(over="ignore"):
                    ways *= np.where((rows[:, i] == FREE) & self.active(i, rows), self.parameters[i].size, 1)
        return float(ways.sum())

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
    """Sort rows by the first column, then the second, and so on; the shape is kept."""
    if codes.shape[1] == 0:
        return codes
    return codes[np.lexsort(codes.T[::-1])]


def distinct(codes: Codes) -> tuple[Codes, NDArray[np.intp]]:
    """The distinct rows of codes in lexicographic order, and the first position of each; ``np.unique``, but faster."""
    _, first = np.unique(searchable(codes), return_index=True)
    return codes[first], first


def searchable(codes: Codes) -> NDArray[np.bytes_]:
    """Make a fixed-width byte string for each row; their order is the rows' lexicographic order. Shape ``[n]``."""
    big_endian = np.ascontiguousarray((codes - FREE).astype(">u4"))
    return big_endian.view(f"S{4 * codes.shape[1]}").reshape(len(codes))


def concatenated(blocks: Sequence[Codes], width: int) -> Codes:
    """Join the blocks into one array, even if there is no block."""
    return np.concatenate(blocks) if blocks else np.empty((0, width), dtype=np.int32)
