"""Classes of libraries named by their dotted path in a YAML or on the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hydra.utils import get_object

from harness.errors import UserError


def named(field: str, path: str, base: type | None = None) -> Callable[..., Any]:
    """The class or function at ``path``.

    Args:
        field: where the path comes from, for messages: ``strategy.sampler``.
        base: what a class must derive from; ``None`` takes any callable.

    Raises:
        UserError: it cannot be imported, or is not what it should be.
    """
    try:
        loaded = get_object(path)
    except Exception as error:  # whatever the module does while it is imported
        raise UserError(f"{field}={path}: {' '.join(str(error).split())[:300]}") from None
    expected = f"a class derived from {base.__module__}.{base.__qualname__}" if base is not None else "a function"
    fits = callable(loaded) if base is None else isinstance(loaded, type) and issubclass(loaded, base)
    if not fits:
        raise UserError(f"{field}={path}: expected {expected}")
    return loaded  # type: ignore[no-any-return]


def make(
    field: str, target: Callable[..., Any], arguments: Mapping[str, Any], offered: Mapping[str, Any] | None = None
) -> Any:
    """Call ``target`` with the user's arguments, and with those ``offered`` that it takes and the user did not give.

    Raises:
        UserError: it refuses them, or an optional dependency of its is not installed.
    """
    takes = inspect.signature(target).parameters
    given = {name: value for name, value in (offered or {}).items() if name in takes}
    try:
        return target(**{**given, **arguments})
    except (TypeError, ValueError, ImportError) as error:
        name = getattr(target, "__qualname__", str(target))
        raise UserError(f"{field}: {name}: {' '.join(str(error).split())[:300]}") from error
