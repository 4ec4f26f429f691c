"""The main workflow on the committed landscapes: sweep, skip, report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.cli import main
from harness.landscapes.library import recorded_landscapes

pytestmark = pytest.mark.usefixtures("undrawn")

COLUMNS = [
    "task", "strategy", "target", "axis", "baseline", "budget", "stratum", "hits", "runs", "ert", "bound", "speedup",
    "speedup_low", "speedup_high", "refused", "workers", "baseline_workers", "unreachable_above",
]  # fmt: skip


FOUR = ("matmul", "attention", "layernorm", "softmax")


@pytest.mark.parametrize(
    "tasks",
    [
        pytest.param((), marks=pytest.mark.slow),  # all four
        ("matmul-2048x2048x2048-bf16", "layernorm-8192x4096-bf16"),
    ],
)
def test_four_kernels_against_three_strategies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tasks: tuple[str, ...]
) -> None:
    kernels = {task.split("-")[0] for task in tasks or FOUR}
    runs = len(kernels) * 3 * 2
    monkeypatch.chdir(tmp_path)
    sweep = ["run", "-m", "experiment=quickstart", "seed=0,1", "budget.evaluations=8", "results=study", "jobs=2"]
    sweep[2:2] = [f"task={','.join(tasks)}"] if tasks else []
    assert main(sweep) == 0
    assert capsys.readouterr().out.startswith(f"{runs} runs done, 0 were done before, 0 failed")
    assert main([*sweep[:-1], "jobs=1"]) == 0
    assert capsys.readouterr().out.startswith(f"0 runs done, {runs} were done before, 0 failed")
    assert main(["report", "study", "-o", "out"]) == 0
    printed = capsys.readouterr().out
    assert "relative to exact random search" in printed and "claim" not in printed
    assert printed.rstrip().endswith("index.html")
    assert "conditional_gp" in printed

    table = pd.read_csv(tmp_path / "out/speedups.csv", keep_default_na=False, na_values=[""])
    assert list(table.columns) == COLUMNS
    recorded = {path.stem for path in recorded_landscapes()}
    tasks = set(table["task"])
    assert {task for task in tasks if "__" in task} <= recorded
    assert {task.split("-")[0] for task in tasks if "__" in task} == kernels
    assert {"ALL", "kernel:matmul"} <= tasks
    assert set(table["axis"]) == {"evaluations", "seconds"}
    assert set(table["target"]) == {0.01, 0.05, 0.1}
    alone = table[table["task"].str.contains("__") & (table["baseline"] == "exact_random")]
    missed = alone[alone["hits"] == 0]
    assert len(missed) > 0
    assert (missed["bound"] == "upper").all()
    assert (missed["speedup_low"] == 0).all()
    assert (missed.loc[missed["axis"] == "evaluations", "ert"] == 2 * 8).all()
    page = (tmp_path / "out/index.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page.replace("https://www.w3.org", "")
    assert list((tmp_path / "out/figures").glob("best-so-far.csv"))


def test_results_name_a_landscape_as_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = recorded_landscapes()[0].stem
    assert main(["run", f"task={name}", "budget.evaluations=3"]) == 0
    assert (tmp_path / "results" / name / "random/seed-0/DONE").exists()
    assert main(["run", f"task={name.split('__')[0]}__nodevice", "budget.evaluations=3"]) == 2
