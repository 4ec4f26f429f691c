"""Whether this machine has a GPU: some tests need one, some need that there is none."""

from __future__ import annotations

from harness.measure.device import NoDevice, probe_device


def has_device() -> bool:
    """Whether the driver shows an NVIDIA device."""
    try:
        probe_device()
    except NoDevice:
        return False
    return True
