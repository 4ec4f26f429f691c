"""New configurations in spaces too large to list: draws by branch, and single changes of known configurations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.strategies.common.draws import completed, drawn
from search_spaces.encoding import Codes
from search_spaces.space import SearchSpace

ROUNDS = 8
"""Rounds of replacing rejected draws before constraints count as too tight."""


def feasible_draws(space: SearchSpace, rng: np.random.Generator, n: int) -> Codes:
    """At most ``n`` feasible rows, [m, d], each active parameter drawn uniformly, so that small branches are equally
    likely.

    Uniform draws of configurations favour a branch by the product of its parameters' sizes, which may be a thousand to
    one. Returns fewer than ``n`` rows if constraints reject most draws.
    """
    kept: list[Codes] = []
    missing = n
    for _ in range(ROUNDS):
        rows = drawn(space, rng, 2 * missing)
        kept.append(rows[space.feasible(rows)][:missing])
        missing -= len(kept[-1])
        if missing == 0:
            break
    return np.concatenate(kept)


def exchanges(space: SearchSpace, rows: Codes, rng: np.random.Generator) -> tuple[Codes, NDArray[np.intp]]:
    """The feasible rows, [m, d], that differ from one of ``rows``, [k, d], in one parameter, and the index of that row,
    [m].

    A parameter takes any other value. Newly active parameters are drawn, whereas
    :meth:`~search_spaces.space.SearchSpace.neighbour_codes` lists every combination, which for a branch with a
    thousand times as many configurations as its siblings would be tens of thousands.
    """
    changed: list[Codes] = []
    origins: list[NDArray[np.intp]] = []
    for i, parameter in enumerate(space.parameters):
        others = np.arange(parameter.size, dtype=np.int32)[:, None] != rows[:, i]
        code, origin = np.nonzero(others & (rows[:, i] >= 0))
        changed.append(rows[origin])
        changed[-1][:, i] = code
        origins.append(origin)
    made = completed(space, np.concatenate(changed), rng)
    feasible = space.feasible(made)
    return made[feasible], np.concatenate(origins)[feasible]
