"""A foreign recording: what another tuner's file holds, in our terms and before there is a search space."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from harness.evaluation import Status


@dataclass(frozen=True, slots=True)
class ForeignRow:
    """One configuration of a foreign recording.

    Attributes:
        where: in the file, for messages.
        values: as in the file, of every parameter.
        samples_ms: empty unless ``ok``.
        costs_s: compile, verify, benchmark.
    """

    where: str
    values: Mapping[str, Any]
    status: Status
    samples_ms: tuple[float, ...]
    costs_s: tuple[float, float, float]
    message: str = ""

    @property
    def latency_ms(self) -> float | None:
        """Median of the samples; ``None`` unless ``ok``."""
        return median(self.samples_ms) if self.samples_ms else None


@dataclass(frozen=True)
class ForeignRecording:
    """What another tuner's file holds.

    Attributes:
        domains: values by parameter, in the file's order.
        declared: the file states the domains; otherwise they are the values that occur.
        complete: the file was not cut off.
        device, kernel, problem_size: as far as the file knows.
        timing: how the samples and costs came about.
        read_as: the unit in which the file has its latencies, and who says so; for the terminal.
        name: what tells it from the other recordings of its file; empty where it is the only one.
        searched: the rows are what a search tried, not a space or a uniform sample of one.
        left_out: what else the file holds that is no evaluation, in words, with how often.
    """

    path: Path
    domains: Mapping[str, Sequence[Any]]
    declared: bool
    rows: Sequence[ForeignRow]
    complete: bool = True
    device: str = ""
    kernel: str = ""
    problem_size: Any = None
    timing: Mapping[str, str] = field(default_factory=dict)
    read_as: str = "ms"
    name: str = ""
    searched: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def values_field(self) -> str:
        """Where the file has its parameters' values, for messages."""
        return "tune_params" if self.declared else "configuration"

    def fingerprint(self) -> str:
        """Equal for two files with the same configurations, outcomes and samples, whatever their format."""
        lines = sorted(
            json.dumps([sorted(row.values.items()), row.status, row.samples_ms], default=str) for row in self.rows
        )
        return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()
