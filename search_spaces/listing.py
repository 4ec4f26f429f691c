"""The list of a feasible set."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from search_spaces.enumeration import Codes, lexicographic, searchable


class Listing:
    """Rows in lexicographic order, with a search for the position of a row.

    Args:
        rows: canonical codes in any order, shape ``[N, d]``.

    Attributes:
        rows: the same rows, ordered and read-only.
    """

    def __init__(self, rows: Codes) -> None:
        self.rows = lexicographic(rows)
        self.rows.flags.writeable = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def repeats(self) -> bool:
        """Whether a row occurs twice."""
        return len(self) > 1 and bool(np.any(np.all(self.rows[1:] == self.rows[:-1], axis=1)))

    @cached_property
    def keys(self) -> NDArray[np.bytes_]:
        """The sorted keys that are searched, [N]; made at the first search."""
        return searchable(self.rows)

    def row_of(self, codes: Codes) -> int | None:
        """Return the position of ``codes`` (shape ``[d]``, canonical), or ``None`` if they are not listed."""
        key = searchable(codes[None, :])[0]
        row = int(np.searchsorted(self.keys, key))
        return row if row < len(self.keys) and self.keys[row] == key else None

    def holds(self, codes: Codes) -> NDArray[np.bool_]:
        """Return which of ``codes`` (shape ``[n, d]``) are listed, [n]."""
        if len(self) == 0:
            return np.zeros(len(codes), dtype=bool)
        keys = searchable(codes)
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self) - 1)
        listed: NDArray[np.bool_] = np.equal(self.keys[rows], keys)
        return listed
