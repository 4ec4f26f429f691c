"""Points with additional features: scores of a configuration, such as a source's prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.candidate_sources import Placing
from search_spaces.encoding import BlockKind, Codes, Floats
from search_spaces.space import SearchSpace

WIDTH = 6.0
"""Range of normal scores that maps to a feature's [0, 1]."""


Scorer = Callable[[Codes, Floats], Floats]
"""Normal scores, [n], of rows of codes, [n, d], whose points are [n, D]."""


@dataclass(frozen=True, slots=True)
class FromCodes:
    """Scores that follow from the codes alone."""

    score: Callable[[Codes], Floats]

    def __call__(self, codes: Codes, _: Floats) -> Floats:
        return self.score(codes)


@dataclass(frozen=True, slots=True)
class FromPoints:
    """Scores that follow from the points alone."""

    score: Callable[[Floats], Floats]

    def __call__(self, _: Codes, points: Floats) -> Floats:
        return self.score(points)


class ScoredEncoding:
    """An encoding followed by scores, scaled like features.

    Args:
        encoding: the encoding to extend.
        scorers: compute the scores.
    """

    def __init__(self, encoding: Placing, scorers: Sequence[Scorer]) -> None:
        self._plain = encoding
        self._scorers = scorers

    @property
    def space(self) -> SearchSpace:
        """The space of the codes."""
        return self._plain.space

    @property
    def blocks(self) -> tuple[slice, ...]:
        """Blocks of columns: one per parameter or feature, then one per score."""
        end = self._end
        return (*self._plain.blocks, *[slice(end + i, end + i + 1) for i in range(len(self._scorers))])

    @property
    def kinds(self) -> tuple[BlockKind, ...]:
        """Kind of each block."""
        scores: list[BlockKind] = ["feature"] * len(self._scorers)
        return (*self._plain.kinds, *scores)

    def points(self, codes: Codes) -> Floats:
        """Rows of codes, [n, d], as points, [n, D]."""
        plain = self._plain.points(codes)
        scores = np.array([score(codes, plain) for score in self._scorers]).reshape(len(self._scorers), len(plain))
        return np.hstack([plain, scores.T / WIDTH + 0.5])

    def labels(self, codes: Codes) -> list[NDArray[np.intp] | None]:
        """Labels of rows that have the same point in a block; a score's block has none."""
        return [*self._plain.labels(codes), *(None for _ in self._scorers)]

    def first_score(self, slope: float, points: Floats) -> Floats:
        """``slope`` times the first scorer's scores at points [n, D]: [n]; scores appended later do not matter."""
        return np.asarray(slope * (points[:, self._end] - 0.5) * WIDTH)

    @property
    def _end(self) -> int:
        return int(max(block.stop for block in self._plain.blocks))
