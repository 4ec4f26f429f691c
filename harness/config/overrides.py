"""Overrides as people write them, in the spelling that Hydra wants."""

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
"""What goes to a library's class or function, whose arguments no YAML lists."""

HYDRA_KEYS = ("hydra/launcher", "hydra.launcher.", "hydra.searchpath")


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


def check_readable(overrides: Sequence[str]) -> None:
    """Say how to write an override that Hydra's grammar does not take: most often a path that wants quotes.

    Raises:
        UserError: for the first that it does not take.
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
    """What to say of quotes and brackets that Hydra cannot read: it speaks of its own lexer."""
    if not value:
        return "expected a value"
    return f"expected quotes and brackets in pairs; where it is plain text, {quoting(key, value)}"


def check_hydra_keys(overrides: Sequence[str]) -> None:
    """Refuse settings of Hydra's own that nothing here reads: where it would log, and in which folder it would work.

    Raises:
        UserError: naming the first.
    """
    for override in overrides:
        key = _key(override.lstrip("~"))
        if key.startswith(("hydra.", "hydra/")) and not key.startswith(HYDRA_KEYS):
            raise UserError(f"{override}: unknown option: of Hydra's own expected hydra/launcher and hydra.launcher.… "
                            "(results=DIR names the folder)")  # fmt: skip


def check_lists_of_files(overrides: Sequence[Override]) -> None:
    """Refuse a list that is, as a whole, the name of one file.

    Raises:
        UserError: naming it.
    """
    for override in overrides:
        key, found, text = str(override.input_line).partition("=")
        if found and override.is_sweep_override() and _exists(text):
            raise UserError(f"{override.input_line}: names one file, but would be read as a list: {quoting(key, text)}")


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # longer than any name may be, or no name at all
        return False


def quoting(key: str, value: str) -> str:
    """How to give a text that Hydra would take apart."""
    return f"""quote the value, for Hydra and for the shell: {key}="{quoted(value)}\""""


def quoted(value: object) -> str:
    """A text as Hydra takes it whole. A backslash is doubled where a quote follows, and nowhere else."""
    return "'" + ENDS_A_QUOTE.sub(lambda found: 2 * found[1] + ("\\'" if found[2] else ""), str(value)) + "'"


def budget_words(evaluations: int | None, seconds: float | None) -> list[str]:
    """The overrides of a budget, of which whichever part comes first ends a run; none for the default."""
    if seconds is None:
        return [] if evaluations is None else [f"budget.evaluations={evaluations}"]
    return [f"budget.evaluations={'null' if evaluations is None else evaluations}", f"budget.seconds={seconds:g}"]
