"""A command of ``nearopt``: its help texts, its options and the function that runs it."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError

Options = Callable[[argparse.ArgumentParser], None]
Action = Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Command:
    """One command of ``nearopt``.

    Attributes:
        name: one or two words, as typed.
        summary: the command's line in the list of commands.
        description: the first paragraph of its ``--help``.
        examples: command lines that work.
        add_options: adds its options to a parser.
        run: runs the command and returns the exit code. Heavy imports belong inside it: other commands must start fast.
        overrides: prefixes of the Hydra overrides that the command accepts besides its arguments.
        own_help: whether ``description`` already lists the options.
    """

    name: str
    summary: str
    description: str
    examples: tuple[str, ...]
    add_options: Options
    run: Action
    overrides: tuple[str, ...] = ()
    own_help: bool = False

    def epilog(self) -> str:
        """The examples, formatted for the end of ``--help``."""
        return "examples:\n" + "\n".join(f"  {example}" for example in self.examples)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Import without Python's cycle collector, which would scan everything that imports create and free nothing."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def seconds(text: str) -> float:
    """Parse the value of an option in seconds; the value may have a unit.

    Raises:
        ArgumentTypeError: the text is not a duration.
    """
    from harness.config.values import seconds as in_seconds

    try:
        return in_seconds(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """``--config-dir DIR``, the option of all commands that compose configurations."""
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="an additional folder of Hydra configuration")
