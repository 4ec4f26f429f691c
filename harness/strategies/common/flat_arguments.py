"""Arguments that a YAML lists flat, grouped in code by what they decide."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, get_type_hints


def flat_arguments(init: Callable[..., None]) -> Callable[..., None]:
    """Make an ``__init__`` whose keyword-only parameters are dataclasses take the fields of these instead.

    A dataclass holds the defaults of a group of arguments and checks them. From outside the arguments are flat: the
    signature and the type hints name each field, so that the harness lists and checks them as any strategy's.
    """
    hints = get_type_hints(init)
    parameters = inspect.signature(init).parameters.values()
    shared = [parameter for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    groups = {parameter.name: hints[parameter.name] for parameter in parameters if parameter not in shared}
    group_of = {field.name: name for name, group in groups.items() for field in fields(group)}
    assert len(group_of) == sum(len(fields(group)) for group in groups.values()), "a name occurs in two groups"

    @wraps(init)
    def flat_init(*given: Any, **arguments: Any) -> None:
        grouped: dict[str, dict[str, Any]] = {name: {} for name in groups}
        others = {}
        for name, value in arguments.items():
            if name in group_of:
                grouped[group_of[name]][name] = value
            else:
                others[name] = value
        init(*given, **others, **{name: group(**grouped[name]) for name, group in groups.items()})

    flat = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hint)
        for group in groups.values()
        for field, hint in zip(fields(group), _field_hints(group), strict=True)
    ]
    signature = inspect.signature(init).replace(parameters=[*shared, *flat])
    flat_init.__signature__ = signature  # type: ignore[attr-defined]
    flat_init.__annotations__ = {
        **{name: hint for name, hint in hints.items() if name not in groups},
        **{parameter.name: parameter.annotation for parameter in flat},
    }
    return flat_init


def _field_hints(group: type) -> list[Any]:
    hints = get_type_hints(group)
    return [hints[field.name] for field in fields(group)]
