"""Admit each feasible configuration once, and repair other proposals."""

from __future__ import annotations

import numpy as np

from harness.evaluation import Configuration, RepairedConfiguration
from search_spaces.nearest import Visited, nearest_unvisited
from search_spaces.space import SearchSpace


class Admission:
    """Admits each feasible configuration once; replaces infeasible or visited proposals and reports the repair.

    Native strategies and adapters never need a replacement; it makes any third-party strategy comparable.
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._seen: set[int | str] = set()
        self._visited: Visited | None = None
        self._unmarked: list[Configuration] = []

    def admit(self, configuration: Configuration) -> tuple[Configuration, bool] | None:
        """The configuration to evaluate and whether it is a repair; ``None`` if all have been visited."""
        feasible = self._declared(configuration)
        repaired = isinstance(configuration, RepairedConfiguration)
        if feasible is None or feasible[0] in self._seen:
            nearest = nearest_unvisited(self._space, configuration, self._up_to_date(), self._rng)
            if nearest is None:
                return None
            feasible, repaired = self._declared(nearest), True
            assert feasible is not None, "a repair must be feasible"
        identity, declared = feasible
        self._seen.add(identity)
        self._unmarked.append(declared)
        return declared, repaired

    def _declared(self, configuration: Configuration) -> tuple[int | str, Configuration] | None:
        """The configuration's identity, and the configuration in the space's own values; ``None`` if it is infeasible.

        A proposal may hold equal values of other types (numpy integers, 1 for true), which the log cannot store.
        """
        space = self._space
        if not space.enumerable:
            feasible = space.contains(configuration)
            return (space.key(configuration), space.canonicalize(configuration)) if feasible else None
        row = space.row_of(configuration)
        return None if row is None else (row, space.decode(space.codes()[row]))

    def _up_to_date(self) -> Visited:
        # Marking costs more than a whole replayed evaluation, and most runs never repair.
        if self._visited is None:
            self._visited = Visited(self._space)
        for configuration in self._unmarked:
            self._visited.add(self._space.encode(configuration))
        self._unmarked.clear()
        return self._visited
