"""Assign a GPU to each process of a sweep."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import UserError
from harness.measure.device import NoDevice, probe_devices


def visible_gpus() -> list[str]:
    """UUIDs of the visible GPUs of the first GPU's model; empty if there is no GPU."""
    try:
        devices = probe_devices()
    except NoDevice:
        return []
    return [device.uuid for device in devices if device.name == devices[0].name]


def placements(jobs: int, gpus: Sequence[str], shared: bool) -> list[str]:
    """A GPU for each of ``jobs`` processes, round-robin.

    Raises:
        UserError: there are more processes than GPUs, and GPUs are not to be shared.
    """
    if jobs > len(gpus) and not shared:
        raise UserError(
            f"jobs={jobs}: a live run needs a GPU to itself, and {len(gpus)} are visible: expected at most that, "
            "or backend.share_device=true"
        )
    return [gpus[job % len(gpus)] for job in range(jobs)] if gpus else []
