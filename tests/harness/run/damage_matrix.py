"""Damage every file of a results folder in every way; afterwards the results are right or one line says why not.

``python -m tests.harness.run.damage_matrix [FILE ...]`` tries them all and prints what became of each;
``test_damage_matrix.py`` holds it to that.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.cli import main
from harness.strategies.random import RandomSearch
from tests.harness.cli.test_cli import trace
from tests.harness.toy import write_toy

TASK = "toy-8x8-bf16__toy"
HOLD = "hold"
STOP_AFTER = 12


class Interruptible(RandomSearch):
    """Random search that fails at its thirteenth proposal, or is interrupted, while a file says so."""

    def ask(self, n: int) -> list[dict[str, object]]:
        self.asked = getattr(self, "asked", 0) + n
        order = Path(HOLD).read_text() if Path(HOLD).exists() else ""
        if order and self.asked > STOP_AFTER:
            raise KeyboardInterrupt if order == "interrupt" else RuntimeError("singular")
        return super().ask(n)


def replace(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    replace(path, bytes(data))


def folder(path: Path) -> None:
    path.unlink()
    (path / "of").mkdir(parents=True)
    (path / "of/somebody.txt").write_text("x")


def link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "not there")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


WAYS: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: replace(path, b""),
    "cut in half": lambda path: replace(path, path.read_bytes()[: path.stat().st_size // 2]),
    "without its last byte": lambda path: replace(path, path.read_bytes()[:-1]),
    "one bit": flip,
    "other bytes": lambda path: replace(path, b"\x93\xff\x00NUMPY" * 40),
    "zeros at its end": lambda path: replace(path, path.read_bytes() + bytes(64)),
    "twice": lambda path: replace(path, 2 * path.read_bytes()),
    "a folder": folder,
    "a link to nothing": link_to_nothing,
    "a pipe": pipe,
    "gone": Path.unlink,
}
DONE, CUT, BROKEN = (f"{TASK}/{label}" for label in ("done/seed-0", "cut/seed-0", "broken/seed-0"))
FILES = [
    *(f"{DONE}/{name}" for name in ("config.yaml", "environment.json", "evaluations.parquet", "DONE")),
    *(f"{CUT}/{name}" for name in ("config.yaml", "environment.json", "evaluations.jsonl")),
    *(f"{BROKEN}/{name}" for name in ("config.yaml", "evaluations.jsonl", "FAILED")),
    f"{TASK}/reference.parquet", f"{TASK}/reference.yaml", "planned/*.json",
]  # fmt: skip
HELD = (f"{DONE}/.lock", f"{CUT}/.lock", f"{CUT}/.owner")
"""What a process that was killed leaves beside them: no result is in it, and any of it may be there."""
MEASURED = ("evaluations.parquet", "evaluations.jsonl")
KEEPING = ("cut in half", "without its last byte", "one bit", "zeros at its end", "twice")
"""Ways that leave something of a file."""


def sweep(results: str, *labels: str) -> list[str]:
    given = [
        f"backend.landscape={TASK}.parquet", "strategy._target_=tests.harness.run.damage_matrix.Interruptible",
        f"results={results}", "budget.evaluations=30", "jobs=1",
    ]  # fmt: skip
    return ["run", "-m", *given, f"strategy.label={','.join(labels or ('done', 'cut', 'broken'))}"]


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def nearopt(*arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and its standard error."""
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, err.getvalue()


def make_study(base: Path) -> None:
    """Make ``r`` with a finished, an interrupted and a failed run, and ``whole`` with their complete results."""
    write_toy(base)
    with inside(base):
        assert nearopt(*sweep("whole"))[0] == 0
        assert nearopt(*sweep("r", "done"))[0] == 0
        for order, label, code in (("interrupt", "cut", 130), ("fail", "broken", 1)):
            Path(HOLD).write_text(order)
            assert nearopt(*sweep("r", label))[0] == code
        Path(HOLD).unlink()
        for file in Path("r/planned").iterdir():
            file.unlink()
        assert nearopt(*sweep("elsewhere"))[0] == 0
        shutil.copytree("elsewhere/planned", "r/planned", dirs_exist_ok=True)


def is_one_line(err: str) -> bool:
    """Whether there are lines of our own, of bounded length, and nothing else but progress."""
    lines = [line for line in err.splitlines() if not line.startswith(("reports", "figures", "runs"))]
    return bool(lines) and all(line.startswith("nearopt: ") and len(line) < 1000 for line in lines)


def outcome(study: Path, work: Path, file: str, way: str) -> str:
    """Damage one file; return the outcomes of a report before, and of a sweep after it.

    Args:
        study: as :func:`make_study` leaves it.
        work: an empty folder.

    Raises:
        AssertionError: neither the right results nor one clear line.
    """
    shutil.copytree(study / "r", work / "r", symlinks=True)
    shutil.copy(study / f"{TASK}.parquet", work)
    if file in HELD:
        (work / "r" / file).write_bytes(b"{}")
    (path,) = (work / "r").glob(file)
    WAYS[way](path)
    with inside(work):
        before = _report("before")
        code, err = nearopt(*sweep("r"), "resume=retry_failed")
        assert "Traceback" not in err, err
        right = {run: trace(study / "whole" / run) for run in (DONE, CUT, BROKEN)}
        ended = [run for run in right if (work / "r" / run / "DONE").is_file()]
        hit = next((run for run in right if file.startswith(run)), None)
        if code == 0:
            assert ended == list(right), "exit 0, and not all is done"
        else:
            assert code in (1, 2) and is_one_line(err) and path.name.split(".")[0] in err, (code, err)
        for run in ended:
            assert trace(work / "r" / run) == right[run] or (run == hit and code), run
        if hit:
            assert {*ended, hit} == {*right}, f"damage of {hit} kept another run from ending: {err}"
        if path.name in MEASURED and way in KEEPING:
            kept = [each for each in path.parent.rglob("evaluations*") if each.is_file() and each.stat().st_size]
            assert kept, "what was measured is gone"
        litter = [each.name for each in (work / "r").rglob("*.tmp")]
        assert not litter, litter
        if code == 0:
            assert _report("after") == "", "the report after it is not as ever"
    return f"{before}healed" if code == 0 else f"{before}refused"


def _report(output: str) -> str:
    """Return the report's message about the damage."""
    code, err = nearopt("report", "r", "-o", output)
    assert code in (0, 2) and "Traceback" not in err, err
    if code:
        assert is_one_line(err) and err.count("\n") == 1, err
        return "refused, "
    said = Path(output, "index.html").read_text(encoding="utf-8")
    return "counted, " if "damaged" in said or "not readable" in said else ""


def table(study: Path, work: Path, files: list[str]) -> str:
    """Format as Markdown: a row per file, a column per kind of damage."""
    lines = [f"| file | {' | '.join(WAYS)} |", f"|---|{'---|' * len(WAYS)}"]
    for number, file in enumerate(files):
        cells = []
        for way in WAYS:
            folder = work / f"{number}-{way}"
            folder.mkdir()
            try:
                cells.append(outcome(study, folder, file, way))
            except AssertionError as wrong:
                cells.append(f"WRONG: {wrong}")
            shutil.rmtree(folder)
        lines.append(f"| {file.removeprefix(TASK + '/')} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


if __name__ == "__main__":
    from tests.conftest import undrawn_figures

    with tempfile.TemporaryDirectory() as scratch, undrawn_figures():
        for name in ("study", "work"):
            Path(scratch, name).mkdir()
        make_study(Path(scratch, "study"))
        print(table(Path(scratch, "study"), Path(scratch, "work"), sys.argv[1:] or [*FILES, *HELD]))
