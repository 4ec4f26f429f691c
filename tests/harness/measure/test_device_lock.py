"""The lock on a device is shared by all processes and users of a machine."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.measure import folders
from harness.measure.folders import lock_device, turn, turn_file
from harness.system.resources import CHECKOUT

PLACE = folders.lock_folder
"""As it is; a fixture of all tests puts another in its place."""


def test_no_variable_moves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = PLACE()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert PLACE() == before != Path(tempfile.gettempdir())


def test_it_lies_in_the_first_place_that_all_users_may_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = {"absent": None, "mine": 0o755, "all": 0o1777, "later": 0o1777}
    for name, mode in modes.items():
        if mode is not None:
            (tmp_path / name).mkdir()
            (tmp_path / name).chmod(mode)
    monkeypatch.setattr(folders, "LOCK_PLACES", [str(tmp_path / name) for name in modes])
    assert PLACE() == tmp_path / "all"


def test_its_file_is_everybodys_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        lock_device("toy").close()
        with turn(turn_file("toy")):
            pass
    finally:
        os.umask(before)
    for name in ("nearopt-toy.lock", "nearopt-toy.turn"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666


OTHER_USER = """
import os, sys
from harness.measure import folders
folders.lock_folder = lambda: folders.Path(sys.argv[1])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
try:
    with folders.lock_device("toy"), folders.turn(folders.turn_file("toy")):
        print("locked")
except folders.UserError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_another_user_can_lock_what_an_older_version_left() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o1777)
        for file in ("nearopt-toy.lock", "nearopt-toy.turn"):
            (place / file).write_text("123")
            (place / file).chmod(0o644)

        def other() -> str:
            done = subprocess.run(
                [sys.executable, "-c", OTHER_USER, str(place)], cwd="/", capture_output=True, text=True, check=True,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            )  # fmt: skip
            return done.stdout.strip()

        assert other() == "locked"
        (place / "nearopt-toy.lock").chmod(0o600)
        assert "nearopt-toy.lock: cannot be opened (Permission denied)" in other()
        (place / "nearopt-toy.lock").chmod(0o644)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folders, "lock_folder", lambda: place)
            with lock_device("toy"):
                assert f"in use by another NearOpt process (pid {os.getpid()})" in other()


@pytest.mark.parametrize("kind", ["fifo", "folder", "link"])
def test_what_is_no_lock_is_one_line(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "nearopt-toy.lock"
    {"fifo": os.mkfifo, "folder": os.mkdir, "link": lambda path: path.symlink_to(tmp_path / "victim")}[kind](place)
    with pytest.raises(UserError, match=r"nearopt-toy.lock: cannot be opened"):
        lock_device("toy")
    assert not (tmp_path / "victim").exists()
