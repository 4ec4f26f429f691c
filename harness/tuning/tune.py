"""Run one search, confirm its best configurations, and write ``best.json``."""

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
    """Check, before anything is measured, that ``best.json`` can be written and belongs to this task.

    Raises:
        UserError: it belongs to another task or cannot be written.
    """
    path = tuning.out / contract.BEST
    check_writable(path)
    with suppress(FileNotFoundError):
        try:
            said = read_json(path)["task"]
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{path}: cannot be read: move it away, or choose another -o") from None
        if said != tuning.task:
            raise UserError(f"{path}: belongs to {said}: expected another -o for {tuning.task}")


def search(tuning: Tuning) -> Outcome:
    """Run or resume the search, or find it done; on a device, time the five fastest again beside the default.

    Raises:
        UserError: the run's configuration is wrong, or the run failed before.
        KeyboardInterrupt: interrupted; the log is kept, see :func:`found_so_far`.
    """
    try:
        result = run_alone(tuning.config, tuning.options)
    except OtherRun as error:
        raise UserError(f"{error.what}: expected another -o, or move it away") from None
    if result.ended == "failed":
        raise UserError(f"{result.path}: failed before ({result.message}): resume=retry_failed retries it")
    outcome = outcome_of_run(tuning.run)
    if not tuning.live or outcome.best is None or outcome.best.known_by == RETIMED:
        return outcome
    try:
        for _ in retime_tasks([tuning.config], tuning.out, CONFIRMING, FINALISTS):
            outcome = outcome_of_run(tuning.run)
    except (UserError, MachineError) as error:  # the search's own result stands
        warn(f"nearopt: not confirmed: {causes_line(error)}")
    return outcome


def found_so_far(tuning: Tuning) -> Outcome | None:
    """The outcome so far of an interrupted search; ``None`` if it had not begun."""
    with suppress(UserError):
        outcome = outcome_of_run(tuning.run)
        return outcome if outcome.evaluations else None
    return None


def triton_lines(tuning: Tuning, outcome: Outcome) -> dict[str, str]:
    """``triton.Config(…)`` by function, with the kernel's own argument names; empty if it is not a NearOpt Triton
    kernel."""
    task = tuning.config.task
    if outcome.best is None or task is None or not task.kernel:
        return {}
    with suppress(UserError):  # a recording can be searched even if its kernel cannot be built
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
        Unwritable: the file cannot be written.
    """
    path = tuning.out / contract.BEST
    with writing(path):
        write_text(path, json.dumps(best_document(tuning, outcome, lines), indent=1) + "\n")
    return path


def best_document(tuning: Tuning, outcome: Outcome, lines: Mapping[str, str]) -> dict[str, Any]:
    """The content of ``best.json``; ``complete`` says whether the budget was spent."""
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
    """The device and the versions that measured; for a replay, those stated in the recording, if any."""
    try:
        said = read_json(run / contract.ENVIRONMENT)
    except (OSError, ValueError):
        return {"device": None, "versions": {}}
    backend = said.get("backend") or {}
    recording = backend.get("recording") or {}
    device = backend.get("device") or recording.get("device") or {}
    return {"device": device.get("name"), "versions": dict(recording.get("versions") or said.get("packages") or {})}
