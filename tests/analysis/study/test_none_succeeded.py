"""The sentence on a task without a success: how often it was tried, and why it failed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.runs import contract
from analysis.study.none_succeeded import none_succeeded


def run(path: Path, statuses: list[str], messages: list[str | None] | None) -> str:
    path.mkdir()
    columns: dict[str, list[str] | list[str | None]] = {contract.STATUS: statuses}
    if messages is not None:
        columns[contract.MESSAGE] = messages
    pq.write_table(pa.table(columns), path / contract.EVALUATIONS)
    return str(path)


def test_the_commonest_reason_is_counted_over_all_runs_whose_files_are_there(tmp_path: Path) -> None:
    wrong, long = "off by\n 3", "x" * 200
    paths = [
        run(tmp_path / "1", ["wrong_result", "compile_error"], [wrong, long]),
        run(tmp_path / "2", ["wrong_result", "run_timeout"], [wrong, None]),
        str(tmp_path / "gone"),
        run(tmp_path / "3", ["compile_error"] * 3, [long] * 3),
        run(tmp_path / "4", ["run_timeout"], None),
        run(tmp_path / "5", ["ok"], [""]),
    ]
    study: Any = SimpleNamespace(runs=pd.DataFrame({"task": ["a", "a", "a", "b", "c", "fine"], "path": paths}))
    best: Any = SimpleNamespace(t_star_ms=dict.fromkeys("abcd", float("inf")) | {"fine": 1.0})
    said = "no configuration of this task succeeded"
    assert none_succeeded(study, best) == {
        "a": f"{said} (in 4 evaluations; most often, 2 times: wrong_result: off by 3)",
        "b": f"{said} (in 3 evaluations; most often, 3 times: compile_error: {'x' * 160})",
        "c": f"{said} (in 1 evaluations; most often, 1 times: run_timeout)",
        "d": said,
    }
