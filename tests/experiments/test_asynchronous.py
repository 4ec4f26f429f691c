"""The study of asynchronous runs: its bound against a schedule computed by hand, and its page against its table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.runs.load import Study
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM
from experiments.asynchronous.bound import rescheduled

FOLDER = Path(__file__).parents[2] / "experiments" / "asynchronous"


def test_the_bound_is_the_same_evaluations_list_scheduled() -> None:
    evaluations = pd.DataFrame(
        {"run": 0, "index": range(4), "ok": True, "latency_ms": 1.0, "oracle_ms": [4.0, 3.0, 2.0, 1.0],
         "clock_end_s": [6.0, 10.0, 11.0, 14.0], "compile_s": [5.0, 1.0, 1.0, 2.0], "device_s": [1.0, 3.0, 0.0, 1.0]}
    )  # fmt: skip
    runs = pd.DataFrame({"batch": [1], "compile_workers": [1], "schedule": ["batch"]})
    moved = rescheduled(Study(runs, evaluations), 2)
    # the second worker: 0-1, 1-2, 2-4; the device: the second 1-4, the fourth 4-5, the first 5-6; the third has failed
    assert moved.evaluations["oracle_ms"].tolist() == [2.0, 3.0, 1.0, 4.0]
    assert moved.evaluations["clock_end_s"].tolist() == [2.0, 4.0, 5.0, 6.0]
    assert moved.evaluations["index"].tolist() == [0, 1, 2, 3]
    assert moved.runs[["batch", "compile_workers"]].to_numpy().tolist() == [[2, 2]]


def test_the_page_has_the_numbers_of_its_table() -> None:
    table = pd.read_csv(FOLDER / "table.csv")
    useful = table[table["stratum"] == "useful"].set_index(["task", "baseline", "strategy"])["speedup"]
    columns = [
        (kind, name)
        for kind in (EXACT_RANDOM, EXACT_BY_PARAMETER)
        for name in ("bound", "conditional_gp_async", "conditional_gp_batch")
    ]
    lines = [line for line in (FOLDER / "README.md").read_text().splitlines() if "__h" in line or "| ALL |" in line]
    assert len(lines) == 20
    for line in lines:
        task, *cells = [cell.strip() for cell in line.strip("| ").split("|")]
        assert len(cells) == len(columns)
        for cell, key in zip(cells, columns, strict=True):
            value = useful.get((task, *key), np.nan)
            assert (cell == "–") == bool(np.isnan(value))
            if cell != "–":
                assert float(cell) == pytest.approx(value, rel=0.051)
    whole = useful["ALL"]
    for kind in (EXACT_RANDOM, EXACT_BY_PARAMETER):
        own, bound, batch = (whole[kind, name] for name in ("conditional_gp_async", "bound", "conditional_gp_batch"))
        assert f"{own / bound:.0%}" == "73%" and f"{own / batch:.1f}" == "2.3"
