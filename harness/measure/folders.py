"""Temporary folders that go away even if their process is killed, and the advisory lock on a device."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from harness.errors import UserError

FOLDER_PREFIX = "nearopt-session-"
FOLDER_LOCK = "in-use"


class PrivateFolder:
    """A fresh folder, deleted when closed; what killed processes left behind is deleted when one is made."""

    def __init__(self) -> None:
        remove_abandoned_folders()
        self.path = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._lock = try_lock(self.path / FOLDER_LOCK)

    def close(self) -> None:
        """Delete it. Safe to call twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


def lock_folder() -> Path:
    """Where every NearOpt process of this machine looks for locks."""
    return Path(tempfile.gettempdir())


def remove_abandoned_folders() -> None:
    """Delete what sessions left behind that were killed before they could clean up."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        if not (folder / FOLDER_LOCK).exists():
            continue  # just being made
        with suppress(OSError):  # another user's
            lock = try_lock(folder / FOLDER_LOCK)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                lock.close()


def try_lock(path: Path, *, shared: bool = False) -> IO[str] | None:
    """An advisory lock that ends with this process or with the file; ``None`` while another process holds it."""
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def lock_device(uuid: str, *, shared: bool = False) -> IO[str]:
    """The lock on the device, alone or together with other sessions that share it.

    Raises:
        UserError: another process holds it.
    """
    path = lock_folder() / f"nearopt-{uuid or 'gpu'}.lock"
    file = try_lock(path, shared=shared)
    if file is None:
        holder = path.read_text(encoding="utf-8").strip() or "unknown"
        expected = "wait for it, stop it, or run both with backend.share_device=true"
        raise UserError(f"{uuid}: in use by another NearOpt process (pid {holder}): {expected}")
    with suppress(OSError):
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    return file


def turn_file(uuid: str) -> Path:
    """Locked by the one of several sessions on the device whose work is on it right now."""
    return lock_folder() / f"nearopt-{uuid or 'gpu'}.turn"


@contextmanager
def turn(path: Path | None) -> Iterator[None]:
    """Have the device alone inside the block; ``None`` where nobody else can be on it.

    Whoever is killed in its turn gives it up with its file descriptors.
    """
    if path is None:
        yield
        return
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
