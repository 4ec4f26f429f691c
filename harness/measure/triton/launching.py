"""Calls that launch a plan's kernels with everything bound already: nothing is left to do in a timed region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def bound(run: Any, values: tuple[Any, ...], stream: int) -> Callable[[], None]:
    """A launch of one kernel."""
    return lambda: run(*values, stream=stream)


def chained(steps: list[Callable[[], None]]) -> Callable[[], None]:
    """All of them, one after the other."""
    if len(steps) == 1:
        return steps[0]

    def launch() -> None:
        for step in steps:
            step()

    return launch
