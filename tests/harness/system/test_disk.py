"""Results that cannot be written or that lie elsewhere: one clear line, finished data intact, and the sweep resumes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import main
from tests.harness.run.test_interruption import kill, wait_for
from tests.harness.study.sweeping import arguments, finish, finish_here, held_up, prepare, start, traces


def mount(folder: Path, *options: str) -> bool:
    folder.mkdir(exist_ok=True)
    try:
        return subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MiB."""
    disk = tmp_path / "disk"
    if not mount(disk, "-t", "tmpfs", "-o", "size=1m", "nearopt-test"):
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def check_one_line(err: str, *words: str) -> None:
    lines = [line for line in err.splitlines() if line.startswith("nearopt: ")]
    assert len(lines) == 1 and "Traceback" not in err, err
    for word in words:
        assert word in lines[0]


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_nothing_finished_is_lost(tmp_path: Path, small_disk: Path) -> None:
    prepare(tmp_path)
    given = [arguments(tmp_path, folder, seeds=8, evaluations=60, pause_s=0) for folder in (small_disk, tmp_path / "w")]
    assert finish_here(tmp_path, given[1])[0] == 0
    expected = traces(tmp_path / "w")
    with (small_disk / "filler").open("wb") as filler:
        filler.write(bytes(800 * 1024))
    code, _, err = finish(tmp_path, given[0])
    assert code == 2
    check_one_line(err, "No space left on device", "the same command resumes")
    kept = traces(small_disk)
    assert 0 < len(kept) < len(expected), "the disk was too large or too small to test anything"
    assert kept.items() <= expected.items()
    (small_disk / "filler").unlink()
    code, out, _ = finish_here(tmp_path, given[0])
    assert code == 0 and f"{len(kept)} were done before, 0 failed" in out
    assert traces(small_disk) == expected


@pytest.mark.slow
def test_a_file_cut_short_by_the_system_is_one_line(tmp_path: Path) -> None:
    """A limit on file sizes accepts a part of a line before it refuses, as a full disk does."""
    prepare(tmp_path)
    given = arguments(tmp_path, tmp_path / "results", jobs=1, evaluations=200, pause_s=0)
    limit = ["prlimit", "--fsize=65536"]
    if shutil.which("prlimit") is None:
        pytest.skip("prlimit is not installed")
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    code, _, err = finish(tmp_path, given, limit)
    assert code == 2
    check_one_line(err, "File too large", "the same command resumes")
    logs = list((tmp_path / "results").rglob("evaluations.jsonl"))
    assert [log.stat().st_size for log in logs] == [65536], "cut in the middle of a line"
    assert finish_here(tmp_path, given)[0] == 0
    assert finish_here(tmp_path, arguments(tmp_path, tmp_path / "w", jobs=1, evaluations=200, pause_s=0))[0] == 0
    assert traces(tmp_path / "results") == traces(tmp_path / "w")
    assert not list((tmp_path / "results").rglob("aborted-*"))


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Make a folder read-only when it is entered: ``results``, also visible at ``frozen``."""
    (tmp_path / "results").mkdir()
    yield tmp_path / "frozen"
    subprocess.run(["umount", "-l", str(tmp_path / "frozen")], check=False, capture_output=True)


def freeze(folder: Path, at: Path) -> None:
    if os.geteuid() == 0:
        if not (mount(at, "--bind", str(folder)) and mount(at, "-o", "remount,ro,bind")):
            pytest.skip("mounting is not allowed here, and root may write anywhere")
    else:
        shutil.copytree(folder, at)
        for path in (at, *at.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.slow
def test_a_read_only_folder_is_one_line_and_a_finished_study_in_it_is_skipped(tmp_path: Path, read_only: Path) -> None:
    prepare(tmp_path)
    assert finish_here(tmp_path, arguments(tmp_path, tmp_path / "results", evaluations=20))[0] == 0
    freeze(tmp_path / "results", read_only)
    code, out, err = finish_here(tmp_path, arguments(tmp_path, read_only, evaluations=20))
    assert (code, err) == (0, "")
    assert out.startswith("0 runs done, 4 were done before, 0 failed")
    before = traces(read_only)
    code, _, err = finish(tmp_path, arguments(tmp_path, read_only, seeds=3, evaluations=20))
    assert code == 2
    check_one_line(err, "cannot be written")
    assert traces(read_only) == before


@pytest.mark.slow
def test_a_folder_moved_elsewhere_resumes_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path)
    here, there = tmp_path / "here", tmp_path / "another/machine"
    moved, unmoved, whole = (
        arguments(tmp_path, folder, evaluations=50, pause_s=0) for folder in (there, here, tmp_path / "whole")
    )
    with held_up(tmp_path):
        cut = start(tmp_path, unmoved)
        wait_for(here)
        kill(cut, everything=True)
    shutil.copytree(here, there)
    shutil.rmtree(here)
    assert not list(there.rglob("DONE"))
    assert finish(tmp_path, moved)[0] == 0
    assert finish_here(tmp_path, whole)[0] == 0
    assert traces(there) == traces(tmp_path / "whole")
    assert not here.exists()
    assert main(["report", str(there), "-o", str(tmp_path / "report")]) == 0
    assert "slower" in capsys.readouterr().out
