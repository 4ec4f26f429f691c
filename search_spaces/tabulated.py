"""Expressions over few combinations of values, evaluated once for each combination and looked up from then on.

Most rules and features mention one parameter or two. A strategy that searches a space too large to list evaluates them
for thousands of rows at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from search_spaces.expression_values import Array

Codes = NDArray[np.int32]
Evaluate = Callable[[Codes], Array]
"""From rows of codes, [n, d], to the results of an expression, [n]."""

ABSENT = 2
"""Codes of a parameter without a value, -1 and -2; as indices, they count from the end."""
MAX_CELLS = 1 << 14


@dataclass
class Tabulated:
    """The results of one expression, from a table of all combinations of codes.

    The table is made once as many rows were evaluated as it has cells, so that it never costs more than it saves.

    Args:
        indices: the positions of the parameters whose codes decide the result, ascending.
        sizes: the numbers of their values.
    """

    indices: Sequence[int]
    sizes: Sequence[int]
    _evaluated: int = field(default=0, init=False)
    _table: Array | None = field(default=None, init=False)

    @cached_property
    def cells(self) -> int:
        """The number of combinations of codes, those of parameters without a value included."""
        return prod(size + ABSENT for size in self.sizes)

    def __call__(self, evaluate: Evaluate, codes: Codes) -> Array:
        """The results of ``evaluate``, always the same expression, in rows of codes, [n, d]: [n]."""
        if self._table is None:
            self._evaluated += len(codes)
            if self._evaluated < self.cells or self.cells > MAX_CELLS or not self.indices:
                return evaluate(codes)
            self._table = self._all(evaluate, codes.shape[1])
        return np.asarray(self._table[tuple(codes[:, i] for i in self.indices)])

    def _all(self, evaluate: Evaluate, width: int) -> Array:
        """The result in every combination, an axis for each parameter; the codes -2 and -1 come last."""
        shape = [size + ABSENT for size in self.sizes]
        codes = np.zeros((self.cells, width), dtype=np.int32)
        for i, size, at in zip(self.indices, self.sizes, np.indices(shape), strict=True):
            codes[:, i] = np.where(at < size, at, at - size - ABSENT).ravel()
        return evaluate(codes).reshape(shape)
