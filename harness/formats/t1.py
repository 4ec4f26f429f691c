"""T1 descriptions: the parameters and constraints of a search space, as BAT, KTT and Kernel Tuner exchange them.

``ConfigurationSpace`` has ``TuningParameters`` (``Name``, ``Values``) and ``Conditions`` (``Expression``). In the wild:

* ``Values`` is a list, or Python text that makes one (see :mod:`~.value_list`). ``Type`` and ``Default`` may be wrong
  (benchmark_hub's convolution has a default outside its values) and are not needed.
* Constraints may mention parameters with one value and, in BAT, limits from ``BenchmarkConfig``: both become constants.
* ``Conditions`` are constraints; they do not make parameters conditional. ``Conditions.Parameters`` may be incomplete
  (hub's convolution leaves out the filter's sizes) and is not needed.
* A parameter that is listed twice with the same values (hub's metatuning of particle swarms) counts once.
* A recording may use fewer values, and may leave out parameters with only one value (hub's GEMM).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.formats.document import Document
from harness.formats.value_list import value_list
from harness.formats.values import check_value, is_number, shown
from search_spaces.errors import SpaceError
from search_spaces.expression import Expression
from search_spaces.limits import MAX_RULES, MAX_RULES_TEXT, MAX_TOTAL_VALUES


@dataclass(frozen=True)
class Description:
    """A described search space.

    Attributes:
        domains: the values of each parameter.
        constraints: valid expressions that have not yet been checked against the parameters.
        limits: numbers that constraints may mention besides parameters.
    """

    path: Path
    domains: Mapping[str, Sequence[Any]]
    constraints: tuple[str, ...]
    limits: Mapping[str, Any]

    @property
    def mentioned(self) -> frozenset[str]:
        """The names that the constraints mention."""
        return frozenset().union(*(Expression(source).names for source in self.constraints))


def is_t1(document: Document) -> bool:
    """Whether a document describes a space."""
    return "ConfigurationSpace" in document.content


def read_t1(document: Document) -> Description:
    """Read the space that a T1 document describes.

    Raises:
        UserError: the document is damaged; the message names the file and the field.
    """
    path, space = document.path, document.content.get("ConfigurationSpace")
    if not isinstance(space, Mapping):
        raise UserError(f"{path}: ConfigurationSpace: expected an object: a T1 description")
    parameters = space.get("TuningParameters")
    if not isinstance(parameters, list) or not parameters:
        raise UserError(f"{path}: TuningParameters: expected a list of parameters")
    domains: dict[str, Sequence[Any]] = {}
    total = 0
    for i, parameter in enumerate(parameters):
        where = f"{path}: TuningParameters[{i}]"
        if not isinstance(parameter, Mapping) or not isinstance(parameter.get("Name"), str):
            raise UserError(f"{where}: expected an object with a Name")
        name = parameter["Name"]
        values = _values(f"{path}: TuningParameters.{shown(name)[1:-1]}.Values", parameter.get("Values"))
        if repr(domains.setdefault(name, values)) != repr(values):  # 1 is not true
            raise UserError(f"{where}: Name={shown(name)} occurs twice, with other Values: expected one of them")
        total += len(values)
        if total > MAX_TOTAL_VALUES:
            raise UserError(f"{path}: TuningParameters: expected at most {MAX_TOTAL_VALUES} values in all")
    limits = document.content.get("BenchmarkConfig", {})
    return Description(
        path=path,
        domains=domains,
        constraints=_constraints(path, space.get("Conditions", [])),
        limits={k: v for k, v in limits.items() if is_number(v)} if isinstance(limits, Mapping) else {},
    )


def _values(where: str, given: Any) -> list[Any]:
    try:
        values = value_list(given)
    except ValueError as error:
        raise UserError(f"{where}={shown(given)}: {error}") from None
    for value in values:
        check_value(where, list(value) if isinstance(value, tuple) else value)
    return values


def _constraints(path: Path, conditions: Any) -> tuple[str, ...]:
    if not isinstance(conditions, list):
        raise UserError(f"{path}: Conditions={shown(conditions)}: expected a list")
    if len(conditions) > MAX_RULES:
        raise UserError(f"{path}: Conditions: {len(conditions)} of them: expected at most {MAX_RULES}")
    sources: list[str] = []
    for i, condition in enumerate(conditions):
        source = condition.get("Expression") if isinstance(condition, Mapping) else None
        if not isinstance(source, str):
            raise UserError(f"{path}: Conditions[{i}].Expression={shown(source)}: expected an expression")
        if sum(map(len, sources)) + len(source) > MAX_RULES_TEXT:
            raise UserError(f"{path}: Conditions: expected at most {MAX_RULES_TEXT} characters in all")
        try:
            sources.append(Expression(source).source)
        except SpaceError as error:
            raise UserError(f"{path}: Conditions[{i}]: {error}") from None
    return tuple(sources)
