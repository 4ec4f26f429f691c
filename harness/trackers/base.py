"""Where a run is mirrored while it goes on. A tracker sees copies; the run directory stays the source of truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.evaluation import Evaluation


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told about a run before it starts.

    Attributes:
        path: its directory; a tracker that keeps files keeps them below.
        study: name of the results folder.
        task, label, seed: as in results.
        config: what ``config.yaml`` holds.
        environment: what ``environment.json`` holds.
    """

    path: Path
    study: str
    task: str
    label: str
    seed: int
    config: Mapping[str, Any]
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class TrackedStudy:
    """A study as one artifact.

    Attributes:
        name: of the results folder.
        folder: where the tracker may keep files of its own.
        files: name inside the artifact to a file or folder.
        summary: numbers and sentences worth a line.
    """

    name: str
    folder: Path
    files: Mapping[str, Path]
    summary: Mapping[str, Any]


@runtime_checkable
class Tracker(Protocol):
    """Mirrors one run, or one study. Built without arguments of the run, as ``tracker._target_`` with its options.

    Whatever it raises is caught and ends the mirror, not the run (:mod:`harness.trackers.guard`). None of its methods
    is called while something is measured or a strategy thinks.
    """

    def start(self, run: TrackedRun, again: bool) -> None:
        """The run starts or goes on; ``again``: from its first evaluation, what was logged of it is void."""
        ...

    def log(self, evaluation: Evaluation) -> None:
        """One more evaluation, in order; those of an interrupted run come again when it goes on."""
        ...

    def finish(self, ended: str, evaluations: Path | None) -> None:
        """The run is over: ``budget`` or ``exhausted`` with its Parquet file, else ``failed`` or ``interrupted``."""
        ...

    def log_study(self, study: TrackedStudy) -> None:
        """Keep a study's files as one artifact."""
        ...


class NoTracker:
    """Mirrors nothing."""

    def start(self, run: TrackedRun, again: bool) -> None:
        """Nothing to start."""

    def log(self, evaluation: Evaluation) -> None:
        """Nothing to log."""

    def finish(self, ended: str, evaluations: Path | None) -> None:
        """Nothing to finish."""

    def log_study(self, study: TrackedStudy) -> None:
        """Nothing to keep."""
