"""Map evaluations of another task into this task's space by the names and values of parameters."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.evaluation import Configuration, Status
from harness.landscapes.facts import TaskFacts
from harness.strategies.source import SourceData
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class Observed:
    """Evaluations of a task, as its own records state them.

    Attributes:
        name: the task's name for messages, such as ``matmul-1024x1024x1024-bf16__h100``.
        latencies_ms: latencies in ms; ``None`` unless the status is ``ok``.
    """

    name: str
    facts: TaskFacts
    configurations: Sequence[Mapping[str, Any]]
    statuses: Sequence[Status]
    latencies_ms: Sequence[float | None]


@dataclass(frozen=True)
class Account:
    """Counts of what became of a source's evaluations.

    Attributes:
        evaluations: number of evaluations in the source.
        configurations: number of distinct configurations that remain.
        other_values: dropped because a parameter has no such value here.
        incomplete: dropped because a parameter that is active here has no value there.
        infeasible: dropped because constraints forbid them here, or the recorded sample lacks them.
        merged: merged because they differ only in parameters that this space lacks, or repeat a configuration.
        not_here: parameters of the source that this space lacks.
    """

    source: str
    evaluations: int
    configurations: int
    other_values: int
    incomplete: int
    infeasible: int
    merged: int
    not_here: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The account in JSON types."""
        return {**asdict(self), "not_here": list(self.not_here)}

    def told(self) -> str:
        """The account in one line."""
        words = {
            "other_values": "with values that this space lacks",
            "incomplete": "without a value of a parameter of this space",
            "infeasible": "infeasible here",
            "merged": "equal to another one here",
        }
        lost = [f"{n} {text}" for name, text in words.items() if (n := getattr(self, name))]
        lost += [f"without {', '.join(self.not_here)}"] if self.not_here else []
        said = f": {'; '.join(lost)}" if lost else ""
        return f"{self.source}: {self.configurations} configurations of {self.evaluations} evaluations{said}"


def aligned(space: SearchSpace, observed: Observed, target: TaskFacts) -> tuple[SourceData, Account]:
    """The part of a source that can be evaluated in ``space``, and an account of the rest.

    Parameters that this space lacks are dropped, and so are values of parameters that are inactive here. Several
    evaluations of one configuration give their median latency, and one success makes the configuration a success.
    """
    names = set(space.names)
    codes = np.full((len(observed.configurations), len(space.parameters)), -1, dtype=np.int32)
    known = np.ones(len(codes), dtype=bool)
    for i, configuration in enumerate(observed.configurations):
        for j, parameter in enumerate(space.parameters):
            if parameter.name in configuration:
                code = parameter.code(configuration[parameter.name])
                known[i] &= code is not None
                codes[i, j] = -1 if code is None else code
    codes = space.canonical_codes(codes)
    complete = known & ~space.incomplete(codes)
    feasible = complete.copy()
    feasible[complete] = space.feasible(codes[complete])
    rows: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(feasible).tolist():
        rows.setdefault(codes[i].tobytes(), []).append(i)
    kept = [_merged(observed, same) for same in rows.values()]
    configurations: tuple[Configuration, ...] = tuple(space.decode(codes[same[0]]) for same in rows.values())
    given = {name for configuration in observed.configurations for name in configuration}
    account = Account(
        source=observed.name,
        evaluations=len(codes),
        configurations=len(rows),
        other_values=int((~known).sum()),
        incomplete=int((known & ~complete).sum()),
        infeasible=int((complete & ~feasible).sum()),
        merged=int(feasible.sum()) - len(rows),
        not_here=tuple(sorted(given - names)),
    )
    statuses, latencies = tuple(status for status, _ in kept), tuple(latency for _, latency in kept)
    return SourceData(observed.facts, target, configurations, statuses, latencies), account


def _merged(observed: Observed, rows: Sequence[int]) -> tuple[Status, float | None]:
    """The merged status and latency of evaluations that are one configuration here."""
    latencies = [value for row in rows if (value := observed.latencies_ms[row]) is not None]
    return (Status.OK, statistics.median(latencies)) if latencies else (observed.statuses[rows[0]], None)
