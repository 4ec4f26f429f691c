"""Draw configurations parameter by parameter, in declaration order, as most tuners do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_spaces.enumeration import INACTIVE, Codes
from search_spaces.space import SearchSpace


def completed(
    space: SearchSpace,
    codes: Codes,
    rng: np.random.Generator,
    choices: Sequence[NDArray[np.int32]] | None = None,
) -> Codes:
    """Rows made canonical: inactive parameters dropped, active ones without a value drawn uniformly.

    Constraints are not checked: the rows may be infeasible.

    Args:
        space: the search space.
        codes: rows, [n, d], ``-1`` for a value to draw if the parameter is active.
        rng: the generator.
        choices: codes to draw from, by parameter; every value by default.
    """
    codes = codes.copy()
    judged: dict[str, NDArray[np.bool_]] = {}  # parameters share conditions
    for i, parameter in enumerate(space.parameters):
        without = codes[:, i] < 0
        if parameter.condition is not None:
            if parameter.condition not in judged:
                judged[parameter.condition] = space.active(i, codes)
            active = judged[parameter.condition]
            without &= active
            codes[~active, i] = INACTIVE
        drawn = np.flatnonzero(without)
        if drawn.size:
            codes[drawn, i] = (
                rng.integers(parameter.size, size=drawn.size)
                if choices is None
                else rng.choice(choices[i], size=drawn.size)
            )
    return codes


def drawn(
    space: SearchSpace, rng: np.random.Generator, n: int, choices: Sequence[NDArray[np.int32]] | None = None
) -> Codes:
    """Rows whose active parameters are each drawn uniformly, [n, d]; they may be infeasible."""
    return completed(space, np.full((n, len(space.parameters)), INACTIVE, dtype=np.int32), rng, choices)
