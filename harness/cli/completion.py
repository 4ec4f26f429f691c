"""Tab completion, installed the way Hydra does it: ``eval "$(nearopt -sc install=bash)"``.

Candidates come from ``nearopt -sc query=SHELL``.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Sequence

from harness.cli.command import Command
from harness.errors import UserError
from harness.system.near import expected_name

FLAGS = ("-sc", "--shell-completion")
_BASH = """_nearopt() {
    local IFS=$'\\n'
    COMPREPLY=( $(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" nearopt -sc query=bash 2>/dev/null) )
    [[ "${#COMPREPLY[@]}" == 1 && "${COMPREPLY[0]}" =~ [=./]$ ]] && compopt -o nospace
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]/}
complete -o default -F _nearopt nearopt"""
_INSTALL = {
    "bash": _BASH,
    "zsh": f"autoload -Uz bashcompinit && bashcompinit\n{_BASH}",
    "fish": "complete -c nearopt -f -a '(env COMP_LINE=(commandline -cp) nearopt -sc query=fish)'",
}
_UNINSTALL = {
    "bash": "complete -r nearopt; unset -f _nearopt",
    "zsh": "complete -r nearopt; unset -f _nearopt",
    "fish": "complete -c nearopt -e",
}


def completion(words: Sequence[str], commands: Sequence[Command]) -> str:
    """The text that ``nearopt -sc install=SHELL``, ``uninstall=SHELL`` or ``query=SHELL`` prints.

    A query reads the command line from ``COMP_LINE`` and the cursor position from ``COMP_POINT``, which bash sets.

    Raises:
        UserError: another word, or an unknown shell.
    """
    action, equals, shell = (words[0] if words else "").partition("=")
    if len(words) != 1 or not equals or action not in ("install", "uninstall", "query"):
        raise UserError("nearopt -sc: expected install=SHELL, uninstall=SHELL or query=SHELL")
    if shell not in _INSTALL:
        raise UserError(f"nearopt -sc {words[0]}: expected {expected_name(shell, list(_INSTALL), f'{action}=')}")
    if action != "query":
        return (_INSTALL if action == "install" else _UNINSTALL)[shell]
    line = os.environ.get("COMP_LINE", "")
    point = os.environ.get("COMP_POINT", "")
    return "\n".join(candidates(line[: int(point)] if point.isdigit() else line, commands, hydras))


def candidates(line: str, commands: Sequence[Command], overrides: Callable[[str], Sequence[str]]) -> list[str]:
    """Completions of the last word of a command line.

    Args:
        line: the command line up to the cursor, starting with the program's name.
        overrides: completes the words after a command that takes overrides.
    """
    before, last = _split(line)
    names = [command.name for command in commands]
    if len(before) <= 1:
        return [name for name in names if name.startswith(last) and " " not in name]
    two = [name.split()[1] for name in names if " " in name and name.split()[0] == before[1]]
    if two and len(before) == 2 and (below := [name for name in two if name.startswith(last)]):
        return below
    command = next((command for command in commands if command.name == before[1]), None)
    if command is None:
        return []
    parser = argparse.ArgumentParser(add_help=not command.own_help)
    command.add_options(parser)
    if last.startswith("-"):
        return sorted(option for option in parser._option_string_actions if option.startswith(last))
    if command.overrides or "overrides" in {action.dest for action in parser._actions}:
        given = [word for word in before[2:] if not word.startswith("-") and "=" in word]
        return list(overrides(" ".join([*given, last])))
    return []


def hydras(line: str) -> list[str]:
    """Hydra's completions of an override: keys, groups and the names in a group."""
    import hydra
    from hydra._internal.core_plugins.bash_completion import BashCompletion
    from hydra.core.global_hydra import GlobalHydra

    from harness.config.compose import Composer
    from harness.system.resources import conf_directory

    Composer()  # registers the schema and the installed plug-ins
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        found: list[str] = BashCompletion(GlobalHydra.instance().config_loader())._query("config", line)
    return [word for word in found if not word.startswith("hydra") or word.startswith("hydra/launcher")]


def _split(line: str) -> tuple[list[str], str]:
    """All words but the last, and the last word, which is empty after a space."""
    try:
        words = shlex.split(line)
    except ValueError:  # an open quote
        words = line.split()
    if not words or line[-1:].isspace():
        return words, ""
    return words[:-1], words[-1]
