"""The number of compile workers behind a speedup in seconds, in words; without it seconds mean nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

SECONDS, TUNING_SECONDS = "seconds", "tuning seconds"


def clock_words(sides: Iterable[tuple[float, float]]) -> str:
    """The clock in words: ``tuning seconds (1 worker each)``, ``(16 workers against 1)``, ``(1 or 16 workers each)``.

    Args:
        sides: workers of a strategy and of its baseline; nan if they differ between tasks or are unknown.
    """
    known = sorted({(own, base) for own, base in sides if np.isfinite(own) and np.isfinite(base)})
    if not known:
        return TUNING_SECONDS
    if all(own == base for own, base in known):
        return f"{TUNING_SECONDS} ({_counts(own for own, _ in known)} each)"
    return f"{TUNING_SECONDS} ({_counts(own for own, _ in known)} against {_numbers(base for _, base in known)})"


def axis_words(axis: str, rows: pd.DataFrame) -> str:
    """An axis in words; seconds with the compile workers of the rows on that axis, as in speedups.csv."""
    if axis != SECONDS:
        return axis
    part = rows[rows["axis"] == SECONDS]
    return clock_words(zip(part["workers"], part["baseline_workers"], strict=True))


def axis_words_of(row: Mapping[Any, Any] | pd.Series[Any]) -> str:
    """The axis of a single row in words."""
    axis = str(row["axis"])
    return axis if axis != SECONDS else clock_words([(float(row["workers"]), float(row["baseline_workers"]))])


def usual_and_others(sides: Mapping[str, tuple[float, float]]) -> tuple[str, dict[str, str]]:
    """The label over several numbers, ``tuning seconds (1 worker each unless told)``, and the note ``16 workers each``
    for each exception by name.

    Args:
        sides: workers of a strategy and of its baseline, by the name of the number; nan: unknown.
    """
    clocks = {name: clock_words([pair]) for name, pair in sides.items() if np.isfinite(pair).all()}
    usual = max(clocks.values(), key=list(clocks.values()).count, default=TUNING_SECONDS)
    others = {
        name: clock.removeprefix(f"{TUNING_SECONDS} (").removesuffix(")")
        for name, clock in clocks.items()
        if clock != usual
    }
    return usual.removesuffix(")") + (" unless told)" if others else ")" if clocks else ""), others


def one_after_another() -> str:
    """The clock in words if all costs are charged one after another, as with one worker on each side."""
    return clock_words([(1, 1)])


def common_workers(workers: Iterable[float]) -> float:
    """The common number of compile workers of several runs; nan if they differ, or without runs."""
    different = set(workers)
    return float(different.pop()) if len(different) == 1 else float("nan")


def curves_clock(curves: pd.DataFrame) -> str:
    """The clock of the curves in one figure in words: ``tuning seconds (1 worker each)``.

    Args:
        curves: axis and workers, which are nan if the runs of a curve differ in them.
    """
    counts = curves.loc[curves["axis"] == SECONDS, "workers"]
    if counts.isna().any():
        return f"{TUNING_SECONDS} (workers differ)"
    return clock_words((count, count) for count in counts)


def who_has_what(curves: pd.DataFrame) -> str:
    """`` Compile workers: 1 for a and b, 16 for c.`` if curves differ in them; empty if all have the same number.

    Args:
        curves: strategy, axis and workers, in the order of the sentence.
    """
    rows = curves[curves["axis"] == SECONDS]
    told: dict[str, list[str]] = {}
    for name, counts in rows.groupby("strategy", sort=False)["workers"]:
        told.setdefault(_numbers(counts.dropna()) or "several", []).append(str(name))
    if len(told) < 2:
        return ""
    return f" Compile workers: {', '.join(f'{counts} for ' + ' and '.join(names) for counts, names in told.items())}."


def _numbers(counts: Iterable[float]) -> str:
    return " or ".join(f"{count:g}" for count in sorted(set(counts)))


def _counts(counts: Iterable[float]) -> str:
    told = _numbers(counts)
    return f"{told} worker{'' if told == '1' else 's'}"
