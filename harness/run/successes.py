"""The successes told so far, on which the rules that end evaluations early depend."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from harness.evaluation import Evaluation
from harness.rules import Limits, Rules


class Successes:
    """Latency in ms and compile seconds of every success told so far, sorted."""

    def __init__(self, rules: Rules | None) -> None:
        self._rules = rules
        self._told: list[tuple[float, float]] = []
        self._limits: Limits | None = None

    def tell(self, evaluations: Iterable[Evaluation]) -> None:
        """Add evaluations that were told to the strategy."""
        if self._rules is not None:
            for evaluation in evaluations:
                if evaluation.latency_ms is not None:
                    insort(self._told, (evaluation.latency_ms, evaluation.compile_s))
            self._limits = None

    def limits(self) -> Limits | None:
        """The limits of an evaluation that begins now; ``None`` without rules."""
        if self._rules is not None and self._limits is None:
            self._limits = self._rules.limits(self._told)
        return self._limits
