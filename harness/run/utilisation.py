"""Utilisation of compile workers."""

from __future__ import annotations

from collections.abc import Sequence

from harness.evaluation import Evaluation


def utilisation(evaluations: Sequence[Evaluation], workers: int) -> float | None:
    """The share of the workers' time in which they compiled, from the start until the last compile began.

    Later time is excluded, since at the end of the budget no work is left. In live runs, compiles count with their
    CPU seconds. ``None`` if no time passed.
    """
    last_s = max((evaluation.clock_start_s for evaluation in evaluations), default=0.0)
    if last_s <= 0.0:
        return None
    busy_s = sum(min(e.compile_s, max(0.0, last_s - e.clock_start_s)) for e in evaluations)
    return busy_s / (workers * last_s)
