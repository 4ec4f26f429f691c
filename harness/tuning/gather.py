"""Gather outcomes from paths: a run, a study, a landscape file, or a folder of any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.run import contract
from harness.run.survey import inside, once_each, runs_of_task
from harness.study.held_together import held_together, named
from harness.tuning.of_recording import outcome_of_recording
from harness.tuning.of_run import outcome_of_run
from harness.tuning.outcome import OBSERVED, Outcome

EXPECTED = "expected a run's directory, a results folder or landscape files"


@dataclass(frozen=True)
class Gathered:
    """The outcomes at given paths.

    Attributes:
        outcomes: of every run and recording that could be read, sorted by task.
        left_out: one sentence for each run or file that was left out.
    """

    outcomes: tuple[Outcome, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class BestOfTask:
    """The best of all outcomes of one task.

    Attributes:
        outcome: the outcome with the best configuration.
        of: all outcomes of the task.
    """

    outcome: Outcome
    of: tuple[Outcome, ...]

    @property
    def evaluations(self) -> int:
        """The sum of evaluations over all outcomes."""
        return sum(each.evaluations for each in self.of)

    @property
    def failures(self) -> int:
        """The sum of failures over all outcomes."""
        return sum(each.failures for each in self.of)


def gather(paths: Sequence[Path], advance: Callable[[], None] = lambda: None) -> Gathered:
    """The outcome of every run and landscape at or below ``paths``.

    Args:
        advance: called after each outcome is read.

    Raises:
        UserError: a path does not exist or contains nothing readable.
    """
    outcomes: list[Outcome] = []
    left_out: list[str] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such path: {EXPECTED}")
        before, faults = len(outcomes), list[str]()
        for read, each in _sources(path, faults):
            try:
                outcomes.append(read(each))
            except UserError as error:
                faults.append(str(error))
            advance()
        if len(outcomes) == before:
            raise UserError(faults[0] if len(faults) == 1 else f"{path}: {_told(faults)}: {EXPECTED}")
        left_out += faults
    return Gathered(
        tuple(sorted(outcomes, key=lambda each: (each.task, each.strategy, each.seed or 0))), tuple(left_out)
    )


def by_task(outcomes: Sequence[Outcome]) -> list[BestOfTask]:
    """The best of each task; re-timed and recorded latencies take precedence over readings, which are not
    comparable."""
    groups: dict[str, list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault(each.task, []).append(each)
    return [BestOfTask(min(group, key=_rank), tuple(group)) for group in groups.values()]


def _rank(outcome: Outcome) -> tuple[bool, bool, float]:
    best = outcome.best
    return (True, True, 0.0) if best is None else (False, best.known_by == OBSERVED, best.latency_ms)


def _told(faults: Sequence[str]) -> str:
    return f"nothing readable ({len(faults)} faults, the first: {faults[0]})" if faults else "contains no run"


Source = tuple[Callable[[Path], Outcome], Path]


def _sources(path: Path, faults: list[str]) -> Iterator[Source]:
    """Yield what to read and how to read it; ``faults`` receives a sentence for what cannot be read."""
    if not path.is_dir():
        yield outcome_of_recording, path  # which reports an error if it is not a landscape
        return
    if (path / contract.CONFIG).is_file():
        yield outcome_of_run, path
        return
    yield from ((outcome_of_run, run) for run in _runs(path, faults))
    for file in sorted(path.glob("*.parquet")):
        if file.name not in (*contract.TASK_FILES, *contract.RESULTS_FILES):
            yield outcome_of_recording, file


def _runs(folder: Path, faults: list[str]) -> list[Path]:
    """Runs below a results folder, a task's folder or a strategy's folder."""
    of_study = once_each(folder, [run for task in inside(folder, faults) for run in runs_of_task(task, faults)])
    directories = {named(directory): directory for directory in of_study}
    if consolidated := len(held_together(folder, directories).counted):
        faults.append(f"{folder / contract.CONSOLIDATED}: {consolidated} runs without directories: "
                      "their configurations are not kept there")  # fmt: skip
    if directories:
        return sorted(directories.values())
    of_task = [run for run in runs_of_task(folder, faults) if run.is_dir()]
    return of_task or sorted(
        run for run in folder.glob(f"{contract.SEED_PREFIX}*") if (run / contract.CONFIG).is_file()
    )
