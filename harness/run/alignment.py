"""Evaluations of another task in the space of this one: aligned by the names and values of parameters."""

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
    """What was evaluated of a task, as its own records have it.

    Attributes:
        name: for messages, such as ``matmul-1024x1024x1024-bf16__h100``.
        latencies_ms: in ms; ``None`` unless the status is ``ok``.
    """

    name: str
    facts: TaskFacts
    configurations: Sequence[Mapping[str, Any]]
    statuses: Sequence[Status]
    latencies_ms: Sequence[float | None]


@dataclass(frozen=True)
class Account:
    """What became of a source's evaluations.

    Attributes:
        evaluations: in the source.
        configurations: distinct ones that are left.
        other_values: dropped because a parameter has no such value here.
        incomplete: dropped because a parameter that is active here has no value there.
        infeasible: dropped because the rules here forbid them, or they are not in the recorded sample.
        merged: repeated here, where a parameter of the source has no part in it or a configuration was evaluated again.
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
        """In JSON's types."""
        return {**asdict(self), "not_here": list(self.not_here)}

    def told(self) -> str:
        """One line."""
        words = {
            "other_values": "with values that this space lacks",
            "incomplete": "without a value of a parameter of this space",
            "infeasible": "infeasible here",
            "merged": "the same here as another",
        }
        lost = [f"{n} {text}" for name, text in words.items() if (n := getattr(self, name))]
        lost += [f"without {', '.join(self.not_here)}"] if self.not_here else []
        said = f": {'; '.join(lost)}" if lost else ""
        return f"{self.source}: {self.configurations} configurations of {self.evaluations} evaluations{said}"


def aligned(space: SearchSpace, observed: Observed, target: TaskFacts) -> tuple[SourceData, Account]:
    """What of a source can be evaluated in ``space``, and what became of the rest.

    Parameters that this space lacks are left out, and so are values of those that are inactive here. Of several
    evaluations of one configuration the median latency counts, and one success makes it a success.
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
    """Status and latency of evaluations that are one configuration here."""
    latencies = [value for row in rows if (value := observed.latencies_ms[row]) is not None]
    return (Status.OK, statistics.median(latencies)) if latencies else (observed.statuses[rows[0]], None)
