"""Parse the words of a command line into a command and its arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from typing import NoReturn

from harness.cli.command import Command
from harness.cli.commands import BY_NAME, COMMANDS
from harness.errors import UserError
from harness.system.near import expected_name

DESCRIPTION = """How fast does a tuner get near the optimum of a real GPU kernel?

exit codes: 0 done, 2 wrong input or results that cannot be written (one line on stderr), 130 Ctrl-C, 1 anything else;
gate: 4 regression, 3 undecided

tab completion: eval "$(nearopt -sc install=bash)", or zsh, or fish"""
_MAY_BE_EMPTY = ("--beside",)
"""Options whose value is a list of names, which may be empty."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message} (see {self.prog} --help)")


def command_parser(shown: Sequence[Command] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of ``nearopt`` with one subparser for each of these commands."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="nearopt", description=DESCRIPTION, formatter_class=formatter)
    parser.add_argument("--version", action="version", version=f"nearopt {version('nearopt')}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", parser_class=_Parser)
    for command in shown:
        command.add_options(
            commands.add_parser(
                command.name,
                help=command.summary,
                description=command.description,
                epilog=command.epilog(),
                formatter_class=formatter,
                add_help=not command.own_help,
            )
        )
    return parser


def _check_not_empty(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Refuse an empty path: it would mean the working directory, but usually comes from an unset shell variable."""
    for before, word in pairwise(["", *words]):
        if not word and before not in _MAY_BE_EMPTY:
            where = f"{before} ''" if before.startswith("-") else "''"
            parser.error(f"{where}: expected a value (. is the working directory)")
        if word.startswith("--") and word.endswith("=") and word[:-1] not in _MAY_BE_EMPTY:
            parser.error(f"{word}: expected a value (. is the working directory)")


def _unknown(word: str, command: str | None) -> str:
    """The message for an unknown option or a surplus word."""
    name, equals, value = word.lstrip("-").partition("=")
    own = BY_NAME.get(command or "")
    if own is None or not word.startswith("-"):
        where = f"nearopt {command}" if command else "nearopt"
        return f"{where}: unrecognized argument {word} (see {where} --help)"
    parser = argparse.ArgumentParser(add_help=not own.own_help)
    own.add_options(parser)
    known = [option for option in parser._option_string_actions if option.startswith("--")]
    said = f"nearopt {command}: {word}: no such option"
    near = expected_name(f"--{name}", known) if known else ""
    if near.startswith("--") and not near.endswith("the only one"):
        return f"{said}: expected {near}"
    if "overrides" in {action.dest for action in parser._actions}:
        return f"{said}: expected {name}={value if equals else 'VALUE'} if it is an override (nearopt {command} --help)"
    return f"{said} (see nearopt {command} --help)"


def parse(argv: Sequence[str] | None = None) -> tuple[Command | None, argparse.Namespace]:
    """The command and its arguments, overrides and options in any order; the command is ``None`` if none was named.

    Raises:
        UserError: a word is neither a command nor one of its arguments.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and not words[0].startswith("-") and words[0] not in BY_NAME:
        raise UserError(f"nearopt {words[0]}: no such command: expected {expected_name(words[0], list(BY_NAME))}")
    # Of the other commands no parser is built: that took most of the time.
    named = [command for command in COMMANDS if command.name in (" ".join(words[:2]), *words[:1])]
    parser = command_parser(named or COMMANDS)
    _check_not_empty(parser, words)
    if (two := " ".join(words[:2])) in BY_NAME and " " in two:
        words[:2] = [two]
    own = BY_NAME[words[0]].overrides if words and words[0] in BY_NAME else ()
    overrides = [word for word in words if own and word.startswith(own)]
    arguments, rest = parser.parse_known_args([word for word in words if word not in overrides])
    options = [word for word in rest if word.startswith("-")]
    if options or (rest and not hasattr(arguments, "overrides")):
        raise UserError(_unknown((options or rest)[0], arguments.command))
    if own or rest:
        arguments.overrides = [*getattr(arguments, "overrides", ()), *overrides, *rest]
    return BY_NAME.get(arguments.command), arguments
