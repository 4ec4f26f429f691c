"""What a recording was tuned for. A landscape holds latencies, of which less is better."""

from __future__ import annotations

from typing import Any

from harness.errors import UserError
from harness.formats.values import is_number, shown

LATENCIES = ("time", "compute_time")
"""Kernel Tuner's and CATBench's names for the latency in ms."""
RATES = ("GFLOP/s", "TFLOP/s", "GB/s", "TB/s")
"""Work per time, of which more is better: for one problem, a constant over the latency."""


def objective_of(where: str, given: Any) -> str:
    """The latency or rate among a recording's objectives; a latency where both are there, or none is stated.

    Kernel Tuner writes a name, newer versions a list of names: with several of them the latency is what counts here.

    Raises:
        UserError: an objective that says nothing about latency (energy, a score).
    """
    names = given if isinstance(given, list) else ["time" if given is None else given]
    for known in (*LATENCIES, *RATES):
        if known in names:
            return known
    expected = ", ".join((*LATENCIES, *RATES))
    raise UserError(f"{where}={shown(given)}: expected one of {expected}: a landscape holds latencies")


def rate_as_time(where: str, rate: Any) -> float:
    """The latency, in a unit of its own, of a rate that was recorded without a time.

    Raises:
        UserError: not a positive number.
    """
    if not is_number(rate) or rate <= 0:
        raise UserError(f"{where}: expected a positive number, found {shown(rate)}")
    return float(1.0 / rate)
