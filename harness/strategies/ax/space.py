"""Translate search spaces to Ax's hierarchical ones, and configurations in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

from search_spaces.encoding import keys_of_order, order_of_keys
from search_spaces.expression import Expression
from search_spaces.parameter import Parameter, Permutation, Value
from search_spaces.space import SearchSpace

MAX_CHOICES = 64
Config: TypeAlias = ChoiceParameterConfig | RangeParameterConfig


@dataclass(frozen=True, slots=True)
class Parent:
    """A parameter is active where parameter ``index`` has the value of code ``code``."""

    index: int
    code: int


class AxTree:
    """The tree of parameters for Ax.

    A parameter hangs below its parent's value if its condition says exactly that; a parameter with
    any other condition becomes a root, is always proposed, and carries a filler where it is inactive.

    Ordered parameters are ordered choices (Ax spaces those evenly), or integer ranges over the
    index when they have more than 64 values; categoricals are unordered choices; permutations are one
    rank per item.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._parameters = space.parameters
        self._parents = tuple(_parent(space, i) for i in range(len(space.parameters)))
        self.configs: list[Config] = [
            config for i, parameter in enumerate(space.parameters) for config in self._configs(i, parameter)
        ]

    def read(self, proposed: Mapping[str, Any]) -> dict[str, Value]:
        """Ax's parameters as a proposal in NearOpt's space."""
        proposal: dict[str, Value] = {}
        for parameter in self._parameters:
            names = _ax_names(parameter)
            if names[0] in proposed:
                proposal[parameter.name] = _value(parameter, [proposed[name] for name in names])
        return proposal

    def write(self, configuration: Mapping[str, Value], proposal: Mapping[str, Value]) -> dict[str, Any]:
        """A configuration in Ax's tree: missing values come from ``proposal`` or are central."""
        written: dict[str, Any] = {}
        codes: dict[int, int] = {}
        for i, parameter in enumerate(self._parameters):
            parent = self._parents[i]
            if parent is not None and codes.get(parent.index) != parent.code:
                continue
            middle = parameter.values[parameter.size // 2]
            value = configuration.get(parameter.name, proposal.get(parameter.name, middle))
            codes[i] = parameter.code_of[value]
            written |= zip(_ax_names(parameter), _ax_values(parameter, value), strict=True)
        return written

    def _configs(self, i: int, parameter: Parameter) -> list[Config]:
        if isinstance(parameter, Permutation):
            top = max(parameter.length - 1, 1)
            return [RangeParameterConfig(name, (0, top), "int") for name in _ax_names(parameter)]
        if _ranged(parameter):
            return [RangeParameterConfig(parameter.name, (0, parameter.size - 1), "int")]
        dependents: dict[Any, list[str]] = {}
        for child, parent in zip(self._parameters, self._parents, strict=True):
            if parent is not None and parent.index == i:
                value = _ax_values(parameter, parameter.values[parent.code])[0]
                dependents.setdefault(value, []).extend(_ax_names(child))
        return [
            ChoiceParameterConfig(
                name=parameter.name,
                values=[_ax_values(parameter, value)[0] for value in parameter.values],
                parameter_type=_ax_type(parameter),
                is_ordered=parameter.ordered,
                dependent_parameters=dependents or None,
            )
        ]


def _parent(space: SearchSpace, i: int) -> Parent | None:
    """The one parent and its one value that activate parameter ``i``, if its condition has this form."""
    condition = space.parameters[i].condition
    if condition is None:
        return None
    names = [name for name in Expression(condition).names if name in space.names]
    if len(names) != 1:
        return None
    index = space.names.index(names[0])
    parent = space.parameters[index]
    if isinstance(parent, Permutation) or _ranged(parent):
        return None
    codes = np.full((parent.size + 1, len(space.parameters)), -1, dtype=np.int32)
    codes[:-1, index] = np.arange(parent.size)
    active = np.flatnonzero(space.active(i, codes))
    return Parent(index, int(active[0])) if len(active) == 1 and active[0] < parent.size else None


def _ranged(parameter: Parameter) -> bool:
    return parameter.ordered and parameter.size > MAX_CHOICES


def _ax_type(parameter: Parameter) -> str:
    if parameter.kind == "boolean":
        return "bool"
    if not parameter.ordered:
        return "str"
    return "int" if all(isinstance(value, int) for value in parameter.values) else "float"


def _ax_names(parameter: Parameter) -> list[str]:
    if isinstance(parameter, Permutation):
        return [f"{parameter.name}_rank_of_{item}" for item in range(parameter.length)]
    return [parameter.name]


def _ax_values(parameter: Parameter, value: Value) -> list[Any]:
    if isinstance(parameter, Permutation):
        assert isinstance(value, tuple)
        return list(keys_of_order(value))
    if _ranged(parameter):
        return [parameter.code_of[value]]
    kind = _ax_type(parameter)
    return [repr(value) if kind == "str" else float(value) if kind == "float" else value]  # type: ignore[arg-type]


def _value(parameter: Parameter, proposed: list[Any]) -> Value:
    if isinstance(parameter, Permutation):
        return order_of_keys(proposed)
    if _ranged(parameter):
        return parameter.values[int(proposed[0])]
    return next(value for value in parameter.values if _ax_values(parameter, value) == proposed)
