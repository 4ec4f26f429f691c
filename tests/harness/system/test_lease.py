"""One process holds a run directory, on this host or on another that shares the file system."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from harness.system import lease
from harness.system.lease import LEASE_S, NOTE, Held, Lease, held, holder, remove_abandoned, this_kernel


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


def test_only_an_abandoned_note_is_removed(tmp_path: Path) -> None:
    remove_abandoned(tmp_path)
    assert not list(tmp_path.iterdir()), "no lock is made where nothing is to be done"
    left = note(tmp_path, this_kernel())
    remove_abandoned(tmp_path)
    assert not left.exists() and not held(tmp_path)
    with closing(Lease(tmp_path)):
        remove_abandoned(tmp_path)
        assert held(tmp_path)
    fresh = note(tmp_path, "another")
    remove_abandoned(tmp_path)
    assert fresh.exists()
    left = note(tmp_path, "another", age_s=LEASE_S + 1)
    remove_abandoned(tmp_path)
    assert not left.exists() and not list(tmp_path.glob("*.tmp"))


def test_a_signal_while_it_is_taken_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM may arrive when the note is written and nobody holds the lease yet."""

    def ended(_thread: threading.Thread) -> None:
        raise SystemExit(143)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", ended)
        with pytest.raises(SystemExit):
            Lease(tmp_path)
    assert not list(tmp_path.glob(".owner*"))
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


class Clock:
    """A clock that advances only in sleep; ``then`` is called at each sleep."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.now_s = 0.0
        self._then = then

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self._then()


def test_a_note_from_the_future_that_nobody_touches_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the note's machine was ahead; after a restart no process holds the note."""
    clock = Clock()
    monkeypatch.setattr(lease, "time", clock)
    note(tmp_path, "before-the-reboot", age_s=-1e8)
    Lease(tmp_path).close()
    assert lease.WATCH_S <= clock.now_s < LEASE_S


def test_a_note_from_the_future_that_is_touched_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder's clock is ahead, and so are the times that the file system gives its notes."""
    path = note(tmp_path, "another", age_s=-1000)

    def touch() -> None:
        later = path.stat().st_mtime + 1
        os.utime(path, (later, later))

    monkeypatch.setattr(lease, "time", Clock(touch))
    with pytest.raises(Held, match=r"process 7 on far \(its .owner lies in the future\)"):
        Lease(tmp_path)
    assert json.loads(path.read_text())["kernel"] == "another"


def test_who_waits_for_a_note_from_the_future_sees_that_nobody_touches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(lease, "time", clock)
    path = note(tmp_path, "another", age_s=-1000)
    (tmp_path / ".lock").touch()
    assert held(tmp_path)
    clock.sleep(lease.WATCH_S - 1)
    assert held(tmp_path)
    os.utime(path, (path.stat().st_mtime + 1,) * 2)
    clock.sleep(2)
    assert held(tmp_path), "it was touched"
    clock.sleep(lease.WATCH_S)
    assert not held(tmp_path)


@pytest.mark.parametrize(
    "garbage", [b"\0" * 50, b"{", b"[1]", b"\xff\xfe", b"{}", b'{"pid": 1}', b'{"kernel": 3, "pid": 1}', b"[" * 100_000]
)  # fmt: skip
def test_garbage_in_a_note_costs_nothing(tmp_path: Path, garbage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(lease, "time", clock)
    (tmp_path / NOTE).write_bytes(garbage)
    (tmp_path / ".lock").write_bytes(garbage)
    assert not held(tmp_path)
    Lease(tmp_path).close()
    assert clock.now_s == 0


@pytest.mark.parametrize("pid", [0, -1, "x", 10**30, None, [1]])
def test_no_process_has_such_a_number(tmp_path: Path, pid: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", without_flock)
    (tmp_path / NOTE).write_text(json.dumps({"host": "here", "kernel": this_kernel(), "pid": pid}))
    Lease(tmp_path).close()


def test_who_holds_it_is_told(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with closing(Lease(tmp_path)):
        assert holder(tmp_path) == f"process {os.getpid()} on {platform.node()}"
    assert holder(tmp_path) is None


def test_an_empty_note_is_nobodys_after_a_while(tmp_path: Path) -> None:
    (tmp_path / NOTE).touch()
    now = (tmp_path / NOTE).stat().st_mtime
    for then in (now - 2 * lease.MAKING_S, now + 1e6):
        (tmp_path / NOTE).touch()
        os.utime(tmp_path / NOTE, (then, then))
        Lease(tmp_path).close()


def test_a_note_in_the_making_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NOTE).touch()
    monkeypatch.setattr(lease, "MAKING_S", 1e6)  # this test may be held up
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
    mine = Lease(tmp_path)
    path = note(tmp_path, "another")  # it took over while this machine slept
    mine.close()
    assert json.loads(path.read_text())["kernel"] == "another"
    assert not list(tmp_path.glob("*.tmp"))
