"""This machine's CPU, described as a device."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from harness.measure.device import AccelDevice

_CPUINFO = Path("/proc/cpuinfo")
_COMMON = {"amd", "intel", "cpu", "processor", "core", "r", "tm", "with", "radeon", "graphics"}


def cpu_slug(name: str) -> str:
    """Short name for files: ``xeon-platinum-8481c`` from ``Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz``."""
    model = re.sub(r"\d+-core\b", " ", name.lower().partition("@")[0])
    return "-".join(word for word in re.findall(r"[a-z0-9]+", model) if word not in _COMMON) or "cpu"


def cpu_device() -> AccelDevice:
    """The CPU: ``sm_count`` is the number of cores that this process may use, ``l2_bytes`` the L2 cache of one."""
    name = _model()
    return AccelDevice(
        name=name,
        slug=cpu_slug(name),
        capability=0,
        sm_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        shared_memory_bytes=0,
        l2_bytes=max(0, _sysconf("SC_LEVEL2_CACHE_SIZE")),
        memory_bytes=max(0, _sysconf("SC_PAGE_SIZE") * _sysconf("SC_PHYS_PAGES")),
        max_threads_per_block=1,
        registers_per_sm=0,
        warp_size=1,
        uuid="CPU-" + re.sub(r"[^A-Za-z0-9.-]", "-", platform.node()),
        driver=platform.release(),
    )


def _model() -> str:
    try:
        line = re.search(r"^model name\s*:\s*(.+)$", _CPUINFO.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        line = None
    return line.group(1).strip() if line else platform.processor() or platform.machine() or "CPU"


def _sysconf(name: str) -> int:
    return os.sysconf(name) if name in os.sysconf_names else 0
