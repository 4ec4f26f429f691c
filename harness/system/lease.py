"""Exclusive ownership of a run directory, on one host or on several that share a file system.

``flock`` ends with its process in any case, but not every shared file system passes it to other hosts (NFS
does, Lustre and BeeGFS only if mounted so). So the holder also keeps a note with its name, created exclusively,
and touches it: a process that sees a fresh note of another kernel stays out, even if it could take the lock.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final, TypedDict

from harness.system.documents import read_json, without_waiting
from harness.system.host import LEASE_S, this_kernel
from harness.system.temporaries import temporary
from harness.system.text import one_line

WATCH_S = LEASE_S / 3
"""Seconds to watch a note from the future, in which its holder would touch it twice."""
SKEW_S = 5.0
"""A note newer than now by more than this many seconds was not touched by this file system's clock."""
MAKING_S = 1.0
"""Seconds for which a note may be empty while it is being written."""

LOOKS, LOOK_S = 3, 0.02
"""Number and interval in s of retries for a taken lock, since :func:`held` takes it briefly."""

NOTE: Final = ".owner"
LOCK: Final = ".lock"
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


class Owner(TypedDict):
    """The content of a note: the process that created it."""

    host: str
    kernel: str
    pid: int
    token: str


class Held(Exception):
    """Another process holds the lease; the message says which."""


class Lease:
    """The exclusive right to write into ``folder``, until closed or until the process ends.

    Raises:
        Held: another process holds the lease.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._note = folder / NOTE
        self._mine: Owner = {
            "host": platform.node(), "kernel": this_kernel(), "pid": os.getpid(), "token": secrets.token_hex(8),
        }  # fmt: skip
        self._stop = threading.Event()
        self._lock = FileIO(str(folder / LOCK), "a", opener=without_waiting)
        try:
            self._acquire()
            threading.Thread(target=self._keep_fresh, daemon=True).start()
        except BaseException:  # including a signal that ends the process
            self._stop.set()
            if _read(self._note) == self._mine:
                self._remove(self._mine)
            self._lock.close()
            raise

    def _acquire(self) -> None:
        locked = self._locked()
        for _ in range(3):
            with suppress(FileExistsError):
                self._write_note()
                return
            seen = _read(self._note)
            if not (_abandoned(self._note, seen, locked) or _untouched(self._note, seen)):
                break
            self._remove(seen)
        raise Held(_holder(self._note))

    def _locked(self) -> bool:
        """Take the lock; returns false on a file system without locks."""
        for look in range(LOOKS, -1, -1):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not look:
                    raise Held(_holder(self._note)) from None
                time.sleep(LOOK_S)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                return False
        return True

    def _remove(self, seen: Mapping[str, object]) -> None:
        """Remove the note unless another process has replaced it by its own meanwhile."""
        if self._note.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self._note))
        aside = temporary(self._note)
        with suppress(FileNotFoundError):
            self._note.rename(aside)
            if _read(aside) != seen:
                with suppress(FileExistsError):
                    os.link(aside, self._note)
            aside.unlink()

    def _write_note(self) -> None:
        descriptor = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._mine, file)

    def _keep_fresh(self) -> None:
        while not self._stop.wait(LEASE_S / 6):
            with suppress(OSError):
                os.utime(self._note)

    def close(self) -> None:
        """Release the lease. Safe to call twice."""
        if self._lock.closed:
            return
        self._stop.set()
        with suppress(OSError):  # a full disk must not hide an earlier error
            self._remove(self._mine)
        self._lock.close()


def remove_abandoned(folder: Path) -> None:
    """Remove the note of a process that was killed before it released ``folder``.

    A note that cannot be removed stays, since a command should not fail because of it.
    """
    if (folder / NOTE).exists() and not held(folder):
        with suppress(Held, OSError):
            Lease(folder).close()


def held(folder: Path) -> bool:
    """Whether a process appears to hold the lease now; does not take it."""
    return holder(folder) is not None


def holder(folder: Path) -> str | None:
    """The process that appears to hold the lease now, in words; ``None`` if none does. Does not take the lease."""
    note = folder / NOTE
    try:
        with FileIO(str(folder / LOCK), "r", opener=without_waiting) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            seen = _read(note)
            free = not note.exists() or _abandoned(note, seen, locked=True) or _unchanged(note, seen)
            return None if free else _holder(note)
    except BlockingIOError:
        return _holder(note)
    except OSError:
        return None


def _read(note: Path) -> dict[str, object]:
    """The content of a note; empty if it is not a note, or is being written."""
    try:
        content = read_json(note)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("kernel"), str) else {}


def _holder(note: Path) -> str:
    content = _read(note)
    if not {"pid", "host"} <= content.keys():
        return "another process"
    named = one_line(f"process {content['pid']} on {content['host']}", 100)
    return f"{named} (its {NOTE} lies in the future)" if _from_the_future(note, content) else named


def _abandoned(note: Path, content: Mapping[str, object], locked: bool) -> bool:
    """Whether the holder of a note appears to be gone.

    Args:
        content: the content of the note.
        locked: whether this process has the lock, so that no process of the same kernel can hold the note.
    """
    if not content:
        return not _in_the_making(note)
    if content["kernel"] == this_kernel():
        return locked or not _alive(content.get("pid"))
    return _age_s(note) > LEASE_S


def _in_the_making(note: Path) -> bool:
    """Whether an unreadable note is being written: it is then empty, and only briefly."""
    try:
        return note.is_file() and note.stat().st_size == 0 and abs(_age_s(note)) <= MAKING_S
    except FileNotFoundError:
        return False


def _from_the_future(note: Path, seen: Mapping[str, object]) -> bool:
    """Whether the age of another kernel's note is meaningless, since a clock is or was wrong."""
    try:
        return bool(seen) and seen["kernel"] != this_kernel() and _age_s(note) < -SKEW_S
    except OSError:
        return False


_first_seen: dict[tuple[Path, float], float] = {}


def _unchanged(note: Path, seen: Mapping[str, object]) -> bool:
    """Whether this process has watched a note from the future long enough for its holder to touch it."""
    if not _from_the_future(note, seen):
        return False
    now = time.monotonic()
    return now - _first_seen.setdefault((note.absolute(), _touched(note)), now) >= WATCH_S


def _untouched(note: Path, seen: Mapping[str, object]) -> bool:
    """Whether a note from the future stays untouched while this process watches it long enough."""
    if not _from_the_future(note, seen):
        return False
    before = _touched(note)
    until = time.monotonic() + WATCH_S
    while time.monotonic() < until:
        time.sleep(min(0.5, WATCH_S))
        if _touched(note) != before or _read(note) != seen:
            return False
    return True


def _touched(note: Path) -> float:
    """When the note was last touched; opens the file, since a mere ``stat`` may answer from a cache."""
    try:
        with note.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return float("nan")


def _alive(pid: object) -> bool:
    try:
        number = int(str(pid))
        if number < 1:  # a group of processes
            return False
        os.kill(number, 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _age_s(note: Path) -> float:
    """Age of the note by the file server's clock; opens the file, since a mere ``stat`` may answer from a cache."""
    probe = temporary(note.with_name("now"))
    try:
        with note.open("rb") as file:
            touched_s = os.fstat(file.fileno()).st_mtime
        with probe.open("wb") as file:
            return os.fstat(file.fileno()).st_mtime - touched_s
    except FileNotFoundError:
        return float("inf")
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
