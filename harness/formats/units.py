"""Units of time: their names in other people's files, in columns' names, and how a range of latencies is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from harness.errors import UserError
from harness.formats.values import MS_PER_S, shown

UNITS_S = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds", "miliseconds"), 1e-3),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
}
SHORT = {1.0: "s", 1e-3: "ms", 1e-6: "us", 1e-9: "ns", 60.0: "min"}
CHOICES = ("ns", "us", "ms", "s")
"""What ``--unit`` is told to take; any name of :data:`UNITS_S` will do."""
LEAST_S, MOST_S = 1e-7, 3600.0
"""No kernel takes less, launch included, and nobody tunes one that takes more: a reading outside has another unit."""
_WORD = re.compile(r"[^\W\d_]+")


def seconds_of(unit: Any) -> float | None:
    """A unit of time in s; ``None`` for anything else."""
    return UNITS_S.get(unit.strip().lower()) if isinstance(unit, str) else None


def unit_in_name(column: str) -> float | None:
    """The unit that a column's name says, in s: ``time_us``, ``Latency (ms)``, ``ms_median``; ``None`` if none or two.

    A lone ``s`` counts at the end alone, and ``min`` never does: ``time_min`` is the least of several times.
    """
    words = _WORD.findall(column.lower())
    named = {UNITS_S[word] for word in words if word in UNITS_S and word not in ("s", "min")}
    if not named and words[-1:] == ["s"]:
        return UNITS_S["s"]
    return named.pop() if len(named) == 1 else None


def unit_of_column(path: object, column: str, stated: str | None) -> tuple[float, str]:
    """The unit of a column of times in s, and who says so.

    Args:
        path: of the file, for messages.
        column: its name.
        stated: ``--unit``.

    Raises:
        UserError: nobody says, or the name and ``--unit`` contradict each other.
    """
    named = unit_in_name(column)
    if stated is None:
        if named is None:
            choices = ", ".join(CHOICES)
            raise UserError(
                f"{path}: column {shown(column)} does not say its unit: expected --unit with one of {choices}"
            )
        return named, f"{SHORT[named]}, as column {shown(column)} says"
    given = unit_option(stated)
    if named not in (None, given):
        raise UserError(f"--unit {stated}: column {shown(column)} of {path} says {SHORT[named]}: expected that unit")
    return given, f"{SHORT[given]}, as --unit says"


def unit_option(stated: str) -> float:
    """``--unit`` in s.

    Raises:
        UserError: it is no unit of time.
    """
    seconds = seconds_of(stated)
    if seconds is None:
        raise UserError(f"--unit {stated}: no unit of time: expected one of {', '.join(CHOICES)}")
    return seconds


def check_plausible(path: object, latencies_ms: Iterable[float], read_as: str) -> None:
    """Refuse latencies that no kernel has: their unit is another one.

    Raises:
        UserError: the median is below 100 ns or above an hour.
    """
    values = sorted(latencies_ms)
    middle = values[len(values) // 2] if values else None
    if middle is not None and not LEAST_S <= middle / MS_PER_S <= MOST_S:
        raise UserError(
            f"{path}: {told_range(values)}, read as {read_as}: no kernel takes {middle:.4g} ms: expected another unit"
        )


def told_range(latencies_ms: Iterable[float]) -> str:
    """``latency 0.012 ms to 3.4 ms``."""
    values = list(latencies_ms)
    return f"latency {min(values):.4g} ms to {max(values):.4g} ms" if values else "no latency"
