"""``task=all`` and ``glob()`` in sweeps: expand them to names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from hydra.errors import HydraException

from harness.errors import UserError
from harness.landscapes.library import LIBRARY_DEVICE, SEPARATOR, recorded_landscapes
from harness.system.near import expected_name

ALL = "all"


def spelled_out(overrides: Sequence[str], names_of: Callable[[str], Sequence[str]]) -> list[str]:
    """The overrides of a sweep with ``task=all`` and globs replaced by lists.

    Tasks are those that have a shape; in replay, those recorded on the requested device.

    Args:
        names_of: the options of a configuration group.

    Raises:
        UserError: a glob matches nothing, or ``all`` is one of several names.
    """
    for override in overrides:
        group, _, text = override.partition("=")
        if group == "task" and "," in text and ALL in text.split(","):
            raise UserError(f"{override}: expected task={ALL} alone, or a list of tasks")
    return [_spelled(override, overrides, names_of) for override in overrides]


def is_many(override: str) -> bool:
    """Whether the override expands to several names, which only a sweep accepts."""
    return override == f"task={ALL}" or "=glob(" in override


def _spelled(override: str, overrides: Sequence[str], names_of: Callable[[str], Sequence[str]]) -> str:
    if not is_many(override):
        return override
    group, _, text = override.partition("=")
    named = _tasks(names_of(group), overrides) if group == "task" else list(names_of(group))
    found = named if text == ALL else _glob(override).filter(named)
    if not found:
        expected = expected_name("", named) if named else "another device" if group == "task" else "a list"
        raise UserError(f"{override}: no {group} matches: expected {expected}")
    return f"{group}={','.join(found)}"


def _glob(override: str) -> Glob:
    try:
        value = OverridesParser.create().parse_override(override).value()
    except HydraException:
        value = None
    if not isinstance(value, Glob):
        raise UserError(f"{override}: expected glob(PATTERN) or glob([PATTERN,…],exclude=PATTERN)")
    return value


def _tasks(names: Sequence[str], overrides: Sequence[str]) -> list[str]:
    shapes = [name for name in names if "-" in name]
    if any(override.startswith("backend=") and override != "backend=replay" for override in overrides):
        return shapes
    asked = [override.partition("=")[2] for override in overrides if override.startswith("backend.device=")]
    recorded: dict[str, set[str]] = {}
    for path in recorded_landscapes():
        task, device = path.stem.split(SEPARATOR, 1)
        recorded.setdefault(task, set()).add(device)
    device = asked[-1] if asked else LIBRARY_DEVICE
    return [name for name in shapes if device in (on := recorded.get(name, ())) or (not asked and len(on) == 1)]
