"""The first draws of many random searches at once, without replacement, with equal or unequal probabilities.

Draws with replacement from which repetitions are removed have the law of draws without replacement (each new one is
taken in proportion to the p of those left). The order in which independent exponential clocks of rates p ring has the
same law (Rosén 1972). The first way is fast if few of many are drawn; the second always ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SPARE = 1.15
"""How many times the expected number of repetitions is drawn at once."""


def orders(p: Floats, drawn: int, repetitions: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The first ``drawn`` positions of each search, in order; [repetitions, drawn].

    Args:
        p: probabilities up to a factor; positive. [N]
        drawn: the number of draws of each search, at most N.
    """
    shares = p / p.sum()
    length = _length(shares, drawn)
    if 4 * length > len(shares):
        return _by_clocks(shares, drawn, repetitions, rng)
    found = rng.choice(len(shares), (repetitions, length), p=shares)
    while True:
        new = _first_seen(found)
        if int(new.sum(axis=1).min()) >= drawn:
            break
        further = rng.choice(len(shares), (repetitions, max(8, length // 4)), p=shares)
        found = np.concatenate([found, further], axis=1)
    taken = new & (np.cumsum(new, axis=1) <= drawn)
    return np.asarray(found[taken].reshape(repetitions, drawn), dtype=np.int64)


def _length(shares: Floats, drawn: int) -> int:
    """About how many draws with replacement contain ``drawn`` different ones; N if it takes more than that."""
    length = int(_SPARE * drawn) + 4
    while length < len(shares) and float(-np.expm1(length * np.log1p(-np.minimum(shares, 1 - 1e-12))).sum()) < (
        _SPARE * drawn
    ):
        length += max(4, length // 8)
    return min(length, len(shares))


def _first_seen(found: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the draws that are the first of their kind in their row; has the shape of ``found``."""
    length = found.shape[1]
    by_kind = np.sort(found * length + np.arange(length), axis=1)
    kind, place = np.divmod(by_kind, length)
    first = np.ones(found.shape, dtype=bool)
    first[:, 1:] = kind[:, 1:] != kind[:, :-1]
    new = np.empty(found.shape, dtype=bool)
    np.put_along_axis(new, place, first, axis=1)
    return new


def _by_clocks(shares: Floats, drawn: int, repetitions: int, rng: np.random.Generator) -> NDArray[np.int64]:
    clocks = rng.standard_exponential((repetitions, len(shares))) / shares
    if drawn == len(shares):
        return np.asarray(np.argsort(clocks, axis=1), dtype=np.int64)
    first = np.argpartition(clocks, drawn - 1, axis=1)[:, :drawn]
    ringing = np.take_along_axis(clocks, first, axis=1).argsort(axis=1)
    return np.asarray(np.take_along_axis(first, ringing, axis=1), dtype=np.int64)
