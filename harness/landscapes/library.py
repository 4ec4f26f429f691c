"""The landscapes that ship with NearOpt, by task and device."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UserError
from harness.system.near import expected_name
from harness.system.resources import landscape_directory

SEPARATOR = "__"


LIBRARY_DEVICE = "h100"
"""The device of the whole library. Recordings from other devices must not change the meaning of a task's name."""


def recorded_landscapes() -> list[Path]:
    """The landscape files that ship with NearOpt, by name."""
    return sorted(landscape_directory().glob(f"*{SEPARATOR}*.parquet"))


def find_landscape(task: str, device: str | None) -> Path:
    """The recording of ``task`` on ``device``, by default the only one, or that of the library's own device if there
    are several.

    Raises:
        UserError: there is no recording, or there are several and no device was given.
    """
    by_device = {
        path.stem.split(SEPARATOR, 1)[1]: path
        for path in recorded_landscapes()
        if path.stem.split(SEPARATOR, 1)[0] == task
    }
    if not by_device:
        names = sorted({path.stem.split(SEPARATOR, 1)[0] for path in recorded_landscapes()})
        expected = expected_name(task, names, more="nearopt landscapes lists them")
        raise UserError(f"task={task}: no recording in {landscape_directory()}: expected {expected}, or backend=live")
    if device is None:
        if len(by_device) > 1 and LIBRARY_DEVICE in by_device:
            return by_device[LIBRARY_DEVICE]
        if len(by_device) > 1:
            raise UserError(
                f"backend.device: {task} is recorded on several devices: expected one of {', '.join(by_device)}"
            )
        return next(iter(by_device.values()))
    if device not in by_device:
        raise UserError(
            f"backend.device={device}: {task} is not recorded on it: expected one of {', '.join(by_device)}"
        )
    return by_device[device]
