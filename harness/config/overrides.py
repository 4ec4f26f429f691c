"""Overrides as people write them, in the spelling that Hydra wants."""

from __future__ import annotations

from collections.abc import Sequence

from harness.landscapes.library import SEPARATOR

TARGET, LABEL = "strategy._target_", "strategy.label"
ARGUMENTS = "strategy.arguments."
"""What goes to a library's class or function, whose arguments no YAML lists."""


def natural(overrides: Sequence[str]) -> list[str]:
    """The same overrides for Hydra.

    * ``task=NAME__DEVICE``, as results and landscape files spell it, names the device too.
    * With ``strategy._target_=PATH`` come arguments that no YAML knows (Hydra wants ``++`` before them; so do those
      below ``strategy.arguments``), and the label is that of the class: a run must not go by the name of the strategy
      whose YAML was replaced.
    """
    resolved = [part for override in overrides for part in _with_device(override)]
    given = {_key(override): override for override in resolved}
    free = "strategy." if TARGET in given else ARGUMENTS
    forced = [f"++{o.lstrip('+')}" if _key(o).startswith(free) else o for o in resolved]
    if TARGET not in given:
        return forced
    if LABEL not in given:
        path = given[TARGET].split("=", 1)[1].strip("'\"")
        forced.append(f"++{LABEL}='{path.rsplit('.', 1)[-1]}'")
    return forced


def chosen(overrides: Sequence[str], group: str) -> str | None:
    """The name that ``group=NAME`` asks for."""
    names = [override.split("=", 1)[1] for override in overrides if _key(override) == group]
    return names[-1].strip("'\"") if names else None


def _key(override: str) -> str:
    key, equals, _ = override.partition("=")
    return key.lstrip("+") if equals and not override.startswith("~") else ""


def _with_device(override: str) -> list[str]:
    if override.startswith("task=") and SEPARATOR in override:
        task, device = override.split(SEPARATOR, 1)
        return [task, f"backend.device={device}"]
    return [override]
