"""Which machine this is, and for how long what another one wrote is taken to be in use."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path

LEASE_S = 90.0
"""A note that was not touched for so long belongs to nobody. More than an NFS client's longest attribute cache."""


@lru_cache(maxsize=1)
def this_kernel() -> str:
    """Tells machines apart; containers of one machine share its kernel and so its locks."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()
