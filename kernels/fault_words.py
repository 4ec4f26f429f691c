"""Words for faults of kernels: an error on one line, and the closest name to a wrong one."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

OURS = tuple(f"{Path(__file__).parents[1] / room}{os.sep}" for room in ("harness", "kernels", "search_spaces"))
"""Folders whose files are not the user's."""


def in_words(error: BaseException) -> str:
    """An error on one line, with its type if the message alone is unclear, and the place where it was raised."""
    said = error.args[0] if isinstance(error, KeyError) and error.args else error
    text = " ".join(str(said).split())
    where = _where(error)
    return f"{type(error).__name__}: {text[:300]}{where}" if text else f"{type(error).__name__}{where}"


def _where(error: BaseException) -> str:
    """The last line of a user's file in the traceback."""
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    own = [f for f in frames if not f.filename.startswith((*OURS, "<")) and "site-packages" not in f.filename]
    return f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def near(name: str, known: Sequence[str]) -> str:
    """The closest known name, or all known names."""
    close = get_close_matches(name, known, n=1)
    return close[0] if close else f"one of {', '.join(known)}"
