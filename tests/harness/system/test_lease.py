"""One process has a run directory, on this host or on another that shares the file system."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path

import pytest

from harness.system.lease import LEASE_S, NOTE, Held, Lease, held, this_kernel


def note(folder: Path, kernel: str, age_s: float = 0.0, pid: int = 7) -> Path:
    path = folder / NOTE
    path.write_text(json.dumps({"host": "far", "kernel": kernel, "pid": pid}))
    then = path.stat().st_mtime - age_s
    os.utime(path, (then, then))
    return path


def without_flock(*_: object) -> None:
    raise OSError(errno.ENOSYS, "Function not implemented")


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    assert not held(tmp_path)
    first = Lease(tmp_path)
    assert held(tmp_path)
    with pytest.raises(Held, match=f"process {os.getpid()} on"):
        Lease(tmp_path)
    first.close()
    first.close()
    assert not held(tmp_path)
    Lease(tmp_path).close()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".lock"]


def test_what_a_killed_process_left_is_taken_over_at_once(tmp_path: Path) -> None:
    note(tmp_path, this_kernel())
    assert not held(tmp_path)
    Lease(tmp_path).close()


def test_a_fresh_note_of_another_host_counts_where_the_lock_does_not_reach(tmp_path: Path) -> None:
    path = note(tmp_path, "another")
    before = path.read_text()
    (tmp_path / ".lock").touch()
    assert held(tmp_path)
    with pytest.raises(Held, match="process 7 on far"):
        Lease(tmp_path)
    assert path.read_text() == before
    note(tmp_path, "another", age_s=LEASE_S + 30)
    assert not held(tmp_path)
    taken = Lease(tmp_path)
    assert json.loads(path.read_text())["pid"] == os.getpid()
    taken.close()


def test_a_note_in_the_making_counts(tmp_path: Path) -> None:
    (tmp_path / NOTE).touch()
    with pytest.raises(Held, match="another process"):
        Lease(tmp_path)


def test_without_locks_the_note_alone_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", without_flock)
    first = Lease(tmp_path)
    with pytest.raises(Held):
        Lease(tmp_path)
    first.close()
    note(tmp_path, this_kernel(), pid=os.getpid())
    with pytest.raises(Held):
        Lease(tmp_path)
    note(tmp_path, this_kernel(), pid=2**22 + 1)  # no such process
    Lease(tmp_path).close()


def test_another_s_note_is_never_removed(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    path = note(tmp_path, "another")  # it took over while this machine slept
    lease.close()
    assert json.loads(path.read_text())["kernel"] == "another"
    assert not list(tmp_path.glob("*.tmp"))
