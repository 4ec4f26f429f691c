"""The outcome of a run or recording: its best configuration and its counted failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.evaluation import Configuration, Status
from harness.system.text import one_line

FINALISTS = 5
"""Number of the fastest configurations by first reading that are compared by re-timing, so that a lucky reading cannot
win."""
OBSERVED, RETIMED, RECORDED = "observed", "retimed", "recorded"
"""The origin of a latency: a reading of the run, a re-timing in one interleaved batch here, or a recording."""


@dataclass(frozen=True)
class Tried:
    """One configuration that was evaluated.

    Attributes:
        latency_ms: the observed latency; ``None`` if the evaluation failed.
        known_ms: the latency from a re-timing or recording; ``None`` without one.
    """

    configuration: Configuration
    status: str
    message: str
    latency_ms: float | None
    known_ms: float | None = None


@dataclass(frozen=True)
class Best:
    """The best configuration.

    Attributes:
        latency_ms: its best known latency.
        known_by: the origin of that latency: ``observed``, ``retimed`` or ``recorded``.
    """

    configuration: Configuration
    latency_ms: float
    known_by: str


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run or recording.

    Attributes:
        task: ``<task>__<device>``.
        path: the run's directory or the landscape file.
        strategy: the run's label; empty for a recording.
        seed: the run's seed; ``None`` for a recording.
        state: ``done``, ``interrupted``, ``failed`` …, or ``recorded``.
        best: the best configuration; ``None`` if nothing succeeded.
        evaluations: number of evaluations.
        statuses: counts of evaluations by status.
        messages: for each failure status, the most common message and its count.
        default_ms: latency of the task's default, of the same origin as the best's; ``None`` if unknown.
        vendor: the vendor's name and latency in ms, where it was timed.
    """

    task: str
    path: Path
    strategy: str
    seed: int | None
    state: str
    best: Best | None
    evaluations: int
    statuses: Mapping[str, int]
    messages: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    default_ms: float | None = None
    vendor: tuple[str, float] | None = None

    @property
    def failures(self) -> int:
        """The number of evaluations without a latency."""
        return self.evaluations - self.statuses.get(str(Status.OK), 0)


def best_of(tried: Sequence[Tried], known_by: str, finalists: int | None = None) -> Best | None:
    """The best configuration; ``None`` if nothing succeeded.

    If any ``known_ms`` exists, the lowest decides, otherwise the lowest reading.

    Args:
        known_by: the origin of ``known_ms``.
        finalists: consider only this many, with the lowest readings; ``None`` for all.
    """
    ok = sorted(
        ((each.latency_ms, each) for each in tried if each.latency_ms is not None), key=lambda reading: reading[0]
    )
    if not ok:
        return None
    known = [(each.known_ms, each) for _, each in ok if each.known_ms is not None]
    latency_ms, best = min(known[:finalists], key=lambda pair: pair[0]) if known else ok[0]
    return Best(best.configuration, latency_ms, known_by if known else OBSERVED)


def counted(tried: Sequence[Tried]) -> dict[str, int]:
    """Counts by status, the most common first."""
    return dict(Counter(each.status for each in tried).most_common())


def commonest_messages(tried: Sequence[Tried]) -> dict[str, tuple[str, int]]:
    """For each failure status, the most common message on one line, and its count."""
    said: dict[str, Counter[str]] = {}
    for each in tried:
        if each.status != Status.OK:
            said.setdefault(each.status, Counter())[one_line(each.message, 160)] += 1
    return {status: messages.most_common(1)[0] for status, messages in said.items()}


def latency_of(tried: Sequence[Tried], configuration: Mapping[str, object] | None) -> float | None:
    """The best known latency of a configuration in ms; ``None`` if it was not tried or failed."""
    for each in tried:
        if dict(each.configuration) == configuration and each.latency_ms is not None:
            return each.latency_ms if each.known_ms is None else each.known_ms
    return None
