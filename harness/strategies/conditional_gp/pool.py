"""Which configurations the acquisition is scored over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.strategies.conditional_gp.kernels import Levels
from search_spaces.encoding import Codes, Encoding
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of codes [N, d] with their points; ``free`` [N] marks those that were not visited."""

    codes: Codes
    levels: Levels
    free: NDArray[np.bool_]


class Pool(Protocol):
    """A source of candidates."""

    def candidates(self, incumbents: Codes) -> Candidates:
        """Candidates for one ask, given the best configurations so far [k, d]."""
        ...


class Listed:
    """The whole feasible set, prepared once."""

    def __init__(self, space: SearchSpace, encoding: Encoding, visited: Visited) -> None:
        self._codes = space.codes()
        self._levels = Levels.of(encoding.points(self._codes), encoding.blocks)
        self._visited = visited

    def candidates(self, incumbents: Codes) -> Candidates:
        """All of them, every time."""
        del incumbents
        assert self._visited.mask is not None
        return Candidates(self._codes, self._levels, ~self._visited.mask)


class Drawn:
    """Uniform samples and the neighbours of the incumbents, anew for every ask."""

    def __init__(
        self, space: SearchSpace, encoding: Encoding, visited: Visited, size: int, rng: np.random.Generator
    ) -> None:
        self._space = space
        self._encoding = encoding
        self._visited = visited
        self._size = size
        self._rng = rng

    def candidates(self, incumbents: Codes) -> Candidates:
        """Distinct candidates in random order."""
        parts = [self._space.sample_codes(self._rng, self._size)]
        parts += [self._space.neighbour_codes(row) for row in incumbents]
        codes = self._rng.permutation(np.unique(np.concatenate(parts), axis=0)).astype(np.int32)
        free = np.array([row not in self._visited for row in codes])
        return Candidates(codes, Levels.of(self._encoding.points(codes), self._encoding.blocks), free)
