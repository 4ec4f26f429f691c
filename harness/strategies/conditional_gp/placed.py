"""The points of the configurations of a run, each computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.strategies.conditional_gp.candidate_sources import Placing
from search_spaces.encoding import Codes, Floats


class Placed:
    """Points by row of codes: an ask needs those of all observations, of which the last ask knew all but a few.

    Args:
        encoding: maps codes to points.
    """

    def __init__(self, encoding: Placing) -> None:
        self.encoding = encoding
        self._points: dict[bytes, Floats] = {}

    def add(self, codes: Codes, point: Floats) -> None:
        """Keep the ``point`` [D] of a row of codes [d]."""
        self._points[codes.tobytes()] = point

    def points(self, rows: Sequence[Codes]) -> Floats:
        """The points, [n, D], of at least one row of codes."""
        unknown = [row for row in rows if row.tobytes() not in self._points]
        if unknown:
            for row, point in zip(unknown, self.encoding.points(np.array(unknown)), strict=True):
                self.add(row, point)
        return np.array([self._points[row.tobytes()] for row in rows])
