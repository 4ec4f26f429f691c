"""From a library's proposal to a configuration that may be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.evaluation import Configuration, RepairedConfiguration
from search_spaces.errors import InvalidConfiguration
from search_spaces.nearest import Visited, nearest_unvisited
from search_spaces.parameter import Value
from search_spaces.space import SearchSpace


def without_inactive(space: SearchSpace, proposal: Mapping[str, Any]) -> dict[str, Any]:
    """A proposal less the parameters that its own values make inactive."""
    codes = np.full((1, len(space.parameters)), -1, dtype=np.int32)
    kept: dict[str, Any] = {}
    for i, parameter in enumerate(space.parameters):
        if parameter.name not in proposal or not space.active(i, codes)[0]:
            continue
        kept[parameter.name] = proposal[parameter.name]
        codes[0, i] = space.encode({parameter.name: proposal[parameter.name]})[i]
    return kept


class Proposals:
    """Accepts each feasible configuration once; anything else is repaired to the nearest unvisited one.

    The rule is the same for every strategy whose library doesn't know constraints or the finite
    set: a proposal that breaks a rule or was asked before is replaced, and the run loop sees it as
    a :class:`~harness.evaluation.RepairedConfiguration`.
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._visited = Visited(space)

    @property
    def exhausted(self) -> bool:
        """Whether every feasible configuration was accepted."""
        return self._visited.exhausted

    def accept(self, proposal: Mapping[str, Any]) -> Configuration | None:
        """The proposal, or its repair; ``None`` when every feasible configuration was visited."""
        kept = without_inactive(self._space, proposal)
        if self._fresh(kept):
            return self._visit(self._space.canonicalize(kept))
        repaired = nearest_unvisited(self._space, kept, self._visited, self._rng)
        return None if repaired is None else self._visit(RepairedConfiguration(repaired))

    def accept_random(self) -> Configuration | None:
        """An unvisited configuration drawn at random, where a library has no proposal to make."""
        if self.exhausted:
            return None
        return self.accept(self._space.sample(self._rng, 1)[0])

    def _fresh(self, kept: Mapping[str, Any]) -> bool:
        try:
            self._space.validate(kept)
        except InvalidConfiguration:
            return False
        return self._space.encode(kept) not in self._visited

    def _visit(self, configuration: dict[str, Value]) -> Configuration:
        self._visited.add(self._space.encode(configuration))
        return configuration
