"""Who has a run directory: one process at a time, on one host or on several that share a file system.

``flock`` ends with its process, however that ends, but not every shared file system carries it to other hosts (NFS
does, Lustre and BeeGFS only if mounted so). So the holder also keeps a note with its name, made exclusively, and
touches it: whoever sees a fresh note of another kernel stays out, even if the lock was to be had.
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
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Final, TypedDict

LEASE_S = 90.0
"""A note that was not touched for so long belongs to nobody. More than an NFS client's longest attribute cache."""

LOOKS, LOOK_S = 3, 0.02
"""How often and after how many seconds a lock that is taken is asked for again: :func:`held` takes it shortly."""

NOTE: Final = ".owner"
LOCK: Final = ".lock"
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


class Owner(TypedDict):
    """What the note says of the process that made it."""

    host: str
    kernel: str
    pid: int
    token: str


class Held(Exception):
    """Another process has it; the message says which."""


@lru_cache(maxsize=1)
def this_kernel() -> str:
    """Tells machines apart; containers of one machine share its kernel and so its locks."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()


class Lease:
    """The right to write into ``folder``, until closed or until the process ends.

    Raises:
        Held: another process has it.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._note = folder / NOTE
        self._mine: Owner = {
            "host": platform.node(), "kernel": this_kernel(), "pid": os.getpid(), "token": secrets.token_hex(8),
        }  # fmt: skip
        self._stop = threading.Event()
        self._lock = FileIO(str(folder / LOCK), "a")
        try:
            self._acquire()
        except BaseException:
            self._lock.close()
            raise
        threading.Thread(target=self._keep_fresh, daemon=True).start()

    def _acquire(self) -> None:
        locked = self._locked()
        for _ in range(3):
            with suppress(FileExistsError):
                self._write_note()
                return
            seen = _read(self._note)
            if not _abandoned(self._note, seen, locked):
                break
            self._remove(seen)
        raise Held(_holder(self._note))

    def _locked(self) -> bool:
        """Take the lock; false on a file system without locks."""
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
        """Remove the note unless another process has put its own there meanwhile."""
        aside = self._note.with_name(f"{NOTE}.{secrets.token_hex(4)}.tmp")
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
        """Give it up. Safe to call twice."""
        if self._lock.closed:
            return
        self._stop.set()
        with suppress(OSError):  # a full disk must not hide what went before
            self._remove(self._mine)
        self._lock.close()


def held(folder: Path) -> bool:
    """Whether a process seems to have it now; takes nothing."""
    try:
        with FileIO(str(folder / LOCK), "r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            note = folder / NOTE
            return note.exists() and not _abandoned(note, _read(note), locked=True)
    except BlockingIOError:
        return True
    except OSError:
        return False


def _read(note: Path) -> dict[str, object]:
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):
        return {}


def _holder(note: Path) -> str:
    content = _read(note)
    return f"process {content['pid']} on {content['host']}" if {"pid", "host"} <= content.keys() else "another process"


def _abandoned(note: Path, content: Mapping[str, object], locked: bool) -> bool:
    """Whether nobody stands behind a note any more.

    Args:
        content: what it says.
        locked: this process has the lock, so that nobody of the same kernel can be behind the note.
    """
    if content.get("kernel") == this_kernel():
        return locked or not _alive(content.get("pid"))
    return _age_s(note) > LEASE_S


def _alive(pid: object) -> bool:
    try:
        os.kill(int(str(pid)), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _age_s(note: Path) -> float:
    """By the file server's clock alone; opened, since a mere ``stat`` may answer from a cache."""
    probe = note.with_name(f".now.{platform.node()}.{os.getpid()}.tmp")
    try:
        with note.open("rb") as file:
            touched_s = os.fstat(file.fileno()).st_mtime
        with probe.open("wb") as file:
            return os.fstat(file.fileno()).st_mtime - touched_s
    except FileNotFoundError:
        return float("inf")
    finally:
        probe.unlink(missing_ok=True)
