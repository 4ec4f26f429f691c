"""Read search spaces from the JSON documents in landscapes, which :meth:`SearchSpace.to_json` wrote."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from search_spaces.errors import SpaceError
from search_spaces.limits import MAX_RULES
from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Parameter, Permutation


def space_arguments(document: Any) -> dict[str, Any]:
    """Return the arguments from which a :class:`SearchSpace` was built.

    Raises:
        SpaceError: a field is at fault; the message names it.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("parameters"), list):
        raise SpaceError("parameters: expected a list")
    constraints = document.get("constraints", [])
    if not isinstance(constraints, list) or not all(isinstance(source, str) for source in constraints):
        raise SpaceError(f"constraints={_shown(constraints)}: expected a list of expressions")
    for name in ("constants", "features"):
        if not isinstance(document.get(name, {}), Mapping):
            raise SpaceError(f"{name}={_shown(document[name])}: expected an object")
    if len(document["parameters"]) > MAX_RULES:
        raise SpaceError(f"{len(document['parameters'])} parameters: expected at most {MAX_RULES}")
    return {
        "parameters": [parameter_from_json(parameter) for parameter in document["parameters"]],
        "constraints": constraints,
        "constants": document.get("constants"),
        "features": document.get("features"),
    }


def parameter_from_json(document: Any) -> Parameter:
    """Rebuild a parameter from the document of :meth:`Parameter.to_json`.

    Raises:
        SpaceError: a field is at fault; the message names it.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("name"), str):
        raise SpaceError(f"parameter {_shown(document)}: expected an object with a name")
    name: str = document["name"]
    kind = _field(document, "kind", str)
    condition = document.get("active_when")
    if condition is not None and not isinstance(condition, str):
        raise SpaceError(f"parameter {name!r}: active_when={condition!r}: expected an expression")
    match kind:
        case "categorical":
            return Categorical(name, tuple(_field(document, "values", list)), condition)
        case "ordinal":
            values = tuple(_field(document, "values", list))
            return Ordinal(name, values, document.get("scale", "linear"), condition)
        case "boolean":
            return Boolean(name, condition)
        case "integer":
            low, high = _field(document, "low", int), _field(document, "high", int)
            return Integer(name, low, high, document.get("step", 1), condition)
        case "permutation":
            return Permutation(name, _field(document, "length", int), condition)
    raise SpaceError(
        f"parameter {name!r}: kind={kind!r}: expected categorical, ordinal, boolean, integer or permutation"
    )


def _field(document: Mapping[str, Any], field: str, kind: type) -> Any:
    name = document["name"]
    if field not in document:
        raise SpaceError(f"parameter {name!r}: field {field!r} is missing")
    value = document[field]
    if not isinstance(value, kind):
        raise SpaceError(f"parameter {name!r}: {field}={_shown(value)}: expected {kind.__name__}")
    return value


def _shown(value: Any) -> str:
    """Show a value of any size and depth in a message."""
    return reprlib.repr(value)
