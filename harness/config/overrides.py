"""Translate overrides as users write them into the spelling that Hydra expects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from harness.errors import UserError
from harness.landscapes.library import SEPARATOR

ENDS_A_QUOTE = re.compile(r"(\\*)('|\Z)")

TARGET, LABEL = "strategy._target_", "strategy.label"
ARGUMENTS = "strategy.arguments."
"""Prefix of arguments of a library's class or function, which no YAML lists."""

HYDRA_KEYS = ("hydra/launcher", "hydra.launcher.", "hydra.searchpath")


def natural(overrides: Sequence[str]) -> list[str]:
    """Translate overrides for Hydra.

    * ``task=NAME__DEVICE``, the spelling of results and landscape files, also sets the device.
    * ``strategy._target_=PATH`` allows arguments that no YAML lists (Hydra requires ``++`` before them, and before
      those below ``strategy.arguments``), and the label becomes that of the class, since a run must not carry the name
      of the strategy whose YAML was replaced.
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
    """The name in the override ``group=NAME``; ``None`` without one."""
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


def check_readable(overrides: Sequence[str]) -> None:
    """Refuse overrides that Hydra's grammar does not accept, and say how to write them; usually a path needs quotes.

    Raises:
        UserError: for the first such override.
    """
    parser = OverridesParser.create()
    for override in overrides:
        try:
            parser.parse_override(override)
        except HydraException:
            key, found, value = override.partition("=")
            if not found:
                raise UserError(f"{override}: expected NAME=VALUE") from None
            if not value or any(character in value for character in "'\"()[]{}"):
                raise UserError(f"{override}: {_unpaired(key, value)}") from None
            raise UserError(f"{override}: {quoting(key, value)}") from None


def _unpaired(key: str, value: str) -> str:
    """The message about unpaired quotes and brackets, instead of the one of Hydra's lexer."""
    if not value:
        return "expected a value"
    return f"expected quotes and brackets in pairs; if the value is plain text, {quoting(key, value)}"


def check_hydra_keys(overrides: Sequence[str]) -> None:
    """Refuse Hydra settings that have no effect here, such as its log and its working directory.

    Raises:
        UserError: naming the first such setting.
    """
    for override in overrides:
        key = _key(override.lstrip("~"))
        if key.startswith(("hydra.", "hydra/")) and not key.startswith(HYDRA_KEYS):
            raise UserError(f"{override}: unknown option: expected of Hydra only hydra/launcher and hydra.launcher.… "
                            "(results=DIR names the folder)")  # fmt: skip


def check_lists_of_files(overrides: Sequence[Override]) -> None:
    """Refuse a list whose text is the name of an existing file.

    Raises:
        UserError: naming the override.
    """
    for override in overrides:
        key, found, text = str(override.input_line).partition("=")
        if found and override.is_sweep_override() and _exists(text):
            raise UserError(
                f"{override.input_line}: names an existing file but would be read as a list: {quoting(key, text)}"
            )


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a name, or not a valid name
        return False


def quoting(key: str, value: str) -> str:
    """Advice on quoting a text that Hydra would split."""
    return f"""quote the value, for Hydra and for the shell: {key}="{quoted(value)}\""""


def quoted(value: object) -> str:
    """A text quoted for Hydra. A backslash is doubled only before a quote."""
    return "'" + ENDS_A_QUOTE.sub(lambda found: 2 * found[1] + ("\\'" if found[2] else ""), str(value)) + "'"


def budget_words(evaluations: int | None, seconds: float | None) -> list[str]:
    """The overrides of a budget, whose limits end a run, whichever comes first; empty for the default."""
    if seconds is None:
        return [] if evaluations is None else [f"budget.evaluations={evaluations}"]
    return [f"budget.evaluations={'null' if evaluations is None else evaluations}", f"budget.seconds={seconds:g}"]
