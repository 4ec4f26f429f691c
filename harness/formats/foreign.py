"""A foreign recording: the content of another tuner's file in our terms, before there is a search space."""

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
        where: its place in the file, for messages.
        values: the value of every parameter, as in the file.
        samples_ms: latency samples in ms; empty unless ``ok``.
        costs_s: the seconds that it took to compile, verify and benchmark.
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
    """The content of another tuner's file.

    Attributes:
        domains: the values of each parameter, in the file's order.
        declared: whether the file states the domains; otherwise they are the values that occur.
        complete: whether the file was not truncated.
        device, kernel, problem_size: these facts, as far as the file states them.
        timing: how the samples and costs were obtained.
        read_as: the unit in which the file has its latencies, and what says so; for the terminal.
        name: distinguishes it from the other recordings of its file; empty if it is the only one.
        searched: whether a search chose the rows, so that they are neither a space nor a uniform sample of one.
        left_out: the entries of the file that are not evaluations: a description of each kind, and their number.
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
        """The field in which the file has its parameters' values, for messages."""
        return "tune_params" if self.declared else "configuration"

    def fingerprint(self) -> str:
        """Return a digest that is equal for files with equal configurations, outcomes and samples in any format."""
        lines = sorted(
            json.dumps([sorted(row.values.items()), row.status, row.samples_ms], default=str) for row in self.rows
        )
        return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()
