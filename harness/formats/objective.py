"""Find the objective that a recording was tuned for. A landscape contains latencies, which are minimised."""

from __future__ import annotations

from typing import Any

from harness.errors import UserError
from harness.formats.values import is_number, shown

LATENCIES = ("time", "compute_time")
"""Kernel Tuner's and CATBench's names for the latency; it has the file's unit unless it states one of its own."""
RATES = ("GFLOP/s", "TFLOP/s", "GB/s", "TB/s")
"""Rates of work per time, which are maximised: for one problem, a rate is a constant divided by the latency."""


def objectives_of(where: str, given: Any) -> tuple[str, ...]:
    """Return the names of a recording's objectives. Kernel Tuner writes one name, newer versions write a list.

    Raises:
        UserError: ``given`` is neither a name nor a list of names.
    """
    names = given if isinstance(given, list) else [LATENCIES[0] if given is None else given]
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{where}={shown(given)}: expected a name or a list of names")
    return tuple(names)


def rate_of(where: str, given: Any) -> str | None:
    """Return the rate that replaces the latency if a recording has no time; ``None`` if a latency is an objective.

    Raises:
        UserError: the objectives say nothing about latency, such as an energy or a score.
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
    """Return the latency, in an arbitrary unit, for a rate that was recorded without a time.

    Raises:
        UserError: ``rate`` is not a positive number.
    """
    if not is_number(rate) or rate <= 0:
        raise UserError(f"{where}: expected a positive number, found {shown(rate)}")
    return float(1.0 / rate)
