"""Draw configurations by tournaments of random ones, decided by the rules of thumb or by other knowledge of a space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

import numpy as np

from search_spaces.encoding import Codes, Floats
from search_spaces.heuristic import Heuristic
from search_spaces.space import SearchSpace
from search_spaces.work import log_work_per_thread

Score = Callable[[Codes], Floats]
"""Scores, [n], of rows of codes, [n, d]; the lowest is the best, and NaN the worst."""
Round = tuple[int, Score]
"""A round of a tournament: the best of every so many rows goes on."""


def rounds(wanted: Sequence[tuple[int, Score | None]]) -> list[Round]:
    """The rounds that decide something: between several rows, by a score that is known."""
    return [(size, score) for size, score in wanted if size > 1 and score is not None]


def entrants(tournament: Sequence[Round]) -> int:
    """The number of rows that a tournament needs."""
    return prod(size for size, _ in tournament)


def winner(rows: Codes, tournament: Sequence[Round]) -> Codes:
    """The winner, [d], among as many of the first rows [n, d] as the rounds need; the first row without rounds."""
    rows = rows[: entrants(tournament)]
    for size, score in tournament:
        groups = [rows[start : start + size] for start in range(0, len(rows), size)]
        rows = np.array([group[np.argmin(np.nan_to_num(score(group), nan=np.inf))] for group in groups])
    return np.asarray(rows[0])


def by_heuristic(space: SearchSpace, heuristic: Heuristic) -> Score | None:
    """The scores of the rules of thumb; ``None`` if none applies to the space."""
    if not heuristic.applies(space):
        return None
    return partial(_heuristic_scores, space, heuristic)


def _heuristic_scores(space: SearchSpace, heuristic: Heuristic, codes: Codes) -> Floats:
    return np.asarray(heuristic.scores(space, codes))


def by_work(space: SearchSpace) -> Score | None:
    """The work per thread, which the time to compile grows with; ``None`` if the space declares none."""
    if log_work_per_thread(space, np.empty((0, len(space.parameters)), dtype=np.int32)) is None:
        return None
    return partial(_works, space)


def _works(space: SearchSpace, codes: Codes) -> Floats:
    return np.asarray(log_work_per_thread(space, codes))
