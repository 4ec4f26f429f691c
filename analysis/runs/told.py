"""What an account of a study tells: in numbers, in sentences, and in JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from analysis.runs import contract
from analysis.runs.state import CountedRun, State

_SHOWN = 12
"""Seeds that are named before the rest is only counted."""
_PARTS = 3
"""Pairs of task and strategy that a summary names one by one."""


@dataclass(frozen=True)
class Cell:
    """The runs of one strategy on one task that are not simply done.

    Attributes:
        total: all, planned or there.
        seeds: of those that are not done, by state.
        messages: of the first that failed or is damaged, by state.
        unverified: so many failed ones are known by logs without checks.
    """

    task: str
    strategy: str
    total: int
    seeds: Mapping[State, tuple[int, ...]]
    messages: Mapping[State, str]
    unverified: int = 0

    def sentences(self) -> Iterator[str]:
        """What a reader must know of it, a sentence a state."""
        where = f"{self.strategy} on {self.task}"
        for state, seeds in self.seeds.items():
            of = f"{where}: {len(seeds)} of {self.total} {_OF[state]}"
            named = f"seed{'s' * (len(seeds) != 1)} {listed(seeds)}"
            why = f"; {self.messages[state]}" if self.messages.get(state) else ""
            if state is State.FAILED:
                counted = f"they count as misses that cost what they spent{self._unsure()}"
                yield f"{of} failed ({named}{why}): {counted}."
            else:
                yield f"{of} are {state} ({named}): the numbers here know nothing of them{why}."

    def _unsure(self) -> str:
        return f" ({self.unverified} by a log without checks, so unverified)" if self.unverified else ""


_OF = {
    State.FAILED: "runs",
    State.MISSING: "planned runs",
    State.RUNNING: "runs",
    State.INTERRUPTED: "runs",
    State.DAMAGED: "runs",
}
OPEN = tuple(_OF)
"""States of runs that are not done."""


def listed(seeds: Sequence[int]) -> str:
    more = len(seeds) - _SHOWN
    return ", ".join(map(str, seeds[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Account:
    """All runs of a study.

    Attributes:
        runs: each once, sorted.
        planned: whether some sweep left its plan.
        faults: plans and folders that cannot be read, a sentence each.
        withheld: (task, strategy) to why none of its numbers is given.
        superseded: attempts that count nowhere, sorted.
        codes: of strategies whose runs were made by several versions of the code, how many by which; that of runs
            that do not say is empty.
        streams: of every strategy with runs that ended, how many have random streams of which version.
    """

    runs: tuple[CountedRun, ...] = ()
    planned: bool = False
    faults: tuple[str, ...] = ()
    withheld: Mapping[tuple[str, str], str] = field(default_factory=dict)
    superseded: tuple[CountedRun, ...] = ()
    codes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    streams: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    def totals(self) -> Counter[State]:
        """How many runs are in which state, and how many attempts are superseded."""
        return Counter(run.state for run in (*self.runs, *self.superseded))

    def counts(self) -> dict[str, int]:
        """The same by the states' names, those that occur."""
        return {str(state): count for state, count in sorted(self.totals().items())}

    def of(self, state: State) -> list[CountedRun]:
        return [run for run in self.runs if run.state is state]

    def tasks(self) -> set[str]:
        """All that were run or planned, under the names of their directories."""
        return {run.run.task for run in self.runs}

    def begun(self) -> set[str]:
        """Those of them of which a run is done, or failed after it had spent something that is known."""
        ended = [run for run in self.runs if run.state in (State.DONE, State.FAILED)]
        return {run.run.task for run in ended if (run.run.task, run.run.label) not in self.withheld}

    def cells(self) -> dict[tuple[str, str], Cell]:
        """By task and strategy, those that are not simply done."""
        return self._cells

    @cached_property
    def _cells(self) -> dict[tuple[str, str], Cell]:
        groups: dict[tuple[str, str], list[CountedRun]] = {}
        for run in self.runs:
            groups.setdefault((run.run.task, run.run.label), []).append(run)
        cells = {}
        for (task, label), runs in sorted(groups.items()):
            by_state = {state: [run for run in runs if run.state is state] for state in OPEN}
            seeds = {state: tuple(run.run.seed for run in own) for state, own in by_state.items() if own}
            if seeds:
                told = (State.FAILED, State.DAMAGED)
                messages = {state: by_state[state][0].message for state in told if by_state[state]}
                unsure = sum(run.unverified for run in by_state[State.FAILED])
                cells[task, label] = Cell(task, label, len(runs), seeds, messages, unsure)
        return cells

    @property
    def complete(self) -> bool:
        return not self.cells() and not self.faults

    def lacking(self, tasks: Iterable[str], strategy: str) -> dict[State, int]:
        """How many runs of a strategy on some tasks are in each state but done; 0 where none is."""
        wanted = set(tasks)
        own = [cell for (task, label), cell in self.cells().items() if label == strategy and task in wanted]
        return {state: sum(len(cell.seeds.get(state, ())) for cell in own) for state in OPEN}

    def short(self, tasks: Iterable[str], strategy: str) -> str:
        """What is not done of a strategy on some tasks: ``7 failed, 2 missing``; empty where all is done."""
        return ", ".join(f"{count} {state}" for state, count in self.lacking(tasks, strategy).items() if count)

    def sentences(self) -> list[str]:
        """What a reader must know before believing any number; empty where all is done once and by the same code."""
        said = [sentence for cell in self.cells().values() for sentence in cell.sentences()]
        said += [f"{label} on {task}: no number is given: {why}." for (task, label), why in self.withheld.items()]
        said += [*self.faults, *self._of_superseded()]
        said += [f"{self.of_codes(strategy)}." for strategy in self.codes]
        return said + [f"{sentence}." for sentence in (self.of_streams(),) if sentence]

    def of_codes(self, strategy: str) -> str:
        """That runs of a strategy in :attr:`codes` were made by several versions of the code, and how many by which."""
        counts = self.codes[strategy]
        parts = [f"{count} by {code[:8]}" for code, count in counts.items() if code]
        parts += [f"{counts['']} by code that is unknown"] if "" in counts else []
        return f"{strategy}: its {sum(counts.values())} runs were not made by the same code: {', '.join(parts)}"

    def versions(self) -> frozenset[int]:
        """Of the random streams of all runs that ended."""
        return frozenset(version for versions in self.streams.values() for version in versions)

    def of_streams(self) -> str:
        """How many runs have random streams of version 1, and whether others have later ones; empty where none has."""
        total = sum(sum(versions.values()) for versions in self.streams.values())
        first = {name: counts[contract.FIRST_STREAMS] for name, counts in self.streams.items()
                 if contract.FIRST_STREAMS in counts}  # fmt: skip
        if not first:
            return ""
        drew = (
            f"random streams of version {contract.FIRST_STREAMS}: one seed draws the same numbers on every task, and "
            "intervals over exactly these tasks take seeds as clusters (no other numbers do)"
        )
        if self.versions() == {contract.FIRST_STREAMS}:
            return f"All {total} runs have {drew}"
        named = ", ".join(f"{count} of {sum(self.streams[name].values())} of {name}" for name, count in first.items())
        return f"{sum(first.values())} of {total} runs have {drew}; those of the others are independent ({named})"

    def _of_superseded(self) -> Iterator[str]:
        groups: dict[tuple[str, str], list[CountedRun]] = {}
        for run in self.superseded:
            groups.setdefault((run.run.task, run.run.label), []).append(run)
        for (task, label), own in groups.items():
            first = f"seed {own[0].run.seed}: {own[0].message}"
            yield f"{label} on {task}: {len(own)} superseded and not counted ({'the first, ' * (len(own) > 1)}{first})."

    def summary(self) -> str:
        """All of it in one sentence, to stand beside a verdict; empty where all is done."""
        parts = []
        for (task, label), cell in self.cells().items():
            parts += [
                f"{len(seeds)} of {cell.total} {_OF[state]} {state if state is State.FAILED else f'are {state}'}"
                f" ({label} on {task})"
                for state, seeds in cell.seeds.items()
            ]
        if not parts:
            return ""
        if len(parts) > _PARTS:
            totals = self.totals()
            parts = [f"{totals[state]} of {len(self.runs)} runs {state}" for state in OPEN if totals[state]]
            parts[-1] += f" (on {len(self.cells())} pairs of task and strategy)"
        return f"Not complete: {'; '.join(parts)}."

    def document(self) -> dict[str, Any]:
        """For verdict.json and its like."""
        totals = self.totals()
        return {
            "planned": self.planned,
            "totals": {str(state): totals[state] for state in State},
            "told": self.sentences(),
            "incomplete": [
                {
                    "task": cell.task,
                    "strategy": cell.strategy,
                    "runs": cell.total,
                    **{str(state): list(seeds) for state, seeds in cell.seeds.items()},
                    "withheld": self.withheld.get((cell.task, cell.strategy)),
                }
                for cell in self.cells().values()
            ],
            "superseded": [
                {"task": run.run.task, "strategy": run.run.label, "seed": run.run.seed, "message": run.message}
                for run in self.superseded
            ],
            "codes": {strategy: dict(counts) for strategy, counts in self.codes.items()},
            "streams": {
                strategy: {str(version): count for version, count in versions.items()}
                for strategy, versions in self.streams.items()
            },
        }
