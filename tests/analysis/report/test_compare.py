"""Two studies side by side: every aggregate is over the tasks that both have, and omissions are named."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from analysis.report.compare import compare_studies
from analysis.runs.load import load_study
from analysis.study.results import analyse
from tests.analysis.fabricate import Order, guided_order, landscape, random_order, write_study

SHARED, ONLY_A, ONLY_B = (f"{name}-64x64-bf16__h100" for name in ("matmul", "softmax", "conv"))


def study(folder: Path, tasks: dict[str, int], order: Order) -> Path:
    tables = {task: landscape(200, seed) for task, seed in tasks.items()}
    return write_study(folder, tables, {"random": random_order, "ours": order}, 3, 60)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], Path, Path]:
    folder = tmp_path_factory.mktemp("studies")
    a = study(folder / "a", {SHARED: 0, ONLY_A: 1}, guided_order(2.0))
    b = study(folder / "b", {SHARED: 0, ONLY_B: 2}, guided_order(0.4))
    told: list[str] = []
    compare_studies(a, b, folder / "out", told=told.append)
    return folder / "out", told, a, b


def test_the_whole_is_of_the_common_tasks_alone(compared: tuple[Path, list[str], Path, Path]) -> None:
    out, _, a, b = compared
    table = pd.read_csv(out / "comparison-evaluations.csv").query("strategy == 'ours'")
    whole, task = (table[table["task"] == name].iloc[0] for name in ("ALL", SHARED))
    assert whole["ratio"] == pytest.approx(task["ratio"], rel=1e-6)
    mixed = [
        analyse(load_study([side]), ()).speedups.query("task == 'ALL' and stratum == 'all' and strategy == 'ours'")
        for side in (a, b)
    ]
    of = [rows.query("axis == 'evaluations' and target == 0.05")["speedup"].item() for rows in mixed]
    assert of[1] / of[0] != pytest.approx(whole["ratio"], rel=0.05), "else this test could not fail"


def test_what_was_left_out_is_named(compared: tuple[Path, list[str], Path, Path]) -> None:
    out, told, _, _ = compared
    for side, task in (("A", ONLY_A), ("B", ONLY_B)):
        sentence = f"Only in {side}, so left out: tasks {task}."
        assert sentence in told
        assert sentence in (out / "index.html").read_text()
    page = (out / "index.html").read_text()
    assert page.count('<input type="search"') == page.count("<table") == 3
    links = re.findall(r'href="([^"#:]+)"', page)
    assert {"comparison.json", "left-out.csv"} <= set(links) and all((out / link).is_file() for link in links)
    left = pd.read_csv(out / "left-out.csv")
    assert set(zip(left["task"], left["only_in"], strict=True)) == {(ONLY_A, "A"), (ONLY_B, "B")}


def test_a_task_that_one_side_does_not_count_is_in_no_aggregate(tmp_path: Path) -> None:
    a = study(tmp_path / "a", {SHARED: 0, ONLY_A: 1}, guided_order(2.0))
    b = study(tmp_path / "b", {SHARED: 0, ONLY_A: 1}, guided_order(2.0))
    for run in (b / ONLY_A).glob("*/*/config.yaml"):
        run.write_text(run.read_text().replace("coverage: exhaustive", "coverage: sample"))
    told: list[str] = []
    compare_studies(a, b, tmp_path / "out", told=told.append)
    assert any(f"so left out: {ONLY_A}." in sentence for sentence in told)
    table = pd.read_csv(tmp_path / "out" / "comparison-evaluations.csv")
    assert table.loc[table["task"] == "ALL", "runs_a"].unique().tolist() == [3]
