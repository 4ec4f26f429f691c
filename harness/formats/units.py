"""Units of time: their names in files and in the names of columns, and the text for a range of latencies."""

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
"""Values of ``--unit`` that messages list; any name in :data:`UNITS_S` is accepted."""
LEAST_S, MOST_S = 1e-7, 3600.0
"""The range of plausible kernel times, including the launch: latencies outside have another unit."""
_WORD = re.compile(r"[^\W\d_]+")


def seconds_of(unit: Any) -> float | None:
    """Return a unit of time in s; ``None`` for anything else."""
    return UNITS_S.get(unit.strip().lower()) if isinstance(unit, str) else None


def unit_in_name(column: str) -> float | None:
    """Return the unit in a column's name, in s: ``time_us``, ``Latency (ms)``; ``None`` if it has none or two.

    A lone ``s`` counts only at the end, and ``min`` never counts: ``time_min`` is the smallest of several times.
    """
    words = _WORD.findall(column.lower())
    named = {UNITS_S[word] for word in words if word in UNITS_S and word not in ("s", "min")}
    if not named and words[-1:] == ["s"]:
        return UNITS_S["s"]
    return named.pop() if len(named) == 1 else None


def unit_of_column(path: object, column: str, stated: str | None) -> tuple[float, str]:
    """Return the unit of a column of times in s, and a text that says where it comes from.

    Args:
        path: the file's path, for messages.
        column: the column's name.
        stated: the value of ``--unit``.

    Raises:
        UserError: the unit is unknown, or the name and ``--unit`` contradict each other.
    """
    named = unit_in_name(column)
    if stated is None:
        if named is None:
            choices = ", ".join(CHOICES)
            raise UserError(
                f"{path}: column {shown(column)} has no unit in its name: expected --unit with one of {choices}"
            )
        return named, f"{SHORT[named]}, as column {shown(column)} says"
    given = unit_option(stated)
    if named not in (None, given):
        expected = SHORT[named or given]
        raise UserError(
            f"--unit {stated}: column {shown(column)} of {path} is in {expected} by its name: expected {expected}"
        )
    return given, f"{SHORT[given]}, as --unit says"


def unit_option(stated: str) -> float:
    """Return the value of ``--unit`` in s.

    Raises:
        UserError: it is not a unit of time.
    """
    seconds = seconds_of(stated)
    if seconds is None:
        raise UserError(f"--unit {stated}: not a unit of time: expected one of {', '.join(CHOICES)}")
    return seconds


def check_plausible(path: object, latencies_ms: Iterable[float], read_as: str) -> None:
    """Refuse latencies that no kernel can have, because their unit must be wrong.

    Raises:
        UserError: the median is below 100 ns or above an hour.
    """
    values = sorted(latencies_ms)
    middle = values[len(values) // 2] if values else None
    if middle is not None and not LEAST_S <= middle / MS_PER_S <= MOST_S:
        raise UserError(
            f"{path}: {told_range(values)}, read as {read_as}: {middle:.4g} ms is not a plausible kernel time: "
            "expected another unit"
        )


def told_range(latencies_ms: Iterable[float]) -> str:
    """Return the range as text: ``latency 0.012 ms to 3.4 ms``."""
    values = list(latencies_ms)
    return f"latency {min(values):.4g} ms to {max(values):.4g} ms" if values else "no latency"
