"""The search space of a recording, and how much of the described space it covers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from harness.errors import UserError
from harness.formats.foreign import ForeignRecording
from harness.formats.kinds import Domain, domain_of
from harness.formats.t1 import Description
from harness.formats.values import shown
from search_spaces.errors import SpaceError, SpaceTooLarge
from search_spaces.space import SearchSpace

MAX_COUNTED = 5_000_000


def domains_of(foreign: ForeignRecording, description: Description | None) -> dict[str, Domain]:
    """Return the domain of every name in the recording's rows, in the recording's order.

    The domains are those that the file declares, or else the description's, or else the values that occur.

    Raises:
        UserError: the description does not fit the recording.
    """
    if description is not None:
        _check_fit(foreign, description)
    values = foreign.domains
    if description is not None and not foreign.declared:
        values = {name: description.domains.get(name, own) for name, own in values.items()}
    return _domains(f"{foreign.path}: {foreign.values_field}", values)


def _domains(where: str, values: Mapping[str, Sequence[Any]]) -> dict[str, Domain]:
    try:
        return {name: domain_of(name, given) for name, given in values.items()}
    except SpaceError as error:
        raise UserError(f"{where}: {error}") from None


def _check_fit(foreign: ForeignRecording, description: Description) -> None:
    described = _domains(f"{description.path}: TuningParameters", description.domains)
    for name, values in foreign.domains.items():
        where = f"{foreign.path}: {foreign.values_field}.{name}"
        if name not in described:
            if len(values) > 1:
                raise UserError(f"{where}: not a parameter of {description.path}: expected the same parameters")
            continue
        for value in values:
            if described[name].value(value) is None:
                raise UserError(f"{where}: {shown(value)} is not among the values of {description.path}")
    for name, values in description.domains.items():
        if name not in foreign.domains and len(values) > 1:
            raise UserError(f"{description.path}: TuningParameters.{name}: {foreign.path} has no such parameter")


def space_of(where: str, domains: Iterable[Domain], description: Description | None) -> SearchSpace:
    """Build the space over the domains with more than one value, under the description's constraints.

    Raises:
        UserError: a parameter or an expression is at fault; the message names it.
    """
    domains = list(domains)
    constants: dict[str, Any] = {}
    if description is not None:
        known = {
            **description.limits,
            **{name: values[0] for name, values in description.domains.items() if len(values) == 1},
            **{domain.name: domain.only for domain in domains if domain.parameter is None},
        }
        mentioned = description.mentioned - {domain.name for domain in domains if domain.parameter is not None}
        constants = {name: value for name, value in known.items() if name in mentioned}
    try:
        return SearchSpace(
            [domain.parameter for domain in domains if domain.parameter is not None],
            () if description is None else description.constraints,
            constants,
        )
    except SpaceError as error:
        at = where if description is None else description.path
        raise UserError(f"{at}: {error}") from None


def coverage_of(
    foreign: ForeignRecording, description: Description | None, configurations: int, space: SearchSpace
) -> dict[str, Any]:
    """Return the landscape's ``coverage``, and in ``space_size`` the number of configurations to be covered.

    Args:
        configurations: the number of different feasible configurations in the recording.
        space: the space of the values that occur.
    """
    if description is None:
        if not foreign.complete:
            return {"kind": "sample", "drawn": "cut off in mid-write: what the session had measured until then"}
        if foreign.searched:
            return _of_search(configurations, space)
        return {"kind": "exhaustive", "drawn": "taken for the whole space: no T1 description to check it against"}
    name = description.path.name
    size = _size(_whole_space(foreign, description))
    if configurations == size:
        return {"kind": "exhaustive", "drawn": f"all {size} of {name}", "space_size": size}
    of = f"more than {MAX_COUNTED}" if size is None else str(size)
    drawn = f"{configurations} of {of} in {name}"
    if not foreign.complete:
        drawn += "; cut off in mid-write"
    elif foreign.declared and (cut := _narrowed(foreign, description)):
        drawn += f", which has more values of {', '.join(cut)}"
    return {"kind": "sample", "drawn": drawn, **({} if size is None else {"space_size": size})}


def _of_search(configurations: int, space: SearchSpace) -> dict[str, Any]:
    """The coverage of rows that a search chose: exhaustive if they are the whole grid, else a non-uniform sample."""
    grid = prod(len(parameter.values) for parameter in space.parameters)
    if configurations == grid:
        return {"kind": "exhaustive", "drawn": f"all {grid} combinations of the values that occur"}
    return {
        "kind": "sample",
        "drawn": f"the {configurations} of {grid} combinations that a search tried: not a uniform sample",
    }


def _whole_space(foreign: ForeignRecording, description: Description) -> SearchSpace:
    where = f"{description.path}: TuningParameters"
    return space_of(str(foreign.path), _domains(where, description.domains).values(), description)


def _size(space: SearchSpace) -> int | None:
    try:
        return space.size
    except SpaceTooLarge:
        return None


def _narrowed(foreign: ForeignRecording, description: Description) -> list[str]:
    return [n for n, v in description.domains.items() if n in foreign.domains and len(foreign.domains[n]) < len(v)]
