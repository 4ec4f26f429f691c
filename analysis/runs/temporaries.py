"""Names of temporary files, and the removal of those that a killed process left.

A name contains the machine and process that write, so that the next writer in the same folder can distinguish leftovers
from files in use. ``harness/system/temporaries.py`` makes and reads the same names.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from analysis.runs import contract

_NAME = re.compile(r"\..+\.(?:([0-9a-f]{8})-)?([0-9]{1,10})-[0-9a-f]{8}\.tmp", re.DOTALL)
"""Machine, process and a random word; older names lack the machine. Other programs do not use such names."""
_OLDER = re.compile(rf"\.{re.escape(contract.CONSOLIDATED)}\.([0-9]{{1,10}})")
"""The temporary name of a consolidated file in an older NearOpt."""
_LONGEST = 100
"""Length limit of the file's own part of the name, as a file system allows 255 bytes."""
_SKEW_S = 60.0
"""A process that began this many seconds after a file was touched did not write it; its number was reused."""


def temporary(file: Path) -> Path:
    """A new hidden sibling path of ``file``."""
    token = secrets.token_hex(4)
    return file.with_name(f".{_short(file.name)}.{machine()}-{os.getpid()}-{token}.tmp")


def _short(name: str) -> str:
    return name if len(os.fsencode(name)) <= _LONGEST else hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


@lru_cache(maxsize=1)
def machine() -> str:
    """An identifier of the machine, or container, whose processes are visible."""
    try:
        numbers = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{_kernel()} {numbers}".encode()).hexdigest()[:8]


def _kernel() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()


def remove_left_over(folder: Path) -> None:
    """Remove our temporary files in ``folder`` whose process has ended, and those of other machines untouched for a
    lease's time.

    Files that cannot be removed or read stay, because that is no reason for a command to fail.
    """
    with suppress(OSError):
        with os.scandir(folder) as entries:
            ours = [(Path(entry.path), said) for entry in entries if (said := _told(entry.name))]
        for file, said in ours:
            with suppress(OSError):
                if _left_over(file, said):
                    file.unlink()


def _told(name: str) -> tuple[str, int] | None:
    """The machine (empty if the name has none) and process of a temporary file; ``None`` for other files."""
    said = _NAME.fullmatch(name)
    if said is not None:
        return said[1] or "", int(said[2])
    older = _OLDER.fullmatch(name)
    return None if older is None else ("", int(older[1]))


def _left_over(file: Path, said: tuple[str, int]) -> bool:
    status = file.lstat()
    if not stat.S_ISREG(status.st_mode):
        return False
    if said[0] == machine():
        return not _written_by(said[1], status.st_mtime)
    return _now_s(file.parent) - status.st_mtime > contract.OWNER_S


def _written_by(pid: int, touched_s: float) -> bool:
    """Whether a live process can have touched a file at that time."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    began_s = _began_s(pid)
    return began_s is None or began_s < touched_s + _SKEW_S


def _began_s(pid: int) -> float | None:
    """When a process began, by this machine's clock; ``None`` if unknown."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        booted = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(encoding="utf-8"), re.MULTILINE)
        return None if booted is None else int(booted[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _now_s(folder: Path) -> float:
    """The time by the file server's clock, which sets modification times."""
    probe = temporary(folder / "now")
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
