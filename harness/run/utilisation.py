"""How busy compile workers were."""

from __future__ import annotations

from collections.abc import Sequence

from harness.evaluation import Evaluation


def utilisation(evaluations: Sequence[Evaluation], workers: int) -> float | None:
    """The share of the workers' time in which they compiled, from the start until the last compile began.

    What is compiled after that is the end of the budget: there is nothing left to keep a worker busy with. Live,
    compiles count with their CPU seconds. ``None`` where no time passed.
    """
    last_s = max((evaluation.clock_start_s for evaluation in evaluations), default=0.0)
    if last_s <= 0.0:
        return None
    busy_s = sum(min(e.compile_s, max(0.0, last_s - e.clock_start_s)) for e in evaluations)
    return busy_s / (workers * last_s)
