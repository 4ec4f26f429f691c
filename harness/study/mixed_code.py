"""Refuse a sweep, before it starts, that would pool runs of edited code or of other random streams with older runs,
unless that is allowed explicitly."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path

from harness.config.schema import RunConfig, SweepOptions
from harness.errors import UserError
from harness.run import contract
from harness.run.code import code_digest, targets
from harness.run.state import Identity, identity
from harness.run.streams import VERSION
from harness.run.survey import inside, once_each, runs_of_task
from harness.study.held_together import held_together, named
from harness.study.plan import ANY, PlannedRun, planned_runs

_INSTEAD = "choose another results= or strategy.label=, or allow_mixed_code=true to have both in one study"


def check_code(configs: Sequence[RunConfig], options: SweepOptions) -> None:
    """Check that runs in the same task and label folders as ``configs`` have the same code and the same version of
    random streams.

    A run that does not state its code is compatible with any code; one that does not state its streams is of
    version 1. Runs that exist only in a consolidated file are checked for their streams.

    Raises:
        UserError: naming the folder, the runs of other code or streams in it, and both digests or versions.
    """
    if options.allow_mixed_code:
        return
    digests: dict[tuple[str, ...], str] = {}
    seen: set[tuple[str, str, str]] = set()
    held = _held_streams(options.results)
    for config, run in zip(configs, planned_runs(configs), strict=True):
        targeted = (*targets(config.strategy), str(config.backend.get("_target_")))
        if targeted not in digests:
            digests[targeted] = code_digest(config.strategy, config.backend)
        now = digests[targeted]
        if run is None or (run.task, run.label, now) in seen:
            continue
        seen.add((run.task, run.label, now))
        for folder in _folders(options.results, run, held):
            alone = held.get((folder.parent.name, folder.name), ())
            if wrong := _complaint(_identities(folder), alone, now):
                raise UserError(f"{folder}: {wrong}: {_INSTEAD}")


def _folders(results: Path, run: PlannedRun, held: Iterable[tuple[str, str]]) -> Iterator[Path]:
    """Folders of a strategy's runs on a task, including those now only in a consolidated file; for a live task on any
    device."""
    tasks = {run.task}
    if run.task.endswith(ANY):
        begin = run.task.removesuffix(ANY)
        tasks = {task.name for task in results.glob(f"{escape(begin)}{ANY}")}
        tasks |= {task for task, label in held if task.startswith(begin) and label == run.label}
    for task in sorted(tasks):
        yield results / task / run.label


def _identities(folder: Path) -> list[Identity]:
    """The identities of the runs in a folder."""
    try:
        with os.scandir(folder) as entries:
            runs = sorted(folder / entry.name for entry in entries if entry.name.startswith(contract.SEED_PREFIX))
    except OSError:  # missing, or the run itself will report what is wrong
        return []
    return [identity(run) for run in runs]


def _complaint(runs: Sequence[Identity], held: Sequence[int], now: str) -> str:
    """The message about the runs of a strategy on a task; empty if nothing is wrong.

    Args:
        held: stream versions of the runs without a directory.
        now: digest of the current code.
    """
    begun = [run.streams for run in runs if run.config_hash] + [*held]
    if others := [version for version in begun if version != VERSION]:
        return f"{len(others)} of {len(begun)} runs have random streams of version {others[0]}, today's have {VERSION}"
    codes = [run.code_digest for run in runs if run.code_digest not in ("", now)]
    if codes:
        other = f"code_digest={codes[0][:12]}, now {now[:12]}"
        return f"{len(codes)} of {len(runs)} runs made by other code than today's ({other})"
    return ""


def _held_streams(results: Path) -> Mapping[tuple[str, str], list[int]]:
    """Map task and label to the stream versions of the runs that exist only in the consolidated file."""
    versions: dict[tuple[str, str], list[int]] = {}
    if not (results / contract.CONSOLIDATED).exists():
        return versions
    found = [directory for task in inside(results, []) for directory in runs_of_task(task, [])]
    with suppress(UserError):  # a damaged file is reported by the code that reads it
        held = held_together(results, {named(directory): directory for directory in once_each(results, found)})
        for run, config in held.configs.items():
            version = json.loads(config).get(contract.STREAMS, contract.FIRST_STREAMS)
            versions.setdefault((run.task, run.label), []).append(version)
    return versions
