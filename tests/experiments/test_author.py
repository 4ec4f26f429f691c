"""The author's journey: figures of a column's width from a committed study, and the notebooks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from experiments.notebooks.execute import NOTEBOOKS, executed, outputs
from harness.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
POINTS_AN_INCH = 72


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_executed_and_small(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert {output["output_type"] for cell in cells for output in cell["outputs"]} == {"stream"}
    assert path.stat().st_size < 20_000


def test_the_notebooks_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["compare_tuners", "make_figure_1"]


def test_cells_share_names_and_keep_what_they_print() -> None:
    cells = [{"cell_type": "code", "source": [line]} for line in ("x = 2", "print(x + 1)")]
    done = executed({"cells": [*cells, {"cell_type": "markdown", "source": ["words"]}]})
    assert outputs(done) == ["", "3\n"]
    with pytest.raises(UserError, match="broken"):
        executed({"cells": [{"cell_type": "code", "source": ["from harness.errors import UserError\n",
                                                             "raise UserError('broken')"]}]})  # fmt: skip


@pytest.mark.slow  # as the commands of all pages
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_it_printed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    before, after = (re.sub(r"[\d.]+", "#", "".join(outputs(each))) for each in (notebook, executed(notebook)))
    assert re.sub(r" +", " ", after) == re.sub(r" +", " ", before)


@pytest.mark.slow
def test_the_journey_ends_in_figures_of_a_columns_width(tmp_path: Path) -> None:
    environment = {**os.environ, "NEAROPT": f"{sys.executable} -m harness.cli", "PYTHONPATH": str(ROOT)}
    command = ["sh", str(ROOT / "experiments/author/journey.sh"), str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=550, capture_output=True)
    names = ["best-so-far-tasks-evaluations", "data-profile", "speedup-compact-evaluations"]
    assert sorted(path.stem for path in (tmp_path / "figures").glob("*.pdf")) == names
    for name in names:
        pdf = (tmp_path / "figures" / f"{name}.pdf").read_bytes()
        width = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", pdf)
        assert width is not None and float(width.group(1)) == pytest.approx(3.3 * POINTS_AN_INCH, abs=0.1)
    curves = pd.read_csv(tmp_path / "figures" / f"{names[0]}.csv")
    assert curves["task"].nunique() == 6 and "ours" in set(curves["strategy"])
    forest = pd.read_csv(tmp_path / "figures" / f"{names[2]}.csv")
    assert {"ALL", "kernel:softmax"} <= set(forest["task"]) and "conditional_gp" not in set(forest["strategy"])
