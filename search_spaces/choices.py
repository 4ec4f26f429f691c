"""Select a few configurations that together show every choice of a space."""

from __future__ import annotations

import numpy as np

from search_spaces.enumeration import Codes
from search_spaces.space import SearchSpace

DRAWN = 4096
"""The number of rows that are examined if a space cannot be listed, or has more."""


def one_of_each(space: SearchSpace, limit: int = 24, seed: int = 0) -> Codes:
    """Select a row for each combination of the unordered parameters' values, then for each value not seen yet.

    Args:
        limit: the most rows; combinations come first, in a random order.

    Returns:
        Rows of codes, shape ``[n, d]``, ``n <= limit``.
    """
    rng = np.random.default_rng(seed)
    if space.enumerable and space.size <= DRAWN:
        rows = rng.permutation(space.codes())
    else:
        rows = space.sample_codes(rng, DRAWN)
    structure = [i for i, parameter in enumerate(space.parameters) if not parameter.ordered and parameter.size <= 16]
    picked = _first_of_each(rows[:, structure])[:limit] if structure else [0][: len(rows)]
    seen = {(i, int(rows[at, i])) for at in picked for i in range(rows.shape[1])}
    for at, row in enumerate(rows):
        fresh = {(i, int(code)) for i, code in enumerate(row)} - seen
        if fresh and len(picked) < limit:
            picked.append(at)
            seen |= fresh
    return rows[picked]


def _first_of_each(rows: Codes) -> list[int]:
    found: dict[tuple[int, ...], int] = {}
    for at, row in enumerate(rows.tolist()):
        found.setdefault(tuple(row), at)
    return list(found.values())
