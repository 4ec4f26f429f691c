"""Output that cannot be written or shown: one line, exit code 2, and the results are still printed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cli import entry
from harness.errors import UserError
from harness.measure.activity import Activity
from harness.record.log import RecordLog
from harness.record.progress import RecordingProgress
from harness.system.atomic import check_writable
from harness.system.resources import CHECKOUT
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.gate.conftest import gate
from tests.harness.gate.gate_fixtures import Gate
from tests.harness.toy import write_toy

__all__ = ["gate", "nearopt"]


@pytest.mark.parametrize(
    "arguments",
    [("record", "task=softmax-4096x2560-bf16", "-o", "file/x.parquet"), ("profile", "random", "-o", "file/profile")],
)
def test_a_place_that_cannot_be_written_is_found_out_at_the_start(
    nearopt: Nearopt, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    code, out, err = nearopt(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "file/" in err and "cannot be written (" in err
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_trying_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "a/b/c.json")
    check_writable(tmp_path / "d.json")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="File name too long"):
        check_writable(tmp_path / f"{'x' * 300}.json")


@pytest.mark.slow
def test_a_verdict_that_cannot_be_written_is_printed_and_the_other_files_are_made(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        if path.name == "g.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_text(text)

    monkeypatch.setattr("harness.system.atomic.write_text", full)
    code, out, err = gate("slow", "--against", "quick", "--json", "g.json", "--markdown", "g.md")
    assert code == 2
    assert out and out.splitlines()[-1].startswith("regression: slow needs "), err
    assert err.splitlines()[-1].startswith("nearopt: g.json: cannot be written (No space left on device)")
    assert (tmp_path / "g.md").exists()


def test_a_recording_that_is_interrupted_is_no_success(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(interrupted: bool) -> RecordingProgress:
        return RecordingProgress(
            log=tmp_path / "x.log", landscape=None, done=3, total=9, activity=Activity(), wall_s=1.0, retime_s=0.0,
            interrupted=interrupted,
        )  # fmt: skip

    for interrupted, expected in ((True, 130), (False, 0)):  # a deadline is what was asked for
        monkeypatch.setattr("harness.record.tasks.record_tasks", lambda *_, given=interrupted: [stopped(given)])
        code, out, err = nearopt("record", "task=softmax-4096x2560-bf16", "-o", "x.parquet")
        assert code == expected and out.startswith("stopped: 3 of 9 recorded")
        assert ("interrupted; the same command resumes" in err) == interrupted


def test_one_log_has_one_recorder(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with RecordLog(path, {"a": 1}, {}) as first:
        first.session({"device": "one"})
        before = path.read_bytes()
        with pytest.raises(UserError, match="another NearOpt process is writing to it"):
            RecordLog(path, {"a": 1}, {})
        assert path.read_bytes() == before
        first.started({})
    with RecordLog(path, {"a": 1}, {}) as again:
        assert again.content.sessions == [{"device": "one", "versions": {}}]


def test_a_log_on_a_full_disk_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs Linux")
    with pytest.raises(UserError, match=r"/dev/full: cannot be written \(No space left on device\)"):
        RecordLog(Path("/dev/full"), {}, {})


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.ENAMETOOLONG])
def test_an_error_of_the_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def fail(_: object) -> int:
        raise OSError(number, os.strerror(number), "some/file")

    monkeypatch.setattr(entry, "parse", lambda _: (SimpleNamespace(run=fail), None))
    assert entry.main([]) == 2
    assert capsys.readouterr().err == f"nearopt: some/file: {os.strerror(number)}\n"


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_that_lacks_letters_ends_nothing(tmp_path: Path, encoding: str) -> None:
    done = run(tmp_path, "report", "--help", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    done = run(tmp_path, "run", "task=größe", PYTHONIOENCODING=encoding)
    assert done.returncode == 2 and b"UnicodeEncodeError" not in done.stderr


@pytest.mark.slow
def test_files_are_read_as_utf8_whatever_the_locale(tmp_path: Path) -> None:
    landscape = write_toy(tmp_path)
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = run(tmp_path, "run", f"backend.landscape={landscape}", "budget.evaluations=3", "results=study", **locale)
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, "landscapes", **locale)
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, "report", "study", "-o", "report", **locale)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_behind_standard_output_is_told(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs Linux")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "harness.cli", "landscapes", str(write_toy(tmp_path))],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2 and "No space left on device" in done.stderr
