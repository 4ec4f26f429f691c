"""How many compile workers a speedup in seconds rests on, in words: seconds mean nothing without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

SECONDS, TUNING_SECONDS = "seconds", "tuning seconds"


def clock_words(sides: Iterable[tuple[float, float]]) -> str:
    """``tuning seconds (1 worker each)``, ``(16 workers against 1)``, ``(1 or 16 workers each)``.

    Args:
        sides: workers of a strategy and of what it is compared with; nan where they differ from task to task, or are
            not known.
    """
    known = sorted({(own, base) for own, base in sides if np.isfinite(own) and np.isfinite(base)})
    if not known:
        return TUNING_SECONDS
    if all(own == base for own, base in known):
        return f"{TUNING_SECONDS} ({_counts(own for own, _ in known)} each)"
    return f"{TUNING_SECONDS} ({_counts(own for own, _ in known)} against {_numbers(base for _, base in known)})"


def axis_words(axis: str, rows: pd.DataFrame) -> str:
    """An axis in words; of seconds with the workers of the rows on that axis, as in speedups.csv."""
    if axis != SECONDS:
        return axis
    part = rows[rows["axis"] == SECONDS]
    return clock_words(zip(part["workers"], part["baseline_workers"], strict=True))


def axis_words_of(row: Mapping[Any, Any] | pd.Series[Any]) -> str:
    """The same of a single row."""
    axis = str(row["axis"])
    return axis if axis != SECONDS else clock_words([(float(row["workers"]), float(row["baseline_workers"]))])


def _numbers(counts: Iterable[float]) -> str:
    return " or ".join(f"{count:g}" for count in sorted(set(counts)))


def _counts(counts: Iterable[float]) -> str:
    told = _numbers(counts)
    return f"{told} worker{'' if told == '1' else 's'}"
