"""Which configurations the acquisition is scored over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.climb import climbed
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.moves import exchanges, feasible_draws
from search_spaces.encoding import BlockKind, Codes, Floats
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace

STEPS = 5
"""Of a climb."""
KEPT = 500
"""Candidates of an ask."""
SHARE = 3
"""A search serves while less than one in so many of those under way are told."""


class Placing(Protocol):
    """From codes to the points that a model is of: :class:`search_spaces.encoding.Encoding` is one."""

    @property
    def space(self) -> SearchSpace:
        """Whose codes they are."""
        ...

    @property
    def blocks(self) -> tuple[slice, ...]:
        """Columns of each parameter or feature."""
        ...

    @property
    def kinds(self) -> tuple[BlockKind, ...]:
        """Kind of each block."""
        ...

    def points(self, codes: Codes) -> Floats:
        """Rows of codes, [n, d], as points, [n, D]."""
        ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of codes [N, d] with their points; ``free`` [N] marks those that were not visited."""

    codes: Codes
    grid: GridPoints
    free: NDArray[np.bool_]


Score = Callable[[GridPoints], Floats]
"""The acquisition at points, [N]: larger is better."""


class CandidateSource(Protocol):
    """Where the candidates of an ask come from."""

    def candidates(self, incumbents: Codes, score: Score, told: int, waiting: int) -> Candidates:
        """Candidates for one ask, given the best configurations so far [k, d] and the acquisition.

        Args:
            told: so many outcomes are known.
            waiting: so many are not known yet.
        """
        ...


class ListedCandidates:
    """The whole feasible set, prepared once."""

    def __init__(self, space: SearchSpace, encoding: Placing, visited: Visited) -> None:
        self._codes = space.codes()
        self._grid = GridPoints.of(encoding.points(self._codes), encoding.blocks)
        self._visited = visited

    def candidates(self, incumbents: Codes, score: Score, told: int, waiting: int) -> Candidates:
        """All of them, every time."""
        del incumbents, score, told, waiting
        assert self._visited.mask is not None
        return Candidates(self._codes, self._grid, ~self._visited.mask)


@dataclass(frozen=True, slots=True)
class _Search:
    """What a search met [N, d] when ``told`` outcomes were known and ``best`` was the best configuration."""

    best: bytes
    told: int
    codes: Codes
    grid: GridPoints


class ClimbedCandidates:
    """What a local search on the acquisition meets.

    It starts from the incumbents and from as many of a sample, half of which is uniform over configurations and
    half over branches. Without the search the maximum of the acquisition is out of a sample's reach: of 10^10
    configurations two thousand say nothing about the best.

    The search is repeated for every ask, unless evaluations overlap: with W of them under way each ask knows one
    outcome more than the one before, of W that it does not know, while a worker waits for it. Then what the last search
    met serves until a third of those under way are told, or the best is another.

    Args:
        space, encoding, visited, rng: what to draw from, how to place it, what is taken, and by which generator.
        size: of the sample.
        starts: how many of the sample are climbed from.
    """

    def __init__(
        self,
        space: SearchSpace,
        encoding: Placing,
        visited: Visited,
        rng: np.random.Generator,
        *,
        size: int,
        starts: int,
    ) -> None:
        self._space = space
        self._encoding = encoding
        self._visited = visited
        self._rng = rng
        self._size = size
        self._starts = starts
        self._last: _Search | None = None

    def candidates(self, incumbents: Codes, score: Score, told: int, waiting: int) -> Candidates:
        """The best of all that was scored, in random order."""
        best = incumbents[:1].tobytes()
        last = self._last
        if last is not None and last.best == best and told - last.told < waiting // SHARE:
            return Candidates(last.codes, last.grid, self._free(last.codes))
        codes = self._searched(incumbents, score)
        self._last = _Search(best, told, codes, self._grid(codes))
        return Candidates(codes, self._last.grid, self._free(codes))

    def _searched(self, incumbents: Codes, score: Score) -> Codes:

        def scored(rows: Codes) -> Floats:
            return np.where(self._free(rows), score(self._grid(rows)), -np.inf)

        # In random order, so that the order of codes does not decide between equals.
        sample = self._rng.permutation(self._sample())
        heights = scored(sample)
        best = np.argsort(-heights, kind="stable")[: self._starts]
        met, scores = climbed(
            np.concatenate([incumbents, sample[best]]),
            np.concatenate([np.full(len(incumbents), -np.inf), heights[best]]),
            lambda rows: exchanges(self._space, rows, self._rng),
            scored,
            STEPS,
        )
        codes, first = np.unique(np.concatenate([sample, met]), axis=0, return_index=True)
        kept = np.argsort(-np.concatenate([heights, scores])[first], kind="stable")[:KEPT]
        return self._rng.permutation(codes[kept])

    def _sample(self) -> Codes:
        uniform = self._space.sample_codes(self._rng, self._size - self._size // 2)
        by_branch = feasible_draws(self._space, self._rng, self._size // 2)
        return np.unique(np.concatenate([uniform, by_branch]), axis=0).astype(np.int32)

    def _grid(self, codes: Codes) -> GridPoints:
        return GridPoints.of(self._encoding.points(codes), self._encoding.blocks)

    def _free(self, codes: Codes) -> NDArray[np.bool_]:
        return np.array([row not in self._visited for row in codes], dtype=bool)
