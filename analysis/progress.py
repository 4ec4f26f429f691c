"""Progress on stderr for anything that takes longer than two seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import monotonic
from typing import TypeVar

from analysis.media import printable

_SILENT_S, _EVERY_S = 2.0, 5.0
_Item = TypeVar("_Item")


def tracked(items: Sequence[_Item], what: str) -> Iterator[_Item]:
    """Yield the items; print ``what: done/total in 0:00:05, 0:00:10 left`` on stderr after two seconds."""
    started = monotonic()
    shown = started + _SILENT_S - _EVERY_S
    spoke = False
    terminal = sys.stderr.isatty()
    for done, item in enumerate(items):
        now = monotonic()
        if now - shown > (0.2 if terminal and spoke else _EVERY_S):
            shown, spoke = now, True
            left = f", {_clock((now - started) / done * (len(items) - done))} left" if done else ""
            text = f"{printable(what)}: {done}/{len(items)} in {_clock(now - started)}{left}"
            print(f"\r{text}\033[K" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
        yield item
    if terminal and spoke:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    """Format seconds as the harness's progress does."""
    return str(timedelta(seconds=round(seconds)))
