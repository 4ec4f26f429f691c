"""The account of a study: which of its runs are done, running, interrupted, failed, missing or damaged.

Each run counts once; other attempts at it are superseded. The harness has its own account
(``harness/study/status.py``), because the two halves do not import each other; ``tests/test_account.py`` makes sure
that both agree on the same folders. All other modules of the analysis use this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from analysis.runs import contract
from analysis.runs.damage import blocked
from analysis.runs.held_together import ANOTHER
from analysis.runs.state import CountedRun, Name, State, identity, name_of, run_state, set_aside
from analysis.runs.survey import Survey, asked_for, missing, planned, survey
from analysis.runs.told import Account

_BY_WEIGHT = (State.DONE, State.RUNNING, State.FAILED, State.INTERRUPTED, State.DAMAGED)
"""If a run is in several folders, the attempt with the first of these states counts."""
_NOTHING: Mapping[Path, str] = {}

_Made = tuple[str, float]
"""The digest of the code that made a run, empty if unknown, and the time of writing in s."""
_Once = tuple[dict[Name, CountedRun], list[CountedRun]]
"""The runs that count, and the superseded attempts."""


def account(paths: Iterable[str | Path]) -> Account:
    """The state of every run below ``paths`` and of every run planned there.

    Raises:
        AnalysisError: a newer NearOpt wrote a part of it, or a consolidated file is damaged.
    """
    return account_of([survey(Path(path)) for path in paths])


def account_of(surveys: Sequence[Survey], deep: bool = True, damaged: Mapping[Path, str] = _NOTHING) -> Account:
    """As :func:`account`, for folders already surveyed.

    Args:
        deep: also check the evaluations of finished runs; not needed by callers that read them anyway ...
        damaged: ... and pass the directories that turned out to be damaged, with the damage.
    """
    directories = dict.fromkeys(directory for seen in surveys for directory in seen.directories)
    found = {str(directory): _state(directory, deep, damaged) for directory in directories}
    superseded = {
        _superseded(found[str(directory)], f"{name}: files of an earlier attempt")
        for directory in directories
        for name in set_aside(directory)
    }
    made: dict[str, _Made] = {}
    for collection in (collection for seen in surveys for collection in seen.collections):
        root, held = collection.root, collection.held()
        superseded |= {_superseded(found[str(root / place)], ANOTHER) for place in held.superseded}
        written = (root / contract.CONSOLIDATED).stat().st_mtime
        for place, row in held.counted.items():
            found[str(root / place)] = _of_row(root / place, row.ended)
            made[str(root / place)] = row.code_digest, written
    once, others = _each_once(found.values(), made)
    plans, faults = _planned(surveys)
    for name, root in missing(plans, set(once)).items():
        wrong = blocked(root / name.place)
        once[name] = CountedRun(name, State.DAMAGED if wrong else State.MISSING, wrong)
    faults += [fault for seen in surveys for fault in seen.faults]
    return Account(
        runs=tuple(sorted(once.values())),
        planned=bool(plans),
        faults=tuple(dict.fromkeys(faults)),
        superseded=tuple(sorted({*superseded, *others})),
    )


def _state(directory: Path, deep: bool, damaged: Mapping[Path, str]) -> CountedRun:
    run = run_state(directory, deep)
    if run.state is State.DONE and directory in damaged:
        return replace(run, state=State.DAMAGED, message=damaged[directory])
    return run


def _of_row(directory: Path, ended: str) -> CountedRun:
    name = name_of(directory) or Name(directory.parent.parent.name, directory.parent.name, 0)
    if ended == contract.ENDED_FAILED:
        return CountedRun(name, State.FAILED, "as the consolidated file says", str(directory))
    return CountedRun(name, State.DONE, "", str(directory))


def _superseded(run: CountedRun, why: str) -> CountedRun:
    return replace(run, state=State.SUPERSEDED, message=why)


def _each_once(found: Iterable[CountedRun], made: Mapping[str, _Made]) -> _Once:
    """For each run, choose the attempt that counts, and describe the others.

    A finished attempt has priority, and of two made by different code the newer one.
    """
    groups: dict[Name, list[CountedRun]] = {}
    for run in found:
        groups.setdefault(run.run, []).append(run)
    once, others = {}, []
    for name, runs in groups.items():
        if len(runs) == 1:
            once[name] = runs[0]
            continue
        facts = {run.directory: made.get(run.directory) or _made(Path(run.directory)) for run in runs}
        differ = len({code for code, _ in facts.values()}) > 1

        def weight(run: CountedRun, facts: Mapping[str, _Made] = facts, differ: bool = differ) -> tuple[int, float]:
            return _BY_WEIGHT.index(run.state), -facts[run.directory][1] if differ else 0.0

        best = min(runs, key=weight)
        once[name] = best
        others += [_superseded(run, _why(run, best, facts)) for run in runs if run is not best]
    return once, others


def _made(directory: Path) -> _Made:
    written = 0.0
    for name in (contract.FAILED, contract.DONE):
        with suppress(OSError):
            written = (directory / name).stat().st_mtime
    return identity(directory)[1], written


def _why(run: CountedRun, best: CountedRun, facts: Mapping[str, _Made]) -> str:
    if run.state is not best.state:
        return f"{run.directory} is {run.state}, {best.directory} is {best.state}"
    code = facts[run.directory][0]
    if code != facts[best.directory][0]:
        by = f"made by other code ({code[:8]})" if code else "made by unknown code"
        return f"{run.directory} was {by}, {best.directory} is newer"
    return f"{run.directory} is a copy of {best.directory}"


def _planned(surveys: Sequence[Survey]) -> tuple[dict[Name, Path], list[str]]:
    """The planned runs with their results folder, and a sentence for each plan that cannot be read."""
    plans: dict[Name, Path] = {}
    faults: list[str] = []
    for seen in surveys:
        for root in seen.roots:
            known, unreadable = planned(root)
            plans |= {run: root for run in known if asked_for(root, run, seen.path)}
            faults += [f"{file}: not readable, so some missing runs may be unknown." for file in unreadable]
    return plans, faults
