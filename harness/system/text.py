"""Format arbitrary text as one printable line."""

from __future__ import annotations

import signal
import unicodedata
from collections import Counter
from collections.abc import Mapping

LIMIT = 500
WHOLE = 2_000
"""Longest line in characters."""


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of invisible characters: controls, direction marks, surrogates, line breaks."""


def printable(text: str, keep: str = "") -> str:
    """``text`` with invisible characters escaped: ``\\x1b``, ``\\n``, ``\\u202e``.

    Args:
        keep: characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in _UNSEEN else _spelled(c) for c in text)


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def one_line(text: object, limit: int = LIMIT, end: int = 0) -> str:
    """``text`` with runs of white space (line breaks too) collapsed, at most ``limit`` characters.

    Args:
        end: number of last characters to keep if the text is cut, for text that quotes a whole file.
    """
    line = " ".join(str(text).split())
    if len(line) <= limit:
        return line
    return f"{line[: limit - end - 3]} … {line[-end:]}" if end else line[: limit - 1] + "…"


def whole_line(text: object) -> str:
    """A message on one line; only the beginning and the end of a very long one."""
    return one_line(text, WHOLE, end=300)


def causes_line(error: BaseException, limit: int = 600) -> str:
    """The messages of an error and of its causes, at most three, on one line."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 3:
        text = " ".join(str(seen).split())
        if text and text not in " ".join(parts):
            parts.append(text)
        seen = seen.__cause__
    return one_line(": ".join(parts), limit)


def none_succeeded(reasons: Mapping[str, int]) -> str:
    """The message for a task or run without a success; ``reasons`` counts the reasons of failures."""
    reason, count = max(reasons.items(), key=lambda item: (item[1], item[0]))
    tried = sum(reasons.values())
    return f"no configuration of this task succeeded (of {tried} tried; most often, {count} times: {reason})"


def by_status(reasons: Mapping[str, int]) -> list[str]:
    """One part per failure status, the most common first: its count, and its most common message with a count.

    Args:
        reasons: counts by the results of :func:`failure_reason`.
    """
    statuses: dict[str, Counter[str]] = {}
    for reason, count in reasons.items():
        status, _, message = reason.partition(": ")
        statuses.setdefault(status, Counter())[message] += count
    return [
        f"{said.total()} {status}{_commonest(said)}"
        for status, said in sorted(statuses.items(), key=lambda item: (-item[1].total(), item[0]))
    ]


def _commonest(said: Counter[str]) -> str:
    message, count = max(said.items(), key=lambda item: (item[1], item[0]))
    return f" (most often, {count} times: {message})" if message else ""


def mostly_failed(reasons: Mapping[str, int], evaluations: int) -> str:
    """A line if more than half of all evaluations failed, but not all; otherwise empty."""
    failed = sum(reasons.values())
    if not evaluations / 2 < failed < evaluations:
        return ""
    return f"{failed} of {evaluations} evaluations failed: {', '.join(by_status(reasons))}"


def failure_reason(status: str, message: str) -> str:
    """A failed evaluation as a text that can be counted."""
    line = one_line(message, 160)
    return f"{status}: {line}" if line else str(status)


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
