"""``nearopt record``: from a composed configuration to a recording on this machine's GPU."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.backends.live import build_task, find_device, session_options
from harness.config import RunConfig
from harness.errors import UserError
from harness.record import record
from harness.record_facts import Recording, RecordOptions
from harness.resources import recording_directory
from harness.task import SEPARATOR


def record_task(
    config: RunConfig,
    out: Path | None = None,
    limit: int | None = None,
    deadline_s: float | None = None,
) -> Recording:
    """Record the task of a live configuration; its seed draws inputs and order.

    Raises:
        UserError: no task, no GPU, or options out of range.
    """
    if config.task is None:
        raise UserError("task=null: expected task=NAME")
    if limit is not None and limit < 1:
        raise UserError(f"--limit {limit}: expected 1 or more")
    if deadline_s is not None and not deadline_s > 0:
        raise UserError(f"--deadline-s {deadline_s}: expected more than 0")
    device = find_device()
    kernel, space = build_task(config.task, device)
    path = out or recording_directory() / f"{kernel.name}{SEPARATOR}{device.slug}.parquet"
    if path.exists():
        raise UserError(f"{path}: exists: choose another --output or move it away")
    values = {name: value for name, value in config.backend.items() if name not in ("_target_", "charge_ask")}
    session = session_options(config.seed, **values)
    options = RecordOptions(session, limit=limit, deadline_s=deadline_s)
    return record(kernel.name, kernel, space, path, device, options, command=" ".join(["nearopt", *sys.argv[1:]]))
