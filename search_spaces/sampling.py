"""Uniform draws from feasible sets that are too large to list.

Parameters that no rule connects are independent. The feasible set is therefore a product of *parts*, and a uniform draw
is one uniform draw from each part. Within a part, the *core* (all parameters that a rule mentions) is listed. Each of
its rows is drawn with a probability proportional to the number of ways in which its active leaves (parameters that no
rule mentions) can be set. A core that is too large to list is drawn by rejection.
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
"""The number of codes drawn by rejection before a part counts as empty; this takes some minutes."""


@dataclass(frozen=True)
class Part:
    """Parameters that rules connect; draws fill their columns of full-width rows.

    Attributes:
        rules: the rules of the whole space.
        members: the indices of the part's parameters, ascending.
        own: the same parameters with only the part's constraints.
        max_listed: the size of the largest core that is listed.
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
        """The core's feasible rows with their cumulative probabilities; ``None`` if there are too many."""
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
            SpaceError: the part has no feasible row, or none is found.
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
        """Draw a value for each member, active or not; other parameters get 0."""
        full = np.zeros((n, len(self.rules.parameters)), dtype=np.int32)
        sizes = [self.rules.parameters[i].size for i in self.members]
        full[:, list(self.members)] = rng.integers(sizes, size=(n, len(sizes)))
        return full

    def _by_rejection(self, rng: np.random.Generator, n: int) -> Codes:
        """Draw by rejection: keep an assignment if it is feasible and all its inactive members have code 0.

        Every feasible row is thus kept for exactly one assignment.
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
    """Split a space into its independent parts, ordered by their first parameter.

    Raises:
        SpaceError: a constraint that mentions only constants does not hold.
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
    """Merge ties that overlap into connected components."""
    components: list[frozenset[int]] = []
    for tie in filter(None, ties):
        touched = [component for component in components if component & tie]
        components = [component for component in components if not component & tie]
        components.append(tie.union(*touched))
    return components


def draw(made: Iterable[Part], width: int, rng: np.random.Generator, n: int) -> Codes:
    """Draw ``n`` rows uniformly from the product of the parts, with replacement; shape ``[n, width]``."""
    codes = np.full((n, width), INACTIVE, dtype=np.int32)
    for part in made:
        part.draw(rng, n, codes)
    return codes
