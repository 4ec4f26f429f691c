"""The asked and told evaluations of a strategy with its own model: rows of codes, and their latencies."""

from __future__ import annotations

from collections.abc import Sequence

from harness.evaluation import Evaluation
from search_spaces.encoding import Codes
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace


class RemembersOutcomes:
    """Remembers outcomes; its next ask learns from them.

    Subclasses mark each asked row as visited and pending.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._visited = Visited(space)
        self._told: list[Codes] = []
        self._latencies_ms: list[float | None] = []
        self._pending: dict[bytes, Codes] = {}

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Remember the outcomes; the next ask learns from them."""
        for evaluation in evaluations:
            self._told.append(self._pending.pop(self._space.encode(evaluation.configuration).tobytes()))
            self._latencies_ms.append(evaluation.latency_ms)

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn given evaluations like asked ones; they count among the initial evaluations."""
        for evaluation in evaluations:
            row = self._space.encode(evaluation.configuration)
            self._visited.add(row)
            self._pending[row.tobytes()] = row
        self.tell(evaluations)
