"""Every file of a results folder, damaged in every way: afterwards the right results, or one line that says why not."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.strategies.random import RandomSearch
from tests.harness.cli.test_cli import Nearopt, nearopt, trace
from tests.harness.toy import write_toy

pytestmark = pytest.mark.usefixtures("undrawn")

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"
HOLD = "hold"
STOP_AFTER = 12


class Interruptible(RandomSearch):
    """Random search that breaks down at its thirteenth proposal, or is interrupted, while a file says so."""

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
PAIRS = [(file, way) for file in FILES for way in WAYS]


def sweep(results: str, *labels: str) -> list[str]:
    given = [
        f"backend.landscape={TASK}.parquet", f"strategy._target_={__name__}.Interruptible", f"results={results}",
        "budget.evaluations=30", "jobs=1",
    ]  # fmt: skip
    return ["run", "-m", *given, f"strategy.label={','.join(labels or ('done', 'cut', 'broken'))}"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``r``: a run that is done, one that was interrupted and one that failed; ``whole``: what they end with."""
    from harness.cli import main

    base = tmp_path_factory.mktemp("study")
    write_toy(base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        assert main(sweep("whole")) == 0
        assert main(sweep("r", "done")) == 0
        for order, label, code in (("interrupt", "cut", 130), ("fail", "broken", 1)):
            Path(HOLD).write_text(order)
            assert main(sweep("r", label)) == code
        Path(HOLD).unlink()
        for file in Path("r/planned").iterdir():
            file.unlink()
        assert main([*sweep("r"), "dry_run=true"]) == 0
        assert main([*sweep("elsewhere")]) == 0
        shutil.copytree("elsewhere/planned", "r/planned", dirs_exist_ok=True)
    return base


def one_line(err: str) -> bool:
    """Whether only lines of our own, of bounded length, were said."""
    lines = [line for line in err.splitlines() if not line.startswith(("reports", "figures", "runs"))]
    return bool(lines) and all(line.startswith("nearopt: ") and len(line) < 1000 for line in lines)


def fast(pairs: list[tuple[str, str]]) -> list[object]:
    """Each file and each way at least once in the fast tier, the others in the slow one."""
    step = len(WAYS) + 1
    return [
        pair if (i % step == 0) else pytest.param(*pair, marks=pytest.mark.slow) for i, pair in enumerate(pairs)
    ]  # fmt: skip


@pytest.mark.parametrize(("file", "way"), fast(PAIRS))
def test_right_results_or_one_line(nearopt: Nearopt, study: Path, tmp_path: Path, file: str, way: str) -> None:
    shutil.copytree(study / "r", tmp_path / "r", symlinks=True)
    shutil.copy(study / f"{TASK}.parquet", tmp_path)
    (path,) = (tmp_path / "r").glob(file)
    measured = path.read_bytes() if path.name.startswith("evaluations") else None
    WAYS[way](path)

    code, _, err = nearopt("report", "r", "-o", "before")
    assert code in (0, 2) and "Traceback" not in err
    assert code == 0 or (one_line(err) and err.count("\n") == 1), err

    expected = {run: trace(study / "whole" / run) for run in (DONE, CUT, BROKEN)}
    code, _, err = nearopt(*sweep("r"), "resume=retry_failed")
    assert "Traceback" not in err
    ended = {run: (tmp_path / "r" / run / "DONE").is_file() for run in expected}
    if code == 0:
        assert all(ended.values()), "exit 0 and not all is done"
    else:
        assert code in (1, 2) and one_line(err) and path.name.split(".")[0] in err, (code, err)
    damaged = next((run for run in expected if file.startswith(run)), None)
    for run, right in expected.items():
        if run != damaged or code == 0:
            assert ended[run] or damaged is None, (run, err)
        if ended[run] and (run != damaged or code == 0):
            assert trace(tmp_path / "r" / run) == right, run
    if measured and way not in ("gone", "empty", "a folder", "a link to nothing", "a pipe", "other bytes"):
        kept = any(zlib.crc32(each.read_bytes()) for each in path.parent.rglob("evaluations*") if each.is_file())
        assert kept
    if code == 0:
        code, _, err = nearopt("report", "r", "-o", "after")
        assert (code, "damaged" in err) == (0, False), err
