"""Translate a search space for Kernel Tuner: a list of flat configurations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from search_spaces.expression import Expression
from search_spaces.flat import FlatConfiguration, flat_domains, flat_rows
from search_spaces.parameter import Value
from search_spaces.space import SearchSpace

BLOCK_SIZES = ("block_size_x", "block_size_y", "block_size_z")
Rule = tuple[Callable[..., bool], list[str], str]
"""A constraint, its parameters and its text, as Kernel Tuner passes them to pyATF."""


class FlatSpace:
    """The feasible configurations, each with a value for every parameter.

    Several of Kernel Tuner's strategies depend on the order of the list: a Latin hypercube's nearest configuration, a
    repair's first neighbour and the best of equal predictions are the first in it. So the list has the order in which
    Kernel Tuner would build it.

    Attributes:
        tune_params: values by parameter.
        rows: the configurations.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self.tune_params = {name: _numbers(values) for name, values in flat_domains(space).items()}
        self._described = _described(space)
        codes = space.codes()
        self._codes = codes[np.lexsort([-codes[:, i] for i in reversed(self._solving_order())])]
        self.rows = flat_rows(self.tune_params, self._codes)
        self._row = {flat: row for row, flat in enumerate(self.rows)}

    def _solving_order(self) -> list[int]:
        """Parameters as Kernel Tuner's solver assigns them: those with most constraints first, then with fewest values.

        It tries values from the last to the first. Its own restriction of the thread block counts; a restricted space
        is one constraint over all.
        """
        names = list(self.tune_params)
        constraints = [set(names)] if self._described is None else self._described
        blocks = set(BLOCK_SIZES) & set(names)
        count = {name: sum(name in involved for involved in [*constraints, blocks]) for name in names}
        return sorted(range(len(names)), key=lambda i: (-count[names[i]], len(self.tune_params[names[i]])))

    def __len__(self) -> int:
        return len(self.rows)

    def configuration(self, flat: FlatConfiguration) -> Mapping[str, Value]:
        """The configuration of a flat one; a proposal outside the space keeps its values, to be repaired."""
        row = self._row.get(flat)
        if row is not None:
            return self._space.decode(self._codes[row])
        values = zip(self._space.parameters, self.tune_params.values(), flat, strict=True)
        return {parameter.name: parameter.values[domain.index(value)] for parameter, domain, value in values}

    def as_cache(self) -> dict[str, Any]:
        """The list in a form that Kernel Tuner accepts without solving constraints."""
        names = list(self.tune_params)
        return {
            "tune_params": self.tune_params,
            "cache": {i: dict(zip(names, row, strict=True)) for i, row in enumerate(self.rows)},
        }

    def rules(self) -> list[Rule]:
        """Feasibility in the form from which pyATF builds its trees: a constraint for a parameter over earlier ones.

        They mention the same parameters as the space's constraints and conditions, since pyATF makes a tree for every
        group of parameters that depend on each other; for a restricted space that these do not describe, all earlier
        parameters.
        """
        names = list(self.tune_params)
        prefixes = [set(names[: i + 1]) for i in range(len(names))]
        together = {name: set[str]() for name in names}
        for involved in prefixes if self._described is None else self._described:
            together[max(involved, key=names.index)] |= involved
        rules = []
        for name, involved in together.items():
            if involved:
                mentioned = [other for other in names if other in involved]
                rules.append(_rule(mentioned, [names.index(other) for other in mentioned], self.rows, name))
        return rules


def _numbers(values: list[Any]) -> list[Any]:
    """Categories and permutations as numbers, since Kernel Tuner iterates over sets, and sets of strings have no fixed
    order."""
    return list(range(len(values))) if any(isinstance(value, str) for value in values) else values


def _described(space: SearchSpace) -> list[set[str]] | None:
    """The parameters of each constraint and condition; ``None`` if those alone do not make up the feasible set."""
    described = SearchSpace(space.parameters, space.constraints, space.constants)
    if not described.enumerable or described.size != space.size:
        return None
    names = set(space.names)
    conditions = {p.name: Expression(p.condition).names & names for p in space.parameters if p.condition}
    groups = [{name, *earlier} for name, earlier in conditions.items()]
    for source in space.constraints:
        mentioned = set(Expression(source).names & names)
        while more := set[str]().union(*(conditions.get(name, ()) for name in mentioned)) - mentioned:
            mentioned |= more  # these decide whether the constraint holds vacuously
        groups.append(mentioned)
    return [involved for involved in groups if involved]


def _rule(names: list[str], columns: list[int], rows: Sequence[FlatConfiguration], of: str) -> Rule:
    allowed = {tuple(row[column] for column in columns) for row in rows}

    def feasible(**values: Any) -> bool:
        return tuple(values[name] for name in names) in allowed

    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    feasible.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # pyATF reads the names
    return feasible, names, f"what is feasible for {of}"
