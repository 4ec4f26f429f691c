"""The account of a study in numbers, in sentences, and in JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from analysis.runs import contract
from analysis.runs.state import CountedRun, State

_SHOWN = 12
"""The most seeds to name; the rest are only counted."""
_PARTS = 3
"""The most pairs of task and strategy that a summary names one by one."""


@dataclass(frozen=True)
class Cell:
    """The runs of one strategy on one task, if not all are done.

    Attributes:
        total: the number of runs, planned or existing.
        seeds: the seeds of runs that are not done, by state.
        messages: the message of the first failed or damaged run, by state.
        unverified: the number of failed runs whose logs have no checksums.
    """

    task: str
    strategy: str
    total: int
    seeds: Mapping[State, tuple[int, ...]]
    messages: Mapping[State, str]
    unverified: int = 0

    def sentences(self) -> Iterator[str]:
        """Sentences for the reader, one per state."""
        where = f"{self.strategy} on {self.task}"
        for state, seeds in self.seeds.items():
            of = f"{where}: {len(seeds)} of {self.total} {_OF[state]}"
            named = f"seed{'s' * (len(seeds) != 1)} {listed(seeds)}"
            why = f"; {self.messages[state]}" if self.messages.get(state) else ""
            if state is State.FAILED:
                counted = f"they count as misses with what they spent as cost{self._unsure()}"
                yield f"{of} failed ({named}{why}): {counted}."
            else:
                yield f"{of} are {state} ({named}): the numbers here do not include them{why}."

    def _unsure(self) -> str:
        return f" ({self.unverified} by a log without checksums, so unverified)" if self.unverified else ""


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
        runs: each run once, sorted.
        planned: whether there is a sweep's plan.
        faults: one sentence for each plan or folder that cannot be read.
        withheld: (task, strategy) to the reason why its numbers are not given.
        superseded: attempts that do not count, sorted.
        codes: for strategies with runs of several versions of the code, the number of runs by version; an unknown
            version is empty.
        streams: for every strategy with ended runs, the number of runs by version of the random streams.
    """

    runs: tuple[CountedRun, ...] = ()
    planned: bool = False
    faults: tuple[str, ...] = ()
    withheld: Mapping[tuple[str, str], str] = field(default_factory=dict)
    superseded: tuple[CountedRun, ...] = ()
    codes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    streams: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    def totals(self) -> Counter[State]:
        """The number of runs in each state, and of superseded attempts."""
        return Counter(run.state for run in (*self.runs, *self.superseded))

    def counts(self) -> dict[str, int]:
        """The same by name of the state, without states that do not occur."""
        return {str(state): count for state, count in sorted(self.totals().items())}

    def of(self, state: State) -> list[CountedRun]:
        return [run for run in self.runs if run.state is state]

    def tasks(self) -> set[str]:
        """All tasks that were run or planned, named by their directories."""
        return {run.run.task for run in self.runs}

    def begun(self) -> set[str]:
        """The tasks with a run that is done, or that failed with a known cost."""
        ended = [run for run in self.runs if run.state in (State.DONE, State.FAILED)]
        return {run.run.task for run in ended if (run.run.task, run.run.label) not in self.withheld}

    def cells(self) -> dict[tuple[str, str], Cell]:
        """The cells whose runs are not all done, by task and strategy."""
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
        """The number of runs of a strategy on some tasks in each state other than done; 0 if none."""
        wanted = set(tasks)
        own = [cell for (task, label), cell in self.cells().items() if label == strategy and task in wanted]
        return {state: sum(len(cell.seeds.get(state, ())) for cell in own) for state in OPEN}

    def short(self, tasks: Iterable[str], strategy: str) -> str:
        """The runs of a strategy on some tasks that are not done: ``7 failed, 2 missing``; empty if all are done."""
        return ", ".join(f"{count} {state}" for state, count in self.lacking(tasks, strategy).items() if count)

    def sentences(self) -> list[str]:
        """Sentences to read before trusting any number; empty if all runs are done once and by the same code."""
        said = [sentence for cell in self.cells().values() for sentence in cell.sentences()]
        said += [f"{label} on {task}: no number is given: {why}." for (task, label), why in self.withheld.items()]
        said += [*self.faults, *self._of_superseded()]
        said += [f"{self.of_codes(strategy)}." for strategy in self.codes]
        return said + [f"{sentence}." for sentence in (self.of_streams(),) if sentence]

    def of_codes(self, strategy: str) -> str:
        """The sentence that the runs of a strategy in :attr:`codes` come from several versions of the code."""
        counts = self.codes[strategy]
        parts = [f"{count} by {code[:8]}" for code, count in counts.items() if code]
        parts += [f"{counts['']} by unknown code"] if "" in counts else []
        return f"{strategy}: its {sum(counts.values())} runs were not made by the same code: {', '.join(parts)}"

    def versions(self) -> frozenset[int]:
        """The versions of the random streams of all ended runs."""
        return frozenset(version for versions in self.streams.values() for version in versions)

    def of_streams(self) -> str:
        """How many runs have random streams of version 1, and whether others have later ones; empty if none has."""
        total = sum(sum(versions.values()) for versions in self.streams.values())
        first = {name: counts[contract.FIRST_STREAMS] for name, counts in self.streams.items()
                 if contract.FIRST_STREAMS in counts}  # fmt: skip
        if not first:
            return ""
        drew = (
            f"random streams of version {contract.FIRST_STREAMS}: one seed draws the same numbers on every task, and "
            "intervals over exactly these tasks treat seeds as clusters (no other numbers do)"
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
        """The account in one sentence, to put beside a verdict; empty if all runs are done."""
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
        """The account for verdict.json and similar files."""
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
