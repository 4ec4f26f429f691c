"""Points with an additional feature per source: its prediction for a configuration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.candidate_sources import Placing
from harness.strategies.conditional_gp.source_mean import SourceMean
from search_spaces.encoding import BlockKind, Codes, Floats
from search_spaces.space import SearchSpace

WIDTH = 6.0
"""Range of normal scores that maps to a feature's [0, 1]."""


class ScoredEncoding:
    """An encoding followed by the scores of sources, scaled like features.

    Args:
        encoding: the encoding to extend.
        means: predictions of the sources at points of ``encoding``.
    """

    def __init__(self, encoding: Placing, means: Sequence[SourceMean]) -> None:
        self._plain = encoding
        self._means = means

    @property
    def space(self) -> SearchSpace:
        """The space of the codes."""
        return self._plain.space

    @property
    def blocks(self) -> tuple[slice, ...]:
        """Blocks of columns: one per parameter or feature, then one per source."""
        end = max(block.stop for block in self._plain.blocks)
        return (*self._plain.blocks, *[slice(end + i, end + i + 1) for i in range(len(self._means))])

    @property
    def kinds(self) -> tuple[BlockKind, ...]:
        """Kind of each block."""
        scores: list[BlockKind] = ["feature"] * len(self._means)
        return (*self._plain.kinds, *scores)

    def points(self, codes: Codes) -> Floats:
        """Rows of codes, [n, d], as points, [n, D]."""
        plain = self._plain.points(codes)
        scores = np.array([mean(plain) for mean in self._means]).reshape(len(self._means), len(plain))
        return np.hstack([plain, scores.T / WIDTH + 0.5])

    def labels(self, codes: Codes) -> list[NDArray[np.intp] | None]:
        """Labels of rows that have the same point in a block; a source's block has none."""
        return [*self._plain.labels(codes), *(None for _ in self._means)]
