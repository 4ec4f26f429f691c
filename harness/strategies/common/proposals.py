"""Turn a library's proposals into admissible configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.evaluation import Configuration, RepairedConfiguration
from search_spaces.enumeration import Codes
from search_spaces.errors import InvalidConfiguration
from search_spaces.nearest import Visited, nearest_unvisited
from search_spaces.parameter import Value
from search_spaces.space import SearchSpace

TRIES = 20


def without_inactive(space: SearchSpace, proposal: Mapping[str, Any]) -> dict[str, Any]:
    """A proposal without the parameters that its own values make inactive."""
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

    The rule is the same for every strategy whose library does not know constraints or the finite
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

    def accept_codes(self, codes: Codes) -> Configuration | None:
        """The same for a canonical row of codes, [d]."""
        if self.fresh(codes[None, :])[0]:
            return self._visit(self._space.decode(codes))
        repaired = nearest_unvisited(self._space, self._space.decode(codes), self._visited, self._rng)
        return None if repaired is None else self._visit(RepairedConfiguration(repaired))

    def accept_random(self) -> Configuration | None:
        """An unvisited configuration, uniform over the remaining ones; ``None`` if there is none."""
        if self.exhausted:
            return None
        for _ in range(TRIES):
            codes = self._space.sample_codes(self._rng, 1)[0]
            if codes not in self._visited:
                return self._visit(self._space.decode(codes))
        if self._visited.mask is None:
            return self.accept_codes(codes)
        row = self._rng.choice(np.flatnonzero(~self._visited.mask))
        return self._visit(self._space.decode(self._space.codes()[row]))

    def given(self, configuration: Configuration) -> Codes:
        """Mark a feasible configuration that was given, not proposed, as visited; returns its codes, [d]."""
        codes = self._space.encode(configuration)
        self._visited.add(codes)
        return codes

    def fresh(self, codes: Codes) -> NDArray[np.bool_]:
        """Which rows, [n, d], are feasible and not visited: [n]."""
        fresh = self._space.feasible(codes)
        fresh[fresh] = [row not in self._visited for row in codes[fresh]]
        return fresh

    def _fresh(self, kept: Mapping[str, Any]) -> bool:
        try:
            self._space.validate(kept)
        except InvalidConfiguration:
            return False
        return self._space.encode(kept) not in self._visited

    def _visit(self, configuration: dict[str, Value]) -> Configuration:
        self._visited.add(self._space.encode(configuration))
        return configuration
