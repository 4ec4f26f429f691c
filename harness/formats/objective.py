"""What a recording was tuned for. A landscape holds latencies, of which less is better."""

from __future__ import annotations

from typing import Any

from harness.errors import UserError
from harness.formats.values import is_number, shown

LATENCIES = ("time", "compute_time")
"""Kernel Tuner's and CATBench's names for the latency, whose unit is the file's where they have none of their own."""
RATES = ("GFLOP/s", "TFLOP/s", "GB/s", "TB/s")
"""Work per time, of which more is better: for one problem, a constant over the latency."""


def objectives_of(where: str, given: Any) -> tuple[str, ...]:
    """The names of a recording's objectives. Kernel Tuner writes one, newer versions a list of them.

    Raises:
        UserError: something else than names.
    """
    names = given if isinstance(given, list) else [LATENCIES[0] if given is None else given]
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{where}={shown(given)}: expected a name or a list of names")
    return tuple(names)


def rate_of(where: str, given: Any) -> str | None:
    """The rate that stands for the latency where a recording has no time; ``None`` if a latency is an objective.

    Raises:
        UserError: the objectives say nothing about latency (energy, a score).
    """
    objectives = objectives_of(where, given)
    if not set(objectives).isdisjoint(LATENCIES):
        return None
    for rate in RATES:
        if rate in objectives:
            return rate
    expected = ", ".join((*LATENCIES, *RATES))
    raise UserError(
        f"{where}={shown(given)}: no time was recorded beside it: expected one of {expected}: "
        "a landscape holds latencies"
    )


def rate_as_time(where: str, rate: Any) -> float:
    """The latency, in a unit of its own, of a rate that was recorded without a time.

    Raises:
        UserError: not a positive number.
    """
    if not is_number(rate) or rate <= 0:
        raise UserError(f"{where}: expected a positive number, found {shown(rate)}")
    return float(1.0 / rate)
