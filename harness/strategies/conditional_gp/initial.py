"""The initial design, before there is a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from harness.strategies.common.tournament import Round, entrants, winner
from harness.strategies.conditional_gp.moves import feasible_draws
from search_spaces.encoding import Codes
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace

Draws = Literal["parameter", "branch", "uniform"]
DRAWS: tuple[Draws, ...] = get_args(Draws)

AT_ONCE = 64
"""Fewest draws by parameter in which an unvisited one, or the least visited branch, is sought."""


def branches(space: SearchSpace) -> NDArray[np.intp]:
    """Number of the branch (the set of active parameters) of every feasible configuration: [N]."""
    activity = np.packbits(space.codes() >= 0, axis=1)
    return np.unique(activity, axis=0, return_inverse=True)[1].ravel()


class InitialDesign:
    """Draws random unvisited configurations.

    A branch holds as many configurations as its own parameters multiply to, which says nothing about
    its merit: of the softmax space that NearOpt recorded, "the whole row at once" is 3%. Uniform draws
    over configurations rarely reach it.

    Args:
        space, visited, rng: the space to draw from, visited configurations, and the generator.
        draws: ``parameter``: each active parameter uniformly, as random search by parameter does. ``branch``: a branch
            from those least visited, then a configuration uniformly within it (stratified sampling with equal
            allocation; Cochran 1977, *Sampling Techniques*, chapter 5); in spaces that are too large to enumerate the
            branches are those that occur among draws by parameter. ``uniform``: uniform over the feasible set.
    """

    def __init__(self, space: SearchSpace, visited: Visited, rng: np.random.Generator, draws: Draws) -> None:
        self._space = space
        self._visited = visited
        self._rng = rng
        self._draws = draws
        conditional = any(parameter.condition is not None for parameter in space.parameters)
        self._visits: Counter[bytes] = Counter()
        self._branches = branches(space) if draws == "branch" and conditional and space.enumerable else None

    def draw(self, tournament: Sequence[Round] = ()) -> Codes:
        """One row of codes, [d]; there must be one left.

        Args:
            tournament: with draws by parameter, return the winner of these rounds among as many draws as they need.
        """
        if self._draws == "parameter":
            free = self._by_parameter(max(AT_ONCE, entrants(tournament)))
            if len(free):
                return winner(free, tournament)
        if self._visited.mask is None:
            return self._draw_unlisted()
        return self._draw_listed(~self._visited.mask)

    def _by_parameter(self, n: int = AT_ONCE) -> Codes:
        """Those of ``n`` draws that were not visited, [m, d]: empty if constraints or visited configurations leave
        hardly any."""
        rows = feasible_draws(self._space, self._rng, n)
        return np.asarray(rows[~self._visited.among(rows)])

    def _draw_listed(self, free: NDArray[np.bool_]) -> Codes:
        if self._branches is not None:
            left = np.unique(self._branches[free])
            visits = np.bincount(self._branches[~free], minlength=left.max() + 1)[left]
            free &= self._branches == self._rng.choice(left[visits == visits.min()])
        chosen: Codes = self._space.codes()[self._rng.choice(np.flatnonzero(free))]
        return chosen

    def _draw_unlisted(self) -> Codes:
        rows = self._by_parameter() if self._draws == "branch" else np.empty((0, 0), dtype=np.int32)
        while len(rows) == 0:
            rows = self._space.sample_codes(self._rng, 1)
            rows = rows[[row not in self._visited for row in rows]]
        drawn = [np.packbits(row >= 0).tobytes() for row in rows]
        visits = np.array([self._visits[branch] for branch in drawn])
        chosen = self._rng.choice(np.flatnonzero(visits == visits.min()))
        self._visits[drawn[chosen]] += 1
        return np.asarray(rows[chosen])
