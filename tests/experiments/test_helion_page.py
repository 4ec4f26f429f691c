"""The page on Helion's own spaces agrees with its committed files."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.runs.load import load_study
from analysis.study.results import analyse
from analysis.tables.table import times_cell
from experiments.helion_2 import rates

HERE = Path(rates.__file__).parent
LIVE = HERE / "live"
STRATEGIES = ("conditional_gp", "helion_lfbo_tree_1.5.1", "helion_lfbo_tree_1.5.1_unseeded", "optuna_tpe")


def cells() -> list[list[str]]:
    lines = (HERE / "README.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_the_page_has_the_measured_rates_of_random_search() -> None:
    page = (HERE / "README.md").read_text(encoding="utf-8")
    rows = list(rates.shown(LIVE))
    assert len(rows) == 6 and all(row in page for row in rows)
    *_, older = rates.shown(HERE / "drawn_1.4.0")
    assert older in page


@pytest.mark.slow
def test_the_page_has_the_speedups_of_the_live_study() -> None:
    """Analysing it takes 15 s of a core."""
    table = analyse(load_study([LIVE]), others=()).speedups
    table = table[(table["target"] == 0.05) & ((table["task"] != "ALL") | (table["stratum"] == "all"))]
    task, checked = "", 0
    for row in cells():
        if len(row) != 5 or row[1] not in STRATEGIES:
            continue
        task = row[0] or task
        named = table["task"] == "ALL" if task.startswith("ALL") else table["task"].str.startswith(f"helion_{task}-")
        own = table[named & (table["strategy"] == row[1])].set_index("axis")
        for axis, cell in zip(("evaluations", "seconds"), row[3:], strict=True):
            said = own.loc[axis]
            assert row[2] == f"{said['hits']}/{said['runs']}"
            bounds = ("speedup", "speedup_low", "speedup_high")
            assert cell.replace(",", "") == times_cell(*(float(said[name]) for name in bounds), said["bound"])
            checked += 1
    assert checked == 2 * len(STRATEGIES) * 5
