"""Names of files that are being written, and removal of those that killed processes left.

A name contains the writing machine and process, so that the next writer in the folder can distinguish leftover files
from those being written. ``analysis/runs/temporaries.py`` makes and reads the same names.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from harness.system.host import LEASE_S, this_kernel

_NAME = re.compile(r"\..+\.(?:([0-9a-f]{8})-)?([0-9]{1,10})-[0-9a-f]{8}\.tmp", re.DOTALL)
"""Pattern with machine, process and a random word; older names have no machine. No other program uses such names."""
_LONGEST = 100
"""Characters kept of the file's own name, since file systems allow 255 bytes."""
_SKEW_S = 60.0
"""A process that began this many seconds after a file was touched did not write it; it reuses another's number."""


def temporary(file: Path) -> Path:
    """A fresh hidden sibling of ``file``."""
    token = secrets.token_hex(4)
    return file.with_name(f".{_short(file.name)}.{machine()}-{os.getpid()}-{token}.tmp")


def _short(name: str) -> str:
    return name if len(os.fsencode(name)) <= _LONGEST else hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


@lru_cache(maxsize=1)
def machine() -> str:
    """An identity of machines, and containers of one machine, that do not see each other's processes."""
    try:
        numbers = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{this_kernel()} {numbers}".encode()).hexdigest()[:8]


def remove_left_over(folder: Path) -> None:
    """Remove NearOpt's temporary files in ``folder`` whose process has ended, and those of other machines that were not
    touched for a lease's time.

    Files that cannot be removed or read stay, since a command should not fail because of them.
    """
    with suppress(OSError):
        with os.scandir(folder) as entries:
            ours = [(Path(entry.path), said) for entry in entries if (said := _NAME.fullmatch(entry.name))]
        for file, said in ours:
            with suppress(OSError):
                if _left_over(file, said):
                    file.unlink()


def _left_over(file: Path, said: re.Match[str]) -> bool:
    status = file.lstat()
    if not stat.S_ISREG(status.st_mode):
        return False
    if said[1] == machine():
        return not _written_by(int(said[2]), status.st_mtime)
    return _now_s(file.parent) - status.st_mtime > LEASE_S


def _written_by(pid: int, touched_s: float) -> bool:
    """Whether a living process can have touched a file at that time."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    began_s = _began_s(pid)
    return began_s is None or began_s < touched_s + _SKEW_S


def _began_s(pid: int) -> float | None:
    """When a process began, by this machine's clock; ``None`` if that is not known."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        booted = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(encoding="utf-8"), re.MULTILINE)
        return None if booted is None else int(booted[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _now_s(folder: Path) -> float:
    """The current time by the file server's clock, which sets the times of files."""
    probe = temporary(folder / "now")
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
