"""What became of the evaluations of a run or a recording: its best configuration, and how often what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.evaluation import Configuration, Status
from harness.system.text import one_line

FINALISTS = 5
"""So many of the fastest by a first reading are told apart by better knowledge: a lucky reading wins nothing."""
OBSERVED, RETIMED, RECORDED = "observed", "retimed", "recorded"
"""Where a latency is from: a reading of the run, a re-timing in one interleaved batch here, or that of a recording."""


@dataclass(frozen=True)
class Tried:
    """One configuration that was evaluated.

    Attributes:
        latency_ms: as observed; ``None`` where it failed.
        known_ms: the better knowledge of its latency, from a batch that timed it again; ``None`` without.
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
        latency_ms: the best that is known of it.
        known_by: where that is from: ``observed``, ``retimed`` or ``recorded``.
    """

    configuration: Configuration
    latency_ms: float
    known_by: str


@dataclass(frozen=True)
class Outcome:
    """What one run or recording found.

    Attributes:
        task: ``<task>__<device>``.
        path: the run's directory or the landscape file.
        strategy: the run's label; empty of a recording.
        seed: ``None`` of a recording.
        state: ``done``, ``interrupted``, ``failed`` …, or ``recorded``.
        best: ``None`` where nothing succeeded.
        evaluations: that there are.
        statuses: how many ended how.
        messages: by status of failures, the commonest message and its count.
        default_ms: latency of the task's default, as well known as the best's; ``None`` where it is not known.
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
        """Evaluations without a latency."""
        return self.evaluations - self.statuses.get(str(Status.OK), 0)


def best_of(tried: Sequence[Tried], known_by: str, finalists: int | None = None) -> Best | None:
    """The best of them; ``None`` where nothing succeeded.

    Where ``known_ms`` is there at all the lowest of it decides, else the lowest reading.

    Args:
        known_by: where ``known_ms`` is from.
        finalists: only so many with the lowest readings take part; ``None`` for all.
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
    """How many ended how, the commonest first."""
    return dict(Counter(each.status for each in tried).most_common())


def commonest_messages(tried: Sequence[Tried]) -> dict[str, tuple[str, int]]:
    """By status of what failed the commonest message, on one line, and how often it was said."""
    said: dict[str, Counter[str]] = {}
    for each in tried:
        if each.status != Status.OK:
            said.setdefault(each.status, Counter())[one_line(each.message, 160)] += 1
    return {status: messages.most_common(1)[0] for status, messages in said.items()}


def latency_of(tried: Sequence[Tried], configuration: Mapping[str, object] | None) -> float | None:
    """What is best known of one configuration's latency in ms; ``None`` where it was not tried or failed."""
    for each in tried:
        if dict(each.configuration) == configuration and each.latency_ms is not None:
            return each.latency_ms if each.known_ms is None else each.known_ms
    return None
