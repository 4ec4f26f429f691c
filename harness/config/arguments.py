"""Check values from the command line against the type hints of the class or function that they go to."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from harness.errors import UserError

PLAIN = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}


def check_types(prefix: str, target: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Refuse an argument that does not fit its hint. Only hints of numbers, text, booleans and null are checked.

    Args:
        prefix: where the arguments come from, for the message: ``strategy`` or ``backend``.

    Raises:
        UserError: naming the argument, its value and the expected type.
    """
    hints = _hints(target)
    for name, value in arguments.items():
        expected = _plain(hints.get(name))
        if expected and not any(_fits(value, kind) for kind in expected):
            words = " or ".join(PLAIN[kind] for kind in expected)
            raise UserError(f"{prefix}.{name}={value}: expected {words}")


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return get_type_hints(function)
    except Exception:  # evaluating a user's hints may raise anything; then nothing is checked
        return {}


def _plain(hint: Any) -> tuple[type, ...]:
    """The plain types that a hint allows; empty if it also allows other types."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return kinds if all(kind in PLAIN for kind in kinds) else ()


def _fits(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)
