"""Translate spaces for Helion: its own ``ConfigSpec`` if the space came from one, otherwise user-defined tunables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from helion.autotuner.config_fragment import (
    BlockSizeFragment,
    BooleanFragment,
    ConfigSpecFragment,
    EnumFragment,
    IntegerFragment,
    NumWarpsFragment,
    PermutationFragment,
    PowerOfTwoFragment,
)
from helion.autotuner.config_spec import ConfigSpec
from helion.autotuner.external import create_user_config_spec

from kernels.helion.description import config_spec
from kernels.helion.target import Target
from search_spaces.helion import configuration_of, description_of, helion_config, overrides
from search_spaces.parameter import Boolean, Integer, Ordinal, Parameter, Permutation
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class Translation:
    """A space translated for Helion's searches.

    Attributes:
        spec: makes a fresh ``ConfigSpec``; call it while ``target`` is visible.
        proposal: a normalised Helion config as values of NearOpt's parameters; they may break constraints.
        config: the Helion config of what was measured in place of a proposal, not normalised. If the configuration
            has no value (an inactive parameter) the proposal's stays.
        target: the device that Helion should assume.
        native: whether the spec is Helion's own.
        overrides: Helion's ``autotune_config_overrides``: the values that the space pins.
    """

    spec: Callable[[], ConfigSpec]
    proposal: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    config: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
    target: Target
    native: bool
    overrides: Mapping[str, Any] = field(default_factory=dict)


def translate(space: SearchSpace) -> Translation:
    """Translate ``space`` for Helion's searches."""
    description = description_of(space)
    if description is None:
        return Translation(
            lambda: create_user_config_spec({p.name: fragment(p) for p in space.parameters}),
            lambda config: {p.name: value_of(p, config[p.name]) for p in space.parameters},
            lambda proposed, measured: {
                p.name: tunable_of(p, measured[p.name]) if p.name in measured else proposed[p.name]
                for p in space.parameters
            },
            Target(),
            native=False,
        )
    major, minor = description["capability"] or (9, 0)
    return Translation(
        lambda: config_spec(description),
        lambda config: configuration_of(config, space),
        lambda _, measured: helion_config(measured),
        Target(description["num_sm"], 10 * major + minor),
        native=True,
        overrides=overrides(description),
    )


def fragment(parameter: Parameter) -> ConfigSpecFragment:
    """A parameter as a tunable.

    Gapless powers of two keep their values; other numbers become their position, so that neighbours stay
    neighbours. Block sizes and warps are marked as such, by their names: Helion's searches treat them specially.
    """
    if isinstance(parameter, Permutation):
        return PermutationFragment(parameter.length)
    if isinstance(parameter, Boolean):
        return BooleanFragment()
    if _powers_of_two(parameter):
        low, high = parameter.values[0], parameter.values[-1]
        assert isinstance(low, int) and isinstance(high, int)
        if parameter.name == "num_warps":
            return NumWarpsFragment(low, high)
        return BlockSizeFragment(low, high) if parameter.name.startswith("block_") else PowerOfTwoFragment(low, high)
    if isinstance(parameter, Ordinal | Integer):
        return IntegerFragment(0, parameter.size - 1)
    return EnumFragment(tuple(range(parameter.size)))


def value_of(parameter: Parameter, value: Any) -> Any:
    """NearOpt's value of what Helion chose for :func:`fragment`."""
    if isinstance(parameter, Permutation):
        return tuple(value)
    return value if isinstance(parameter, Boolean) or _powers_of_two(parameter) else parameter.values[value]


def tunable_of(parameter: Parameter, value: Any) -> Any:
    """The inverse of :func:`value_of`."""
    if isinstance(parameter, Permutation):
        return list(value)
    return value if isinstance(parameter, Boolean) or _powers_of_two(parameter) else parameter.code_of[value]


def _powers_of_two(parameter: Parameter) -> bool:
    values = parameter.values
    return (
        isinstance(parameter, Ordinal)
        and all(isinstance(v, int) and v > 0 and v & (v - 1) == 0 for v in values)
        and all(b == 2 * a for a, b in pairwise(values))
    )
