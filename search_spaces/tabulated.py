"""Rules over few combinations of values, judged once for each combination and looked up from then on.

Most rules mention one parameter or two. A strategy that searches a space too large to list judges them for thousands of
rows at every step, and a lookup takes a tenth of the time of an evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from search_spaces.expression_values import Mask

Codes = NDArray[np.int32]
Judge = Callable[[Codes], Mask]
"""Whether a rule holds in rows of codes, [n, d]: [n]."""

ABSENT = 2
"""Codes of a parameter without a value, -1 and -2; as indices, they count from the end."""
MAX_CELLS = 1 << 16


@dataclass
class Tabulated:
    """A rule that is judged row by row until this has cost as much as a table of all combinations.

    Args:
        indices: the positions of the parameters whose codes decide the rule, ascending.
        sizes: the numbers of their values.
    """

    indices: Sequence[int]
    sizes: Sequence[int]
    _judged: int = field(default=0, init=False)
    _table: Mask | None = field(default=None, init=False)

    @cached_property
    def cells(self) -> int:
        """The number of combinations of codes, those of parameters without a value included."""
        return prod(size + ABSENT for size in self.sizes)

    def __call__(self, judge: Judge, codes: Codes) -> Mask:
        """Whether the rule that ``judge`` evaluates holds in rows of codes, [n, d]: [n]."""
        if self._table is None:
            self._judged += len(codes)
            if self._judged < self.cells or self.cells > MAX_CELLS or not self.indices:
                return judge(codes)
            self._table = self._all(judge, codes.shape[1])
        return np.asarray(self._table[tuple(codes[:, i] for i in self.indices)])

    def _all(self, judge: Judge, width: int) -> Mask:
        """The rule in every combination, an axis for each parameter; the codes -2 and -1 come last."""
        shape = [size + ABSENT for size in self.sizes]
        codes = np.zeros((self.cells, width), dtype=np.int32)
        for i, size, at in zip(self.indices, self.sizes, np.indices(shape), strict=True):
            codes[:, i] = np.where(at < size, at, at - size - ABSENT).ravel()
        return judge(codes).reshape(shape)
