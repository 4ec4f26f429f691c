"""The only way to the terminal: what others wrote appears there, and does nothing."""

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
    """Rich on stderr, for what moves: brackets in a name are no style. Text goes through ``printable`` first."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, highlight=False)
