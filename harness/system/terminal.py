"""All output to the terminal, with control characters of foreign text made harmless."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.system.text import printable

if TYPE_CHECKING:
    from rich.console import Console

_KEPT = "\n\t"


def say(text: object, end: str = "\n", flush: bool = False) -> None:
    """Print to stdout."""
    print(printable(str(text), _KEPT), end=end, flush=flush)


def warn(text: object) -> None:
    """Print to stderr."""
    print(printable(str(text), _KEPT), file=sys.stderr, flush=True)


def console() -> Console:
    """A Rich console on stderr for live displays, without markup. Text goes through ``printable`` first."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, highlight=False)
