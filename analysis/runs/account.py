"""One account of a study: which of its runs are done, running, interrupted, failed, missing or damaged.

The harness has its own (``harness/study/status.py``), since neither imports the other; ``tests/test_account.py`` holds
both to the same answer on the same folders. Every other module of the analysis asks this one.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from analysis.runs import contract
from analysis.runs.damage import damage
from analysis.runs.version import check_plans, check_run_version, check_version

_SHOWN = 12
"""Seeds that are named before the rest is only counted."""


class State(StrEnum):
    """Of a run, as ``nearopt status`` has it."""

    DONE = "done"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, order=True)
class Name:
    """A run by the names of its directory."""

    task: str
    label: str
    seed: int


@dataclass(frozen=True, order=True)
class CountedRun:
    """One run.

    Attributes:
        message: why it failed, or what of it is damaged; one line.
        directory: where it lies; of a missing run where it would, empty of one that a consolidated file holds.
    """

    run: Name
    state: State
    message: str = ""
    directory: str = ""


@dataclass(frozen=True)
class Cell:
    """The runs of one strategy on one task that are not simply done.

    Attributes:
        total: all, planned or there.
        states: how many are in which state.
        seeds: of those that are not done, by state.
        message: of the first that failed.
    """

    task: str
    strategy: str
    total: int
    states: Mapping[State, int]
    seeds: Mapping[State, tuple[int, ...]]
    message: str

    def sentences(self) -> Iterator[str]:
        """What a reader must know of it, a sentence a state."""
        where = f"{self.strategy} on {self.task}"
        for state, seeds in self.seeds.items():
            of = f"{where}: {len(seeds)} of {self.total} {_OF[state]}"
            named = f"seed{'s' * (len(seeds) != 1)} {listed(seeds)}"
            if state is State.FAILED:
                yield f"{of} failed ({named}; {self.message}): they count as misses that cost what they spent."
            else:
                yield f"{of} are {state} ({named}): the numbers here know nothing of them."


_OF = {
    State.FAILED: "runs",
    State.MISSING: "planned runs",
    State.RUNNING: "runs",
    State.INTERRUPTED: "runs",
    State.DAMAGED: "runs",
}


def listed(seeds: Sequence[int]) -> str:
    more = len(seeds) - _SHOWN
    return ", ".join(map(str, seeds[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Account:
    """All runs of a study, sorted.

    Attributes:
        planned: whether some sweep left its plan.
        faults: plans that cannot be read, a sentence each.
        withheld: (task, strategy) to why none of its numbers is given.
    """

    runs: tuple[CountedRun, ...] = ()
    planned: bool = False
    faults: tuple[str, ...] = ()
    withheld: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def totals(self) -> Counter[State]:
        """How many runs are in which state."""
        return Counter(run.state for run in self.runs)

    def counts(self) -> dict[str, int]:
        """The same by the states' names, those that occur."""
        return {str(state): count for state, count in sorted(self.totals().items())}

    def of(self, state: State) -> list[CountedRun]:
        return [run for run in self.runs if run.state is state]

    def cells(self) -> dict[tuple[str, str], Cell]:
        """By task and strategy, those that are not simply done."""
        groups: dict[tuple[str, str], list[CountedRun]] = {}
        for run in self.runs:
            groups.setdefault((run.run.task, run.run.label), []).append(run)
        cells = {}
        for (task, label), runs in sorted(groups.items()):
            states = Counter(run.state for run in runs)
            seeds = {
                state: tuple(run.run.seed for run in runs if run.state is state)
                for state in _OF
                if states[state]
            }  # fmt: skip
            if seeds:
                message = next((run.message for run in runs if run.state is State.FAILED), "")
                cells[task, label] = Cell(task, label, len(runs), states, seeds, message)
        return cells

    @property
    def complete(self) -> bool:
        return not self.cells() and not self.faults

    def short(self, tasks: Iterable[str], strategy: str) -> str:
        """What is not done of a strategy on some tasks: ``7 failed, 2 missing``; empty where all is done."""
        cells, wanted = self.cells(), set(tasks)
        own = [cell for (task, label), cell in cells.items() if label == strategy and task in wanted]
        counts = {state: sum(len(cell.seeds.get(state, ())) for cell in own) for state in _OF}
        return ", ".join(f"{count} {state}" for state, count in counts.items() if count)

    def sentences(self) -> list[str]:
        """What a reader must know before believing any number; empty where all is done."""
        said = [sentence for cell in self.cells().values() for sentence in cell.sentences()]
        said += [f"{label} on {task}: no number is given: {why}." for (task, label), why in self.withheld.items()]
        return said + list(self.faults)

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
        shown, more = parts[:3], len(parts) - 3
        told = "; ".join(shown) + (f"; and so in {more} more places" if more > 0 else "")
        return f"Not complete: {told}."

    def document(self) -> dict[str, Any]:
        """For verdict.json."""
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
        }


def account(paths: Iterable[str | Path], held_together: Mapping[Name, str] | None = None, deep: bool = True) -> Account:
    """The state of every run below ``paths`` and of every run planned for there.

    Args:
        held_together: runs that a consolidated file holds, and how they ended; of those without a directory.
        deep: look into the evaluations of finished runs too; whoever reads them anyway needs it not.

    Raises:
        AnalysisError: a newer NearOpt wrote something of it.
    """
    found: dict[Name, CountedRun] = {}
    plans: dict[Name, Path] = {}
    faults: list[str] = []
    for path in map(Path, paths):
        directories, roots = _survey(path)
        for directory in directories:
            run = run_state(directory, deep)
            found.setdefault(run.run, run)
        for root in roots:
            known, unreadable = _plans(root)
            plans |= {run: root for run in known if _below(root, run, path)}
            faults += [f"{file}: not readable, so what is missing is not known in full." for file in unreadable]
    for name, ended in (held_together or {}).items():
        state = State.FAILED if ended == contract.ENDED_FAILED else State.DONE
        found.setdefault(name, CountedRun(name, state, "as the consolidated file says"))
    missing = _missing(set(plans), set(found))
    return Account(
        tuple(sorted([*found.values(), *(CountedRun(run, State.MISSING) for run in missing)])),
        bool(plans),
        tuple(dict.fromkeys(faults)),
    )


def name_of(directory: Path) -> Name | None:
    """By its place; ``None`` where it is no ``TASK/LABEL/seed-N``."""
    number = directory.name.removeprefix(contract.SEED_PREFIX)
    if number == directory.name or not number.isdigit() or len(directory.parts) < 3:
        return None
    return Name(directory.parts[-3], directory.parts[-2], int(number))


def run_state(directory: Path, deep: bool = True) -> CountedRun:
    """The state of the run in ``directory``, which is there.

    Raises:
        AnalysisError: a newer NearOpt made it.
    """
    name = name_of(directory) or Name(directory.parent.parent.name, directory.parent.name, 0)
    check_run_version(directory)
    running = held(directory)  # first: a run that ends meanwhile has its DONE
    wrong = damage(directory, deep)
    done = (directory / contract.DONE).exists()
    if done and not wrong:
        return CountedRun(name, State.DONE, "", str(directory))
    if running:
        return CountedRun(name, State.RUNNING, "", str(directory))
    if wrong:
        return CountedRun(name, State.DAMAGED, wrong, str(directory))
    if (directory / contract.FAILED).exists():
        message = str(json.loads((directory / contract.FAILED).read_text(encoding="utf-8"))["message"])
        return CountedRun(name, State.FAILED, message, str(directory))
    return CountedRun(name, State.INTERRUPTED, "", str(directory))


def held(directory: Path) -> bool:
    """Whether a process seems to write there now: ``.lock`` is taken, or ``.owner`` of another machine is fresh."""
    try:
        with (directory / contract.LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            note = directory / contract.OWNER
            said = json.loads(note.read_text(encoding="utf-8"))
            kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return said.get("kernel") != kernel and time.time() - note.stat().st_mtime < contract.OWNER_S
    except BlockingIOError:
        return True
    except (OSError, ValueError, AttributeError):
        return False


def _survey(path: Path) -> tuple[list[Path], list[Path]]:
    """Run directories at any depth below ``path``, and the results folders that it lies in or that lie in it."""
    top = path.resolve()
    roots = [folder for folder in (top, *top.parents[:3]) if (folder / contract.PLANNED).is_dir()]
    directories = []
    for folder, inner, files in os.walk(top):
        place = Path(folder)
        inner[:] = [name for name in inner if not name.startswith((".", contract.ABORTED_PREFIX))]
        if name_of(place) is not None:
            inner.clear()
            directories.append(place)
            continue
        directories += [place / name for name in files if name_of(place / name) is not None]
        if contract.PLANNED in inner and place != top:
            roots.append(place)
    return directories, roots


def _plans(root: Path) -> tuple[set[Name], list[Path]]:
    check_plans(root)
    runs: set[Name] = set()
    unreadable = []
    for file in sorted((root / contract.PLANNED).glob("*.json")):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            check_version(file, document.get("version", 1))
            for group in document["runs"]:
                runs |= {Name(str(group["task"]), str(group["strategy"]), int(seed)) for seed in group["seeds"]}
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            unreadable.append(file)
    return runs, unreadable


def _below(root: Path, run: Name, path: Path) -> bool:
    """Whether a run of ``root`` is one of those that ``path`` asks for: all, or those of a task, strategy or seed."""
    with suppress(ValueError):
        wanted = path.resolve().relative_to(root).parts
        place = (run.task, run.label, f"{contract.SEED_PREFIX}{run.seed}")
        stem = run.task.removesuffix(contract.ANY_DEVICE)
        return all(
            asked == own or (own == run.task != stem and asked.startswith(stem))
            for asked, own in zip(wanted, place, strict=False)
        )
    return True  # the results folder lies below the path


def _missing(plans: set[Name], present: set[Name]) -> list[Name]:
    """Planned runs that are not there; a plan for any device is met by a run on one, and named after the only one."""
    devices: dict[str, set[str]] = {}
    for run in present:
        devices.setdefault(run.task.rpartition("__")[0], set()).add(run.task)
    missing = []
    for run in plans - present:
        any_device = run.task.endswith(contract.ANY_DEVICE)
        tasks = devices.get(run.task.removesuffix(contract.ANY_DEVICE), set()) if any_device else set()
        if not any(replace(run, task=task) in present for task in tasks):
            missing.append(replace(run, task=next(iter(tasks))) if len(tasks) == 1 else run)
    return missing
