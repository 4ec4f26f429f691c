"""The default configuration that a task declares, in a form that a search can begin with in this shape's space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UserError
from harness.evaluation import Configuration
from harness.strategies.common.extras import extra
from harness.strategies.common.proposals import without_inactive
from search_spaces.errors import InvalidConfiguration
from search_spaces.helion import description_of
from search_spaces.space import SearchSpace


def default_of(
    space: SearchSpace, default: Mapping[str, Any], fallbacks: Sequence[Mapping[str, Any]] = ()
) -> tuple[Configuration, str]:
    """The default, and the declaration that it comes from.

    That is ``default`` if the constraints allow it, otherwise the first of ``fallbacks``, each merged into the default,
    that they allow. Parameters that the space lacks are ignored. For a Helion space without a declaration it is
    Helion's own default. A default is never moved to the nearest feasible configuration.

    Raises:
        UserError: none is declared, the constraints allow none, or it is not in the recorded sample.
    """
    if not default:
        if description_of(space) is None:
            raise UserError("the task declares no default: expected a task with task.default")
        with extra("helion"):
            from harness.strategies.helion.seeds import helion_default
        return recorded(space, helion_default(space), "Helion's default"), "helion"
    faults: list[str] = []
    for i, instead in enumerate([{}, *fallbacks]):
        name = f"task.fallbacks[{i - 1}]" if i else "task.default"
        try:
            return recorded(space, _by_the_rules(space, {**default, **instead}), name), name
        except InvalidConfiguration as error:
            faults.append(f"{name}: {error}")
    raise UserError(f"{'; '.join(faults)}: expected a default that this shape allows, or a fallback")


def recorded(space: SearchSpace, configuration: Mapping[str, Any], name: str) -> Configuration:
    """A configuration in the space's own values.

    Raises:
        UserError: it is infeasible or not in the recorded sample.
    """
    try:
        canonical = space.canonicalize(configuration)
        if not space.contains(canonical) and space.satisfied(space.encode(canonical)[None, :])[0]:
            raise UserError(
                f"{name}: {canonical} is not in the recorded sample: expected a recorded configuration, or backend=live"
            )
        space.validate(configuration)
    except InvalidConfiguration as error:
        raise UserError(f"{name}: {error}: expected a configuration of the space") from None
    return canonical


def _by_the_rules(space: SearchSpace, values: Mapping[str, Any]) -> Configuration:
    """The canonical configuration of some values, if conditions and constraints allow it, recorded or not.

    Raises:
        InvalidConfiguration: they are not allowed.
    """
    known = {name: value for name, value in values.items() if name in space.names}
    configuration = space.canonicalize(without_inactive(space, known))
    if not space.satisfied(space.encode(configuration)[None, :])[0]:
        space.validate(configuration)
    return configuration
