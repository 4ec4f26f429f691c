"""Limit the number of runs that a sweep's lists and ranges expand to."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep

from harness.errors import UserError

MAX_RUNS = 100_000


def check_sweeps(overrides: Sequence[Override]) -> None:
    """Refuse sweeps that cannot be enumerated; Hydra would hang or return nothing.

    Raises:
        UserError: a value is neither a list nor a range, a range is endless, or there are more than :data:`MAX_RUNS`
            runs.
    """
    total = 1
    for override in overrides:
        if not override.is_sweep_override():
            continue
        sweep = override.value()
        if isinstance(sweep, ChoiceSweep):
            total *= len(sweep.list)
        elif isinstance(sweep, RangeSweep):
            total *= _range_length(override.input_line, sweep)
        else:
            raise UserError(f"{override.input_line}: expected a list a,b,c or a range(a,b)")
    if total > MAX_RUNS:
        raise UserError(
            f"{' '.join(str(o.input_line) for o in overrides)}: expected at most {MAX_RUNS} runs in a sweep"
        )


def _range_length(text: str | None, sweep: RangeSweep) -> int:
    start, stop, step = sweep.start, sweep.stop, sweep.step
    length = (stop - start) / step if start is not None and stop is not None and step else 0.0
    if not 0 < length < float("inf"):
        raise UserError(f"{text}: expected a range with at least one value")
    return ceil(length)
