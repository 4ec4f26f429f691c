"""Configurations that Helion itself begins with: its default, and its compiler's suggestions. Needs the extra
``helion``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import UserError
from harness.strategies.helion.space import translate
from kernels.helion.target import visible
from search_spaces.helion import values_of
from search_spaces.space import SearchSpace


def helion_default(space: SearchSpace) -> Mapping[str, Any]:
    """The values of ``ConfigSpec.default_config()`` by NearOpt's parameters; they may break constraints.

    Raises:
        UserError: the space is from another Helion version.
    """
    return _suggested(space)[0]


def helion_compiler_seeds(space: SearchSpace) -> list[Mapping[str, Any]]:
    """The values of ``ConfigSpec.compiler_seed_configs``, each merged into the default; often empty.

    Raises:
        UserError: the space is from another Helion version.
    """
    return _suggested(space)[1]


def _suggested(space: SearchSpace) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    translation = translate(space)
    with visible(translation.target):
        try:
            spec = translation.spec()
        except ValueError as error:
            raise UserError(str(error)) from None
        default = dict(spec.default_config().config)
        seeds = [default | dict(config.config) for config in spec.compiler_seed_configs]
        for config in (default, *seeds):
            config |= translation.overrides
            spec.normalize(config, _fix_invalid=True)
    return _active(space, default), [_active(space, config) for config in seeds]


def _active(space: SearchSpace, config: Mapping[str, Any]) -> Mapping[str, Any]:
    from harness.strategies.common.proposals import without_inactive

    return without_inactive(space, values_of(config, space))
