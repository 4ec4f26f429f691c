"""Every writer on a full disk: exit 2, one line with the file's name, nothing lost, the verdict printed.

``tests/writers.py`` finds the writers in the source and has the commands; a writer that is not in its table fails here.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from io import FileIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.runs import consolidated
from analysis.runs.bundle import write_bundle
from harness.authoring import profiling
from harness.authoring.profiling import Profile, Reading
from harness.cli import entry
from harness.record import log, retime_study
from harness.record.retime_study import LiveEvaluation
from harness.run import provenance, store
from harness.strategies.random import RandomSearch
from tests.harness.cli.test_cli import Nearopt, nearopt, trace
from tests.harness.toy import write_toy
from tests.writers import BY_OTHERS, COMMANDS, COMPARE, GATE, PROFILE, QUIET, STUDY, writers

pytestmark = pytest.mark.usefixtures("undrawn")
__all__ = ["nearopt"]
TOY = "toy-8x8-bf16__toy"
NUMBERS = (errno.ENOSPC, errno.EROFS, errno.EDQUOT)
FAST = frozenset({
    "config.yaml", "evaluations.jsonl", "reference.parquet", "planned", "g.json", "x.json", "new__toy.parquet",
    "test_near.py", "x.log", "retimed.parquet", "verdict.json",
})  # fmt: skip
"""Names that are tried in the fast tier, on a disk that is full."""
SUITE = f"""tasks: [{TOY}.parquet]
evaluations: 10
noise: none
first_seed: 0
looks: [2]
target: 0.05
slowdown: 1.3
alpha: 0.04
power: 0.9
"""


class Telling(RandomSearch):
    """Random search that reports facts about itself."""

    def facts(self) -> dict[str, Any]:
        return {"a": 1}


class Broken(RandomSearch):
    def ask(self, n: int) -> list[dict[str, object]]:
        raise ArithmeticError(f"singular, asked for {n}")


def test_every_writer_is_in_the_table() -> None:
    known = {*COMMANDS, *BY_OTHERS, *QUIET}
    assert writers() == known, "a writer without a case in tests/writers.py, or a case without its writer"
    assert len(known) == len(COMMANDS) + len(BY_OTHERS) + len(QUIET)


def run_words(label: str = "Telling", results: str = "r") -> tuple[str, ...]:
    return (f"backend.landscape={TOY}.parquet", f"strategy._target_={__name__}.{label}", "budget.evaluations=10",
            f"results={results}")  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a recording, a study with its report and comparison, runs of a gate, and files at the end of a run."""
    folder = tmp_path_factory.mktemp("base")
    write_toy(folder)
    (folder / "suite.yaml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in (
            ("run", "-m", f"backend.landscape={TOY}.parquet", "strategy=random,genetic", "seed=0,1", "jobs=1",
             "budget.evaluations=10", "results=s"),
            ("run", "-m", *run_words(results="whole"), "seed=0,1", "jobs=1"),
            ("landscapes", "export", f"{TOY}.parquet", "--format", "t4", "-o", "t4.json"),
            STUDY, (*COMPARE[:-1], "compared"),
        ):  # fmt: skip
            assert entry.main(command) == 0
        for name in Path("compared").iterdir():
            shutil.copy(name, Path("out", name.name) if name.name != "index.html" else Path("out/compared.html"))
        assert entry.main([*GATE, "--json", "g.json", "--junit", "g.xml", "--markdown", "g.md"]) in (0, 3)
    return folder


def calls() -> dict[str, Callable[[object], int]]:
    """Return calls for writers that have no command of their own here, or that need a device."""

    def recorded(_: object) -> int:
        with log.RecordLog(Path("x.log"), {"a": 1}, {}) as kept:
            kept.session({"device": "one"})
        return 0

    def torn(_: object) -> int:
        recorded(None)
        with Path("x.log").open("ab") as half:  # as a killed process leaves it
            half.write(b'{"kind":')
        return recorded(None)

    def retimed(_: object) -> int:
        one = LiveEvaluation("random", 0, 0, "k", {"x": 1}, 1.0, "gpu")
        facts: Any = {"device": {}, "versions": {}, "retiming": {}}
        retime_study._write(Path("retimed.parquet"), [one], {"k": [1.0]}, facts)
        return 0

    def damaged_log(_: object) -> int:
        with store.RunDirectory(Path("run"), {"config_hash": "x"}) as directory:
            (directory.path / "evaluations.jsonl").write_bytes(b"junk\nmore\n")
            return len(directory.logged())

    def bundled(_: object) -> int:
        write_bundle(["s"], Path("bundle"))
        return 0

    return {"record log": recorded, "record torn": torn, "retime": retimed, "damaged log": damaged_log,
            "bundle": bundled}  # fmt: skip


def fail(patch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Let every write to a file of that name, and every replacement of it, raise the system's error."""

    def refused(file: object) -> bool:
        path = Path(str(file))
        return fnmatch(path.name, name) or path.parent.name == name

    whole, opened = Path.replace, Path.open

    def replace(self: Path, target: Path) -> Path:
        if refused(target):
            raise OSError(number, os.strerror(number), str(self), None, str(target))
        return whole(self, target)

    def open_(self: Path, mode: str = "r", *rest: Any, **words: Any) -> Any:
        if set(mode) & set("wx+") and refused(self):
            raise OSError(number, os.strerror(number), str(self))
        return opened(self, mode, *rest, **words)

    class Full(FileIO):
        def write(self, data: Any) -> int:
            if refused(self.name):
                raise OSError(number, os.strerror(number))
            return super().write(data)

    patch.setattr(Path, "replace", replace)
    patch.setattr(Path, "open", open_)
    for module in (store, log):
        patch.setattr(module, "FileIO", Full)


def without_processes(patch: pytest.MonkeyPatch) -> None:
    readings = tuple(Reading("random", n, 1e-3 * n, 1e-4, 1000 * n) for n in (10, 15, 22, 32, 46, 68, 100))
    patch.setattr(profiling, "profile_all", lambda *_: [Profile("random", readings, "done")])
    patch.setattr(provenance, "working_diff", lambda: "+a change")


def command_of(patch: pytest.MonkeyPatch, command: tuple[str, ...]) -> tuple[str, ...]:
    if (call := calls().get(command[0])) is not None:
        patch.setattr(entry, "parse", lambda _: (SimpleNamespace(run=call), None))
    words = tuple(f"{TOY}.parquet" if word == "TOY" else word for word in command)
    return (*words, *run_words()) if command[0] == "run" else words


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def cases() -> list[object]:
    made: list[object] = []
    for at, names in COMMANDS.items():
        for name, command in names.items():
            for number in NUMBERS:
                slow = () if name in FAST and number == errno.ENOSPC else (pytest.mark.slow,)
                word = f"{at.rpartition('/')[2]}-{name}-{errno.errorcode[number]}"
                made.append(pytest.param(name, command, number, marks=slow, id=word))
    return made


@pytest.mark.parametrize(("name", "command", "number"), cases())
def test_a_disk_that_takes_no_more(
    nearopt: Nearopt, base: Path, tmp_path: Path, name: str, command: tuple[str, ...], number: int
) -> None:
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    before = contents(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        without_processes(patch)
        words = command_of(patch, command)
        with pytest.MonkeyPatch.context() as full:
            fail(full, "evaluations.jsonl" if name == "cut.jsonl" else name, number)
            code, out, err = nearopt(*words)
        told = [line for line in err.splitlines() if line.startswith("nearopt: ")]
        assert (code, len(told)) == (2, 1) and "Traceback" not in err, err
        stem = "evaluations" if name == "cut.jsonl" else name.strip("*")
        assert stem in told[0] and os.strerror(number) in told[0], err
        if command[:1] in (STUDY[:1], GATE[:1]) and "--update-baseline" not in command:
            assert "random" in out.splitlines()[-1] or "undecided" in out, "the verdict is not said"
        after = contents(tmp_path)
        lost = [file for file in before if file not in after or (file.name == name and after[file] != before[file])]
        assert not lost, "what was there before is lost"
        assert not [file for file in after if file.suffix == ".tmp"], "a half is left"
        code, _, err = nearopt(*words)
        assert code in (0, 3), err
    if command[0] == "run":
        (run,) = (tmp_path / "r").glob("*/*/seed-0")
        assert trace(run) == trace(next((tmp_path / "whole").glob("*/*/seed-0")))
    assert command is not PROFILE or (tmp_path / "out/growth.csv").stat().st_size


@pytest.mark.parametrize(
    ("name", "command", "code"),
    [
        ("FAILED", ("run", *run_words("Broken")), 1),
        ("*.json", ("landscapes", f"{TOY}.parquet"), 0),
        pytest.param("consolidated.parquet", STUDY, 0, marks=pytest.mark.slow),
    ],
)
def test_a_writer_whose_failure_changes_nothing(
    nearopt: Nearopt, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str,
    command: tuple[str, ...], code: int,
) -> None:  # fmt: skip
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("NEAROPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(consolidated, "WORTH_IT", 1)
    with pytest.MonkeyPatch.context() as full:
        fail(full, name, errno.ENOSPC)
        got, out, err = nearopt(*command)
    assert got == code and "No space" not in err, err
    assert "singular" in err if code else out
    assert not list(tmp_path.rglob("*.tmp"))
