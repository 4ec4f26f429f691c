"""Best-so-far curves, row by row while a run proceeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.evaluation import Evaluation

BY_EVALUATIONS, BY_SECONDS = "best_ms/evaluations", "best_ms/tuning_s"
COST_COLUMNS = ("compile_s", "verify_s", "benchmark_s", "ask_s", "tell_s")


class Curve:
    """A best-so-far curve that grows row by row."""

    def __init__(self) -> None:
        self._best_ms: float | None = None
        self._clock_s = 0.0
        self._evaluations = 0
        self._failures = 0

    def row(self, evaluation: Evaluation) -> dict[str, Any]:
        """The row that one evaluation adds to a tracker's history.

        ``tuning_s`` never decreases: evaluations of a batch may overtake each other, and the best so far counts once it
        and all that were asked before it have ended.
        """
        self._evaluations += 1
        self._failures += not evaluation.ok
        self._clock_s = max(self._clock_s, evaluation.clock_end_s)
        latency = evaluation.latency_ms
        if latency is not None and (self._best_ms is None or latency < self._best_ms):
            self._best_ms = latency
        row: dict[str, Any] = {
            "evaluation": evaluation.index + 1,
            "tuning_s": self._clock_s,
            "status": str(evaluation.status),
            "latency_ms": latency,
            "oracle_ms": evaluation.oracle_ms,
            **{name: getattr(evaluation, name) for name in COST_COLUMNS},
            BY_EVALUATIONS: self._best_ms,
            BY_SECONDS: self._best_ms,
        }
        return {name: value for name, value in row.items() if value is not None}

    def summary(self) -> Mapping[str, Any]:
        """The numbers of the whole run."""
        return {
            "evaluations_done": self._evaluations,
            "failures": self._failures,
            "best_observed_ms": self._best_ms,
            "tuning_seconds": self._clock_s,
        }
