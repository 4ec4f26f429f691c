"""A search space as Kernel Tuner sees it: a list of flat configurations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.formats.flat import FlatConfiguration, flat_domains, flat_rows
from search_spaces.parameter import Value
from search_spaces.space import SearchSpace


class FlatSpace:
    """The feasible configurations, each with a value for every parameter.

    Attributes:
        tune_params: values by parameter.
        rows: the configurations, in the space's order.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self.tune_params: dict[str, list[Any]] = flat_domains(space)
        self.rows = flat_rows(space, space.codes())
        self._row = {flat: row for row, flat in enumerate(self.rows)}

    def __len__(self) -> int:
        return len(self.rows)

    def configuration(self, flat: FlatConfiguration) -> Mapping[str, Value]:
        """The configuration of a flat one; a proposal outside the space keeps its values, to be repaired."""
        row = self._row.get(flat)
        if row is not None:
            return self._space.decode(self._space.codes()[row])
        values = zip(self._space.parameters, self.tune_params.values(), flat, strict=True)
        return {parameter.name: parameter.values[domain.index(value)] for parameter, domain, value in values}

    def as_cache(self) -> dict[str, Any]:
        """The list in the form in which Kernel Tuner takes one without solving constraints for it."""
        names = list(self.tune_params)
        return {
            "tune_params": self.tune_params,
            "cache": {i: dict(zip(names, row, strict=True)) for i, row in enumerate(self.rows)},
        }

    def prefix_rules(self) -> list[tuple[Callable[..., bool], list[str], str]]:
        """Feasibility as a constraint per parameter over those before it, from which pyATF builds its trees."""
        names = list(self.tune_params)
        return [(_prefix_rule(names[: i + 1], self.rows), names[: i + 1], "feasible so far") for i in range(len(names))]


def _prefix_rule(names: Sequence[str], rows: Sequence[FlatConfiguration]) -> Callable[..., bool]:
    prefixes = {row[: len(names)] for row in rows}

    def feasible(**values: Any) -> bool:
        return tuple(values[name] for name in names) in prefixes

    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    feasible.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # pyATF reads the names
    return feasible
