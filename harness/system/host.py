"""The identity of this machine, and how long another machine's note counts as in use."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path

LEASE_S = 90.0
"""Seconds after which an untouched note counts as abandoned; more than an NFS client's longest attribute cache."""


@lru_cache(maxsize=1)
def this_kernel() -> str:
    """The identity of the running kernel; containers of one machine share its kernel and so its locks."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()
