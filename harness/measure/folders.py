"""Temporary folders that are removed even if their process is killed, and the advisory lock on a device."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from harness.errors import UserError

FOLDER_PREFIX = "nearopt-session-"
FOLDER_LOCK = "in-use"
LOCK_PLACES = ("/run/lock", "/dev/shm", "/var/tmp", "/tmp")
"""Candidate folders for locks; the first that every user may write to is used."""


class PrivateFolder:
    """A fresh folder, deleted when closed; creating one deletes those that killed processes left behind."""

    def __init__(self) -> None:
        remove_abandoned_folders()
        self.path = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        unnamed = self.path / f".{FOLDER_LOCK}"
        self._lock = try_lock(unnamed)
        unnamed.rename(self.path / FOLDER_LOCK)  # only now can others see it: unlocked, they would delete the folder

    def close(self) -> None:
        """Delete the folder. Safe to call twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


def lock_folder() -> Path:
    """The folder of locks for all NearOpt processes of this machine, independent of the user and of ``TMPDIR``."""
    for place in map(Path, LOCK_PLACES):
        with suppress(OSError):
            if place.is_dir() and place.stat().st_mode & stat.S_IWOTH:  # the same result for root and for other users
                return place
    return Path(tempfile.gettempdir())


def open_for_all(path: Path) -> IO[str]:
    """Open a lock file: create it for all users, or open it read-only if another user created it otherwise.

    Raises:
        UserError: it cannot be opened, or is not a file.
    """
    try:
        descriptor = _descriptor(path)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a file")
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror}): expected a lock: move it away") from None
    writable = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    return os.fdopen(descriptor, "r+" if writable else "r", encoding="utf-8", errors="replace")


def _descriptor(path: Path) -> int:
    careful = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # any user may have put something in this place
    for _ in range(3):
        # Not with O_CREAT at once: Linux may refuse that for another user's file in a folder like /tmp.
        try:
            return os.open(path, os.O_RDWR | careful)
        except PermissionError:
            return os.open(path, os.O_RDONLY | careful)
        except FileNotFoundError:
            with suppress(FileExistsError):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | careful, 0o666)
                os.fchmod(descriptor, 0o666)  # independent of the umask
                return descriptor
    raise FileNotFoundError(errno.ENOENT, "comes and goes")


def remove_abandoned_folders() -> None:
    """Delete folders of sessions that were killed before they could clean up."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        if not (folder / FOLDER_LOCK).exists():
            continue  # being created right now
        with suppress(OSError, UserError):  # a folder of another user
            lock = try_lock(folder / FOLDER_LOCK)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                lock.close()


def try_lock(path: Path, *, shared: bool = False) -> IO[str] | None:
    """An advisory lock that ends with this process or with the file; ``None`` while another process holds it."""
    file = open_for_all(path)
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def lock_device(uuid: str, *, shared: bool = False) -> IO[str]:
    """Take the lock on the device, exclusively or shared with other sessions.

    Raises:
        UserError: another process holds it.
    """
    path = lock_folder() / f"nearopt-{uuid or 'gpu'}.lock"
    file = try_lock(path, shared=shared)
    if file is None:
        expected = "wait for it, stop it, or run both with backend.share_device=true"
        raise UserError(f"{uuid}: in use by another NearOpt process (pid {_noted(path)}): {expected}")
    with suppress(OSError):  # a file of another user can be locked but not written
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    return file


def _noted(path: Path) -> str:
    try:
        with open_for_all(path) as file:
            noted = file.read(20).strip()
    except (OSError, UserError):
        noted = ""
    return noted if noted.isdigit() else "unknown"


def turn_file(uuid: str) -> Path:
    """The file that is locked by the session whose work is on the shared device right now."""
    return lock_folder() / f"nearopt-{uuid or 'gpu'}.turn"


@contextmanager
def turn(path: Path | None) -> Iterator[None]:
    """Hold the device exclusively inside the block; ``path`` is ``None`` if it is not shared.

    A process killed during its turn releases it with its file descriptors.
    """
    if path is None:
        yield
        return
    with open_for_all(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
