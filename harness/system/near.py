"""Suggest the expected name in messages: the nearest name, or all known names."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

FEW = 8
"""Most names to list if none is similar to the wrong one."""


def expected_name(name: str, known: Sequence[str], prefix: str = "", more: str = "") -> str:
    """``budget.evaluations`` for ``evaluation``; ``one of budget.evaluations, …`` if none is similar.

    Args:
        name: the wrong one.
        prefix: written before each name.
        more: where to find the rest, if there are more than :data:`FEW`.
    """
    near = get_close_matches(name, known, n=2, cutoff=0.6)
    if near:
        best, *others = near
        close = [other for other in others if _similar(name, other)]
        return " or ".join(f"{prefix}{each}" for each in (best, *close))
    if len(known) == 1:
        return f"{prefix}{known[0]}, the only one"
    shown = ", ".join(f"{prefix}{each}" for each in known[:FEW])
    rest = len(known) - FEW
    return f"one of {shown}" + (f" and {rest} more{f' ({more})' if more else ''}" if rest > 0 else "")


def _similar(name: str, other: str) -> bool:
    return bool(get_close_matches(name, [other], n=1, cutoff=0.85))
