"""One search from its start to ``best.json``: run it, confirm what it found, write it down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.backends.task import build_kernel, build_task, device_of
from harness.errors import MachineError, OtherRun, UserError
from harness.record.retime import Retiming
from harness.record.tasks import retime_tasks
from harness.run import contract
from harness.study.sweep import run_alone
from harness.system.atomic import check_writable, write_text, writing
from harness.system.documents import read_json
from harness.system.terminal import warn
from harness.system.text import causes_line
from harness.tuning.document import outcome_document
from harness.tuning.launch_config import launch_configs
from harness.tuning.of_run import outcome_of_run
from harness.tuning.outcome import FINALISTS, RETIMED, Outcome
from harness.tuning.prepare import Tuning

CONFIRMING = Retiming(limit=FINALISTS, anchors=0)


def check_folder(tuning: Tuning) -> None:
    """Make sure that ``best.json`` can be written and is of this task, before anything is measured.

    Raises:
        UserError: it is another task's, or cannot be written.
    """
    path = tuning.out / contract.BEST
    check_writable(path)
    with suppress(FileNotFoundError):
        try:
            said = read_json(path)["task"]
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{path}: not readable: move it away, or choose another -o") from None
        if said != tuning.task:
            raise UserError(f"{path}: is of {said}: expected another -o for {tuning.task}")


def search(tuning: Tuning) -> Outcome:
    """Run, resume or recognise the search; on a device the five fastest are timed again beside the default.

    Raises:
        UserError: on what the run does not take, or where it broke down before.
        KeyboardInterrupt: its log is kept: :func:`found_so_far`.
    """
    try:
        result = run_alone(tuning.config, tuning.options)
    except OtherRun as error:
        raise UserError(f"{error.what}: expected another -o, or move it away") from None
    if result.ended == "failed":
        raise UserError(f"{result.path}: broke down before ({result.message}): resume=retry_failed tries again")
    outcome = outcome_of_run(tuning.run)
    if not tuning.live or outcome.best is None or outcome.best.known_by == RETIMED:
        return outcome
    try:
        for _ in retime_tasks([tuning.config], tuning.out, CONFIRMING, FINALISTS):
            outcome = outcome_of_run(tuning.run)
    except (UserError, MachineError) as error:  # what was found is found
        warn(f"nearopt: not confirmed: {causes_line(error)}")
    return outcome


def found_so_far(tuning: Tuning) -> Outcome | None:
    """What an interrupted search has in its log; ``None`` where it had not begun."""
    with suppress(UserError):
        outcome = outcome_of_run(tuning.run)
        return outcome if outcome.evaluations else None
    return None


def triton_lines(tuning: Tuning, outcome: Outcome) -> dict[str, str]:
    """``triton.Config(…)`` by function, in the kernel's own words; empty where it is no Triton kernel of ours."""
    task = tuning.config.task
    if outcome.best is None or task is None or not task.kernel:
        return {}
    with suppress(UserError):  # a recording can be searched without the means to build its kernel
        if tuning.live:
            device = device_of(task)
            kernel, space = build_task(task, device)
            return launch_configs(kernel, space, outcome.best.configuration, device.sm_count)
        from harness.run.build import open_backend

        backend = open_backend(tuning.config)
        return launch_configs(build_kernel(task), backend.space, outcome.best.configuration, 1)
    return {}


def write_best(tuning: Tuning, outcome: Outcome, lines: Mapping[str, str]) -> Path:
    """Write ``best.json`` and return its path.

    Raises:
        Unwritable: there is no room for it.
    """
    path = tuning.out / contract.BEST
    with writing(path):
        write_text(path, json.dumps(best_document(tuning, outcome, lines), indent=1) + "\n")
    return path


def best_document(tuning: Tuning, outcome: Outcome, lines: Mapping[str, str]) -> dict[str, Any]:
    """What ``best.json`` holds; ``complete``: the budget was spent."""
    budget = tuning.config.budget
    return {
        **outcome_document(outcome),
        **({"triton": next(iter(lines.values())) if len(lines) == 1 else dict(lines)} if lines else {}),
        "complete": outcome.state == "done",
        "budget": {"evaluations": budget.evaluations, "seconds": budget.seconds},
        "space_size": tuning.size,
        "chosen": list(tuning.notes),
        **_environment(tuning.run),
    }


def _environment(run: Path) -> dict[str, Any]:
    """The device, and the versions of what measured there: of a replay those that the recording names, if it does."""
    try:
        said = read_json(run / contract.ENVIRONMENT)
    except (OSError, ValueError):
        return {"device": None, "versions": {}}
    backend = said.get("backend") or {}
    recording = backend.get("recording") or {}
    device = backend.get("device") or recording.get("device") or {}
    return {"device": device.get("name"), "versions": dict(recording.get("versions") or said.get("packages") or {})}
