"""Failure messages: one short line from the output of a compiler or driver."""

from __future__ import annotations

import re

from harness.system.text import LIMIT, one_line

_TELLING = re.compile(r"error|fatal|assert|illegal|out of|exceed|fail", re.IGNORECASE)
_TEMPORARY = re.compile(r"/\S*tmp\w*\.ptx, line \d+; ?")
"""ptxas names its input file: different at every compile, and gone afterwards."""
_NOISE = re.compile(r"^(Repro command|`ptxas` stderr|Traceback|During handling|The above exception)")


def describe(error: BaseException) -> str:
    """The exception's type and its most telling lines, in one line."""
    lines = [line.strip() for line in _TEMPORARY.sub("", str(error)).splitlines() if line.strip()]
    lines = [line for line in lines if not _NOISE.match(line)]
    telling = [line for line in lines if _TELLING.search(line)][:4]
    head = lines[:1] if lines and lines[0] not in telling else []
    text = " | ".join(head + telling) if telling else " | ".join(lines[:4])
    return one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def last_words(output: str) -> str:
    """The last telling line that a process printed before it died; empty if it was silent."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return one_line((telling or lines or [""])[-1], LIMIT - 80)
