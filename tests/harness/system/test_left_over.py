"""Temporary files of killed processes, in any folder, are removed by the next command that works there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.runs import writing as writing_there
from harness.system import atomic
from harness.system.atomic import check_writable, replacing, write_text
from harness.system.temporaries import machine
from harness.trackers.wandb import WandbTracker
from tests.analysis.fabricate import landscape, random_order, write_study
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

__all__ = ["nearopt"]
pytestmark = pytest.mark.usefixtures("undrawn")
GONE = 2**22 + 1
"""No process has this number."""


def litter(folder: Path, name: str) -> Path:
    """Write what a killed process leaves of ``name``."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f".{name}.{machine()}-{GONE}-0123abcd.tmp"
    file.write_text("half")
    return file


def written_until_killed(file: Path) -> None:
    """Write in another process, which is killed while it writes."""
    pid = os.fork()
    if not pid:
        with replacing(file) as half:
            half.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_the_next_writer_takes_it_away(tmp_path: Path) -> None:
    written_until_killed(tmp_path / "x.json")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".x.json.") and left.name.endswith(".tmp")
    write_text(tmp_path / "y.json", "{}")
    assert [file.name for file in tmp_path.iterdir()] == ["y.json"]


def test_a_probe_too(tmp_path: Path) -> None:
    written_until_killed(tmp_path / "x.json")
    check_writable(tmp_path / "y.json")
    assert not list(tmp_path.iterdir())


def test_two_writers_leave_each_other_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / "x") as one:
        one.write_text("1")
        write_text(tmp_path / "x", "2")
    assert (tmp_path / "x").read_text() == "1" and len(list(tmp_path.iterdir())) == 1


def test_a_writer_of_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    write_text(tmp_path / "x", "1")
    assert (tmp_path / "x").read_text() == "1"


def toy_run(tmp_path: Path, *words: str) -> tuple[str, ...]:
    return ("run", *words, f"backend.landscape={write_toy(tmp_path)}", "budget.evaluations=5", "results=r")


@pytest.mark.parametrize("words", [(), ("-m", "jobs=1")])
def test_of_a_results_folder(nearopt: Nearopt, tmp_path: Path, words: tuple[str, ...]) -> None:
    """They are removed even if everything is done and nothing is written."""
    assert nearopt(*toy_run(tmp_path, *words))[0] == 0
    results = tmp_path / "r"
    for folder, name in (
        (results, "consolidated.parquet"),
        (results / "planned", "x.json"),
        (results / "provenance", "x.diff"),
        (results / "toy-8x8-bf16__toy", "reference.parquet"),
    ):
        litter(folder, name)
    assert nearopt(*toy_run(tmp_path, *words))[0] == 0
    assert not list(results.rglob(".*.tmp"))


Command = Callable[[Path], tuple[object, ...]]


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("report", lambda path: ("report", path / "s", "-o", path / "report")),
        ("s", lambda path: ("report", path / "s", "-o", path / "report")),
        ("t4", lambda path: ("landscapes", "export", write_toy(path), "--format", "t4", "-o", path / "t4")),
        ("new", lambda path: ("landscapes", "import", path / "t4.json", "-o", path / "new/x__y.parquet")),
    ],
)
def test_of_what_other_commands_write(nearopt: Nearopt, tmp_path: Path, folder: str, command: Command) -> None:
    write_study(tmp_path / "s", {"a-1": landscape(20)}, {"random": random_order}, 2, 5)
    if folder == "new":
        export = ("landscapes", "export", write_toy(tmp_path), "--format", "t4", "-o", tmp_path / "t4.json")
        assert nearopt(*export)[0] == 0
    left = litter(tmp_path / folder, "x")
    code, _, err = nearopt(*command(tmp_path))
    assert code == 0, err
    assert not left.exists()


def test_of_a_trackers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = litter(tmp_path / "wandb", "id")

    class Stop(Exception):
        """Stops the tracker before W&B itself begins."""

    def stop(*_: object, **__: object) -> None:
        raise Stop

    monkeypatch.setattr(WandbTracker, "_init", stop)
    from harness.trackers.base import TrackedRun

    run = TrackedRun(tmp_path, "study", "task", "label", 0, {}, {})
    with pytest.raises(Stop):
        WandbTracker(mode="offline").start(run, again=False)
    assert not left.exists() and (tmp_path / "wandb/id").exists()


def test_a_name_of_any_length_can_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / ("x" * 255), "1")
    assert atomic.temporary(tmp_path / ("x" * 255)).name.startswith(".")


@pytest.mark.parametrize("write", [write_text, writing_there.write_text], ids=["harness", "analysis"])
def test_a_device_and_a_standard_stream_are_written_and_not_replaced(
    write: Callable[[Path, str], None], tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    try:
        write(Path(f"/dev/fd/{writing}"), "text")
        assert os.read(reading, 10) == b"text"
    finally:
        os.close(reading)
        os.close(writing)
    write(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()
    os.mkfifo(tmp_path / "pipe")  # in the place of a result, without a reader
    write(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").read_text() == "text"


def test_a_file_below_a_folder_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyArrow takes ``a:b/c`` for an address unless it exists."""
    (tmp_path / "a:b").mkdir()
    monkeypatch.chdir(tmp_path)
    with replacing(Path("a:b/c.parquet")) as written:
        pq.write_table(pa.table({"x": [1]}), written)
    assert pq.read_table("a:b/c.parquet").num_rows == 1
