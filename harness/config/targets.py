"""From a Hydra target to an object: the one place where a ``_target_`` is imported and called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from hydra._internal.utils import _locate
from hydra.errors import HydraException
from hydra.utils import instantiate

from harness.config.arguments import check_types
from harness.errors import UserError
from harness.system.near import expected_name
from harness.system.text import one_line

HYDRA_HINT = ", set env var HYDRA_FULL_ERROR=1 to see chained exception."
"""A hint that Hydra appends; messages drop it and give the reason."""
HYDRA_WORDS = ("_target_", "_partial_", "_convert_", "_recursive_", "_args_")

Check = Callable[[str, str, Any], None]
"""A check that refuses an object before it is called; takes the field, the dotted path and the object."""


def check_strategy(where: str, target: str, candidate: Any) -> None:
    """Refuse a class without ``ask`` and ``tell``; the return value of a function is checked after the call.

    Raises:
        UserError: naming the missing methods.
    """
    if not callable(candidate):
        raise UserError(f"{where}: {target}: {type(candidate).__name__}: expected a class with ask and tell")
    missing = [
        name for name in ("ask", "tell") if isinstance(candidate, type) and not callable(getattr(candidate, name, None))
    ]
    if missing:
        raise UserError(f"{where}: {target}: has no {' and no '.join(missing)}: expected a class with ask and tell")


def target_object(field: str, path: str, base: type | None = None) -> Any:
    """The class or function at a dotted path; does not call it.

    Args:
        field: where the path comes from, for messages: ``strategy.sampler``.
        base: the required base class; ``None`` accepts any callable.

    Raises:
        UserError: the target cannot be imported, or is of the wrong kind.
    """
    try:
        target = _locate(path)  # hydra.utils.get_object logs what it raises
    except Exception as error:  # importing a module may raise anything
        raise UserError(f"{field}={path}: {_why_not_found(path, error)}") from None
    expected = "a class or function" if base is None else f"a class derived from {base.__module__}.{base.__qualname__}"
    fits = callable(target) if base is None else isinstance(target, type) and issubclass(target, base)
    if not fits:
        raise UserError(f"{field}={path}: expected {expected}")
    return target


def _why_not_found(path: str, error: Exception) -> str:
    """Which part of a dotted path does not exist, and the nearest name."""
    module, _, name = path.rpartition(".")
    if not module:
        return "expected a dotted path, MODULE.NAME"
    try:
        found = import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name and f"{path}.".startswith(f"{missing.name}."):
            return f"no module {missing.name}"
        return f"{module} cannot be imported: {one_line(missing, 300)}"
    except Exception as broken:  # importing a module may raise anything
        return f"{module} cannot be imported: {type(broken).__name__}: {one_line(broken, 300)}"
    if hasattr(found, name):
        return one_line(error, 400)
    names = [each for each, value in vars(found).items() if callable(value) and not each.startswith("_")]
    return f"no {name} in {module}" + (f": expected {expected_name(name, names)}" if names else "")


def call_target(
    field: str, target: Callable[..., Any], arguments: Mapping[str, Any], offered: Mapping[str, Any] | None = None
) -> Any:
    """Call a library's class or function with the user's arguments, and with those of ``offered`` that it accepts.

    Raises:
        UserError: it refuses them, or an optional dependency is not installed.
    """
    takes = inspect.signature(target).parameters
    given = {name: value for name, value in (offered or {}).items() if name in takes}
    try:
        return target(**{**given, **arguments})
    except (TypeError, ValueError, ImportError) as error:
        name = getattr(target, "__qualname__", str(target))
        raise UserError(f"{field}: {name}: {one_line(error, 300)}") from error


def declared_target(what: str, target: Mapping[str, Any]) -> Any:
    """The class or function that a configuration's ``_target_`` names; does not call it.

    Args:
        what: where the configuration comes from, for messages: ``strategy``, ``backend``.

    Raises:
        UserError: there is no target, or it cannot be imported.
    """
    return target_object(f"{what}._target_", _path(what, target))


def check_takes(what: str, target: Mapping[str, Any], given: Sequence[str] = ()) -> None:
    """Refuse arguments that the target's signature lacks; a target that cannot be imported is reported when it is
    built.

    Args:
        given: arguments that the harness passes itself, so that a user's value would be ignored.

    Raises:
        UserError: naming the argument, its value and the nearest name.
    """
    try:
        parameters = inspect.signature(declared_target(what, target)).parameters.values()
    except (UserError, TypeError, ValueError):
        return
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    names = [parameter.name for parameter in parameters if parameter.name not in given]
    for name, value in target.items():
        if name in given or not (anything or name in names or name in HYDRA_WORDS):
            near = expected_name(name, names, f"{what}.")
            expected = f"an argument of {_path(what, target)}" if near.startswith("one of") else near
            raise UserError(f"{what}.{name}={value}: unknown option: expected {expected}")


def instantiate_target(
    what: str, target: Mapping[str, Any], check: Check | None = None, *, any_error: bool = False, **arguments: Any
) -> Any:
    """Instantiate a Hydra target from its configuration and from arguments that only the harness knows.

    Args:
        what: where the configuration comes from, for messages: ``strategy``, ``backend``.
        check: a check of the object that ``_target_`` names, before it is called.
        any_error: report any exception of the target as a user error, instead of only mismatches with its signature.

    Raises:
        UserError: the target cannot be imported or does not accept its arguments.
    """
    path = _path(what, target)
    declared_target(what, target)
    try:
        # Instantiate partially first: Hydra would turn the arguments into configuration nodes.
        partial = instantiate({**target, "_partial_": True, "_convert_": "all"})
        if check is not None:
            check(f"{what}._target_", path, partial.func)
        check_types(what, partial.func, partial.keywords)
        return partial(**arguments)
    except HydraException as error:
        cause = error.__cause__ or error
        if isinstance(cause, UserError):
            raise cause from None
        text = f"{error} {cause}" if cause is not error else str(error)
        raise UserError(f"{what}: {one_line(text.replace(HYDRA_HINT, ':'), 400)}") from None
    except UserError:
        raise
    except Exception as error:
        refused = isinstance(error, TypeError) and "argument" in str(error)
        if any_error or refused:
            raise UserError(f"{what}: {path}: {one_line(error, 400)}") from error
        raise


def _path(what: str, target: Mapping[str, Any]) -> str:
    if "_target_" not in target:
        raise UserError(f"{what}._target_: missing: expected the dotted path of a class or function")
    return str(target["_target_"])
