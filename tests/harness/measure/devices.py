"""Whether this machine has a GPU: some tests need one, others need its absence."""

from __future__ import annotations

from harness.measure.device import NoDevice, probe_device


def has_device() -> bool:
    """Return whether the driver shows an NVIDIA device."""
    try:
        probe_device()
    except NoDevice:
        return False
    return True
