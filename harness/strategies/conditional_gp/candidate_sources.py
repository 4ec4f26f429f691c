"""Choose the configurations over which the acquisition is scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.climb import climbed
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.moves import exchanges, feasible_draws
from search_spaces.encoding import BlockKind, Codes, Floats
from search_spaces.enumeration import distinct
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace

STEPS = 5
"""Most steps of a hill climb."""
KEPT = 500
"""Most candidates of an ask."""
SHARE = 3
"""A search is reused until one in this many of the pending evaluations has been told."""


class Placing(Protocol):
    """Maps codes to the points of a model: :class:`search_spaces.encoding.Encoding` is one."""

    @property
    def space(self) -> SearchSpace:
        """The space of the codes."""
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

    def labels(self, codes: Codes) -> Sequence[NDArray[np.intp] | None]:
        """For each block a label of 0 or more per row of codes, [n], or ``None``.

        Rows with the same label have the same point there.
        """
        ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of codes [N, d] with their points; ``free`` [N] marks the unvisited ones."""

    codes: Codes
    grid: GridPoints
    free: NDArray[np.bool_]


Score = Callable[[GridPoints], Floats]
"""The acquisition at points, [N]: larger is better."""


class CandidateSource(Protocol):
    """A source of the candidates of an ask."""

    def candidates(self, incumbents: Codes, score: Score, told: int, waiting: int) -> Candidates:
        """Candidates for one ask, given the best configurations so far [k, d] and the acquisition.

        Args:
            told: number of known outcomes.
            waiting: number of pending outcomes.
        """
        ...


class ListedCandidates:
    """The whole feasible set, prepared once."""

    def __init__(self, space: SearchSpace, encoding: Placing, visited: Visited) -> None:
        self._codes = space.codes()
        self._grid = GridPoints.of(encoding.points(self._codes), encoding.blocks, encoding.labels(self._codes))
        self._visited = visited

    def candidates(self, incumbents: Codes, score: Score, told: int, waiting: int) -> Candidates:
        """The whole feasible set, for every ask."""
        del incumbents, score, told, waiting
        assert self._visited.mask is not None
        return Candidates(self._codes, self._grid, ~self._visited.mask)


@dataclass(frozen=True, slots=True)
class _Search:
    """The rows that a search visited, [N, d], when ``told`` outcomes were known and ``best`` was the best
    configuration."""

    best: bytes
    told: int
    codes: Codes
    grid: GridPoints


class ClimbedCandidates:
    """The configurations that a local search on the acquisition visits.

    It starts from the incumbents and from as many of a sample, half of which is uniform over configurations and
    half over branches. A sample alone cannot reach the maximum of the acquisition: two thousand of 10^10
    configurations say nothing about the best.

    The search is repeated for every ask unless evaluations overlap: with W of them pending, each ask knows one outcome
    more than the last, of W unknown ones, while a worker waits for it. Then the configurations of the last search are
    reused until a third of the pending ones are told, or the best configuration changes.

    Args:
        space, encoding, visited, rng: the space to draw from, its encoding, visited configurations, and the generator.
        size: size of the sample.
        starts: number of climbs from the sample.
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
        """The best of all scored configurations, in random order."""
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

        # In random order, so that the order of codes does not decide ties.
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
        codes, first = distinct(np.concatenate([sample, met]))
        kept = np.argsort(-np.concatenate([heights, scores])[first], kind="stable")[:KEPT]
        return self._rng.permutation(codes[kept])

    def _sample(self) -> Codes:
        uniform = self._space.sample_codes(self._rng, self._size - self._size // 2)
        by_branch = feasible_draws(self._space, self._rng, self._size // 2)
        return distinct(np.concatenate([uniform, by_branch]))[0]

    def _grid(self, codes: Codes) -> GridPoints:
        return GridPoints.of(self._encoding.points(codes), self._encoding.blocks, self._encoding.labels(codes))

    def _free(self, codes: Codes) -> NDArray[np.bool_]:
        return ~self._visited.among(codes)
