"""Kill commands between two operations on files, and check what the next command makes of the rest.

A recorder has the fake device and compiler of ``tests/harness/measure/fakes.py``: no GPU is needed.

``python -m tests.harness.run.kills [SEED]`` kills more than a hundred and prints the counts. A process is killed at an
event (a file opened to be written, moved or removed, a line logged) whose number a seed draws: no clock decides.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from harness.cli import main
from harness.landscapes.landscape import read_landscape
from harness.measure import folders
from harness.measure.work import SessionOptions
from harness.record import log
from harness.record.facts import Recording, RecordOptions
from harness.record.recorder import record
from harness.run import store
from tests.conftest import undrawn_figures
from tests.harness.measure.fakes import FAKE, FakeKernel, fake_work, space
from tests.harness.toy import write_toy

TOY = "toy-8x8-bf16__toy"
EVENTS = frozenset({"os.rename", "os.remove", "os.mkdir", "os.truncate"})
SWEEP = ("run", "-m", f"backend.landscape={TOY}.parquet", "strategy=random,genetic", "seed=0,1", "jobs=1",
         "budget.evaluations=12")  # fmt: skip
OWN = {"ask_s", "tell_s", "wall_s"}
"""Columns with times."""


@dataclass(frozen=True)
class Kind:
    """A command that must lose nothing when it is killed.

    Attributes:
        command: the command, run in a folder that :func:`prepare` made.
        results: returns the results in that folder, for comparison.
        share: the share of this kind in a hundred kills.
    """

    command: Callable[[], int]
    results: Callable[[Path], Mapping[str, Any]]
    share: int


def _quietly(*words: str) -> int:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), undrawn_figures():
        return main(words)


def _traces(folder: Path) -> dict[str, Any]:
    from tests.harness.cli.test_cli import trace

    return {str(done.parent.relative_to(folder)): trace(done.parent) for done in sorted((folder / "r").rglob("DONE"))}


def _files(folder: Path) -> dict[str, Any]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted((folder / "out").rglob("*"))
            if file.is_file()}  # fmt: skip


def _record() -> int:
    """Record a space of 12 configurations, half of them failures, on a fake device."""
    here = Path.cwd()
    what = Recording(
        task="fake-1-fp32",
        kernel=FakeKernel(str(here)),
        space=space(6, ("wrong_result",)),
        out=here / "out/fake-1-fp32__f100.parquet",
        device=FAKE,
        options=RecordOptions(SessionOptions(compile_workers=1, compile_timeout_s=60.0, run_timeout_s=60.0)),
        command="test",
    )
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        folders.lock_folder = lambda: here  # type: ignore[assignment]
        return 0 if record(what, work=fake_work(here)).landscape == what.out else 1


def _landscapes(folder: Path) -> dict[str, Any]:
    """Return the content of recordings, without their time and the seed of their inputs, which differ."""
    found = {}
    for file in sorted((folder / "out").glob("*.parquet")):
        landscape = read_landscape(file)
        found[file.name] = (
            landscape.codes.tolist(), landscape.status, repr(landscape.latency_ms.tolist()),  # NaN is no NaN
            repr(landscape.oracle_ms.tolist()),
            landscape.samples_ms, landscape.message, landscape.origin, landscape.metadata["coverage"],
            landscape.metadata["space"], landscape.metadata["summary"]["statuses"],
        )  # fmt: skip
    return found


KINDS = {
    "sweep": Kind(lambda: _quietly(*SWEEP, "results=r"), _traces, 60),
    "asynchronous sweep": Kind(lambda: _quietly(*SWEEP, "workers=3", "schedule=async", "results=r"), _traces, 50),
    "report": Kind(lambda: _quietly("report", "s", "-o", "out"), _files, 20),
    "import": Kind(lambda: _quietly("landscapes", "import", "t4.json", "-o", "out/new__toy.parquet"), _files, 20),
    "record": Kind(_record, _landscapes, 15),
}


def prepare(folder: Path) -> None:
    """Prepare a recording, a finished study and a file to import."""

    def make() -> int:
        write_toy(Path())
        Path("out").mkdir()
        code = _quietly(*SWEEP, "results=s")
        return code or _quietly("landscapes", "export", f"{TOY}.parquet", "--format", "t4", "-o", "t4.json")

    ended, _ = in_a_process(folder, make)
    assert ended == 0


def in_a_process(folder: Path, command: Callable[[], int], kill_at: int | None = None) -> tuple[int, int]:
    """Run a command in its own process; return its exit code (negative: the signal) and its number of events."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        code = 70
        try:
            os.close(reading)
            os.chdir(folder)
            events = _count(kill_at)
            code = command()
            os.write(writing, json.dumps(events()).encode())
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        said = told.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), json.loads(said or b"0")


def _count(kill_at: int | None) -> Callable[[], int]:
    """Count the file operations of this process from now on, and kill it at the ``kill_at``-th."""
    seen, own = 0, os.getpid()

    def reached() -> bool:
        nonlocal seen
        if os.getpid() != own:  # a worker that was forked: its end is another matter
            return False
        seen += 1
        return seen == kill_at

    def end() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (event in EVENTS or writes) and reached():
            end()

    class Torn(FileIO):
        def write(self, data: Any) -> int:
            if reached():
                super().write(bytes(data)[: len(data) // 2])
                end()
            return super().write(data)

    sys.addaudithook(hook)
    for logger in (store, log):
        logger.FileIO = Torn  # type: ignore[attr-defined]
    return lambda: seen


@dataclass(frozen=True)
class Tally:
    """The number of kills of one kind, and how many left other results or temporary files."""

    kills: int
    events: int
    different: int
    litter: int


def kill(kind: Kind, base: Path, work: Path, kills: int, rng: random.Random) -> Tally:
    """Kill a command ``kills`` times, each in its own folder, repeat it once, and compare."""
    whole = work / "whole"
    shutil.copytree(base, whole)
    ended, events = in_a_process(whole, kind.command)
    assert (ended, events > 2) == (0, True), (ended, events)
    expected = kind.results(whole)
    different = litter = 0
    for number in range(kills):
        folder = work / str(number)
        shutil.copytree(base, folder)
        ended, _ = in_a_process(folder, kind.command, rng.randint(1, events))
        assert ended in (-signal.SIGKILL, 0), ended  # 0: it had fewer events than the undisturbed one
        ended, _ = in_a_process(folder, kind.command)
        different += ended != 0 or kind.results(folder) != expected
        litter += any(folder.rglob("*.tmp"))
        shutil.rmtree(folder)
    return Tally(kills, events, different, litter)


if __name__ == "__main__":
    seed = int((sys.argv[1:] or ["17"])[0])
    print("| command | kills | events | other results | litter |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "base").mkdir()
        prepare(Path(scratch, "base"))
        for name, kind in KINDS.items():
            Path(scratch, name).mkdir()
            told = kill(kind, Path(scratch, "base"), Path(scratch, name), kind.share, random.Random(f"{seed} {name}"))
            print(f"| {name} | {told.kills} | {told.events} | {told.different} | {told.litter} |", flush=True)
