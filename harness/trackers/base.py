"""Trackers mirror a run while it proceeds. A tracker sees copies; the run directory stays the source of truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.evaluation import Evaluation


@dataclass(frozen=True)
class TrackedRun:
    """Facts about a run that a tracker gets before the run starts.

    Attributes:
        path: the run's directory; a tracker stores its files below it.
        study: name of the results folder.
        task, label, seed: the names in results.
        config: the content of ``config.yaml``.
        environment: the content of ``environment.json``.
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
    """A study, uploaded as one artifact.

    Attributes:
        name: the name of the results folder.
        folder: a folder for the tracker's own files.
        files: map from name inside the artifact to a file or folder.
        summary: summary numbers and sentences.
    """

    name: str
    folder: Path
    files: Mapping[str, Path]
    summary: Mapping[str, Any]


@runtime_checkable
class Tracker(Protocol):
    """Mirrors one run, or one study. Built from ``tracker._target_`` and its options, without arguments of the run.

    Its exceptions are caught and end the mirror, not the run (:mod:`harness.trackers.guard`). Its methods are never
    called during a measurement or while a strategy computes.
    """

    def start(self, run: TrackedRun, again: bool) -> None:
        """The run starts or resumes; ``again`` says that it restarts from its first evaluation, which voids earlier
        logs."""
        ...

    def log(self, evaluation: Evaluation) -> None:
        """Log one more evaluation, in order; those of an interrupted run are repeated when it resumes."""
        ...

    def finish(self, ended: str, evaluations: Path | None) -> None:
        """The run has ended: ``budget`` or ``exhausted`` with its Parquet file, otherwise ``failed`` or
        ``interrupted``."""
        ...

    def log_study(self, study: TrackedStudy) -> None:
        """Upload a study's files as one artifact."""
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
