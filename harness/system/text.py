"""One line of text from whatever others have to say."""

from __future__ import annotations

import signal

LIMIT = 500


def one_line(text: str, limit: int = LIMIT) -> str:
    """``text`` with runs of white space (line breaks too) collapsed, at most ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def describe_exit(exitcode: int | None) -> str:
    """How a process ended, from ``Process.exitcode`` (negative: a signal's number)."""
    if exitcode is None:
        return "ended without an exit code"
    if exitcode >= 0:
        return f"exited with code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"
