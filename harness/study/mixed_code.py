"""Runs of edited code are not pooled with older ones unasked: a sweep that would do so is refused before it starts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path

from harness.config.schema import RunConfig, SweepOptions
from harness.errors import UserError
from harness.run import contract
from harness.run.code import code_digest, targets
from harness.run.state import identity
from harness.study.plan import ANY, PlannedRun, planned_runs


def check_code(configs: Sequence[RunConfig], options: SweepOptions) -> None:
    """Make sure that the runs that share a task's and a label's folder with those of ``configs`` were made by one code.

    A run that does not say by which code it was made is never in the way.

    Raises:
        UserError: naming the folder, the runs of other code in it, and both digests.
    """
    if options.allow_mixed_code:
        return
    digests: dict[tuple[str, ...], str] = {}
    seen: set[tuple[str, str, str]] = set()
    for config, run in zip(configs, planned_runs(configs), strict=True):
        targeted = (*targets(config.strategy), str(config.backend.get("_target_")))
        if targeted not in digests:
            digests[targeted] = code_digest(config.strategy, config.backend)
        now = digests[targeted]
        if run is None or (run.task, run.label, now) in seen:
            continue
        seen.add((run.task, run.label, now))
        for folder in _folders(options.results, run):
            if wrong := _complaint(folder, now):
                raise UserError(f"{folder}: {wrong}")


def _folders(results: Path, run: PlannedRun) -> Iterator[Path]:
    """Where runs of a strategy on a task lie; of a live task on any device."""
    tasks = results.glob(f"{escape(run.task[:-1])}{ANY}") if run.task.endswith(ANY) else [results / run.task]
    for task in tasks:
        yield task / run.label


def _complaint(folder: Path, now: str) -> str:
    """What is wrong with the runs in a folder; empty where nothing is."""
    try:
        with os.scandir(folder) as entries:
            runs = sorted(folder / entry.name for entry in entries if entry.name.startswith(contract.SEED_PREFIX))
    except OSError:  # not there, or the run itself will say what is wrong
        return ""
    codes = [code for run in runs if (code := identity(run)[1])]
    others = [code for code in codes if code != now]
    if not others:
        return ""
    return (
        f"{len(others)} of {len(runs)} runs made by other code than today's (code_digest={others[0][:12]}, now "
        f"{now[:12]}): choose another results= or strategy.label=, or allow_mixed_code=true to have both in one study"
    )
