"""What a command of ``nearopt`` is: its words of help, its options, and the function that does it."""

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
    """One command.

    Attributes:
        name: as it is typed, one word or two.
        summary: its line in the list of commands.
        description: what its ``--help`` begins with.
        examples: command lines that work.
        add_options: adds its options to a parser.
        run: does it and returns the exit code. Heavy imports belong inside, or every other command pays for them.
        overrides: prefixes of the Hydra overrides that it takes besides its arguments.
        own_help: whether ``description`` lists the options itself.
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
        """The examples, as the end of ``--help`` shows them."""
        return "examples:\n" + "\n".join(f"  {example}" for example in self.examples)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Import without Python's cycle collector, which looks through all that imports leave and finds nothing."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def seconds(text: str) -> float:
    """The type of an option in seconds, whose value may have a unit.

    Raises:
        ArgumentTypeError: it is no time.
    """
    from harness.config.values import seconds as in_seconds

    try:
        return in_seconds(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """``--config-dir DIR``, which commands that compose configurations share."""
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="an additional folder of Hydra configuration")
