"""Trackers and a strategy that record their calls in order, or fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from harness.evaluation import Configuration, Evaluation
from harness.strategies.random import RandomSearch
from harness.trackers.base import NoTracker, TrackedRun


class Keeps(NoTracker):
    """A tracker that records its calls."""

    events: ClassVar[list[Any]] = []

    def start(self, run: TrackedRun, again: bool) -> None:
        self.events.append(("start", run, again))

    def log(self, evaluation: Evaluation) -> None:
        self.events.append(("log", evaluation))

    def finish(self, ended: str, evaluations: Path | None) -> None:
        self.events.append(("finish", ended, evaluations))


class Breaks(Keeps):
    """A tracker that raises in one of its methods."""

    def __init__(self, where: str) -> None:
        self._where = where

    def _maybe(self, here: str) -> None:
        if here == self._where:
            raise ConnectionError("no\nnetwork")

    def start(self, run: TrackedRun, again: bool) -> None:
        super().start(run, again)
        self._maybe("start")

    def log(self, evaluation: Evaluation) -> None:
        super().log(evaluation)
        self._maybe("log")

    def finish(self, ended: str, evaluations: Path | None) -> None:
        super().finish(ended, evaluations)
        self._maybe("finish")


class Watched(RandomSearch):
    """Random search that reports its calls to :class:`Keeps` and can raise ``error`` at ask ``at``."""

    error: ClassVar[BaseException | None] = None
    at: ClassVar[int] = 5

    def ask(self, n: int) -> Sequence[Configuration]:
        Keeps.events.append("ask")
        if self.error is not None and Keeps.events.count("ask") > self.at:
            raise self.error
        return super().ask(n)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        Keeps.events.append("tell")
        super().tell(evaluations)
