"""Uniform draws from feasible sets that are too large to list.

Parameters that no rule ties together are independent, so the feasible set is a product of *parts*, and a uniform draw
is one uniform draw from each. Within a part the *core* (whatever a rule mentions) is listed, and every row of it is
drawn with the number of ways in which its active leaves (parameters that no rule mentions) can be set. A core too
large for that is drawn by rejection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from search_spaces.enumeration import FREE, INACTIVE, Codes, Rules, concatenated
from search_spaces.errors import SpaceError, SpaceTooLarge

MAX_LISTED = 1_000_000
MAX_DRAWN_CODES = 1_000_000_000
"""Codes drawn by rejection before a part counts as empty: some minutes."""


@dataclass(frozen=True)
class Part:
    """Parameters that rules tie together; every method fills their columns of full-width rows.

    Attributes:
        rules: of the whole space.
        members: the part's parameters by index, ascending.
        own: the part's constraints, with the same parameters.
        max_listed: largest core that is listed.
    """

    rules: Rules
    members: tuple[int, ...]
    own: Rules
    max_listed: int

    @cached_property
    def _core(self) -> list[int]:
        expressions = (*self.own.constraints, *(self.rules.conditions[i] for i in self.members))
        mentioned = frozenset().union(*(e.names for e in expressions if e is not None))
        return [i for i in self.members if self.rules.parameters[i].name in mentioned]

    @cached_property
    def _listed(self) -> tuple[Codes, NDArray[np.float64]] | None:
        """The core's feasible rows with their cumulative probabilities, ``None`` where there are too many."""
        template = np.zeros((1, len(self.rules.parameters)), dtype=np.int32)
        template[0, self._core] = FREE
        try:
            rows = concatenated(list(self.own.complete(template, self.max_listed)), template.shape[1])
        except SpaceTooLarge:
            return None
        if len(rows) == 0:
            raise SpaceError("the search space has no feasible configuration")
        log_ways = np.zeros(len(rows))
        for i in set(self.members) - set(self._core):
            log_ways += np.where(self.rules.active(i, rows), np.log(self.rules.parameters[i].size), 0.0)
        cumulative = np.cumsum(np.exp(log_ways - log_ways.max()))
        return rows, cumulative / cumulative[-1]

    def draw(self, rng: np.random.Generator, n: int, into: Codes) -> None:
        """Fill the part's columns of ``into`` (shape ``[n, d]``) with uniform draws.

        Raises:
            SpaceError: when the part has no feasible row, or none is found.
        """
        listed = self._listed
        columns = list(self.members)
        if listed is None:
            into[:, columns] = self._by_rejection(rng, n)[:, columns]
            return
        rows, cumulative = listed
        full = self._assignments(rng, n)
        full[:, self._core] = rows[np.searchsorted(cumulative, rng.random(n), side="right")][:, self._core]
        into[:, columns] = self.rules.deactivate(full)[:, columns]

    def _assignments(self, rng: np.random.Generator, n: int) -> Codes:
        """A value for each member, active or not; 0 elsewhere."""
        full = np.zeros((n, len(self.rules.parameters)), dtype=np.int32)
        sizes = [self.rules.parameters[i].size for i in self.members]
        full[:, list(self.members)] = rng.integers(sizes, size=(n, len(sizes)))
        return full

    def _by_rejection(self, rng: np.random.Generator, n: int) -> Codes:
        """An assignment is kept if it is feasible and its inactive members all carry code 0.

        So every feasible row is kept for exactly one assignment.
        """
        kept: list[Codes] = []
        accepted = drawn = 0
        batch = max(4 * n, 4096)
        while accepted < n:
            if drawn * len(self.members) > MAX_DRAWN_CODES:
                raise SpaceError("no feasible configuration found by sampling: the constraints are too tight")
            full = self._assignments(rng, batch)
            codes = self.rules.deactivate(full)
            codes = codes[np.all((codes >= 0) | (full == 0), axis=1)]
            codes = codes[self.own.feasible(codes)]
            kept.append(codes)
            accepted += len(codes)
            drawn += batch
            batch = min(2 * batch, 1 << 18)
        return concatenated(kept, len(self.rules.parameters))[:n]


def parts(rules: Rules, max_listed: int = MAX_LISTED) -> list[Part]:
    """The independent parts of a space, by their first parameter.

    Raises:
        SpaceError: a constraint over nothing but constants does not hold.
    """
    ties = [rules.dependencies(constraint) for constraint in rules.constraints]
    for i, condition in enumerate(rules.conditions):
        ties.append(frozenset({i}) | (rules.dependencies(condition) if condition else frozenset()))
    nothing = np.full((1, len(rules.parameters)), INACTIVE, dtype=np.int32)
    made: list[Part] = []
    for members in _joined(ties):
        within = [c for c, tie in zip(rules.constraints, ties, strict=False) if tie and tie <= members]
        own = Rules(rules.parameters, rules.conditions, tuple(within), rules.constants)
        made.append(Part(rules, tuple(sorted(members)), own, max_listed))
    for constraint, tie in zip(rules.constraints, ties, strict=False):
        if not tie and not rules.satisfied(constraint, nothing)[0]:
            raise SpaceError("the search space has no feasible configuration")
    return sorted(made, key=lambda part: part.members)


def _joined(ties: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    """Connected components: the ties, merged where they overlap."""
    components: list[frozenset[int]] = []
    for tie in filter(None, ties):
        touched = [component for component in components if component & tie]
        components = [component for component in components if not component & tie]
        components.append(tie.union(*touched))
    return components


def draw(made: Iterable[Part], width: int, rng: np.random.Generator, n: int) -> Codes:
    """``n`` draws, uniform over the product of the parts, with replacement; shape ``[n, width]``."""
    codes = np.full((n, width), INACTIVE, dtype=np.int32)
    for part in made:
        part.draw(rng, n, codes)
    return codes
