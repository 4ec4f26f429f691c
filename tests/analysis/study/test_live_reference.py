"""Live runs are judged by the recording of their task on their device."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.report.build import build_report
from analysis.runs.library import Library
from analysis.runs.load import load_study
from analysis.study.incumbents import optima
from analysis.study.speedup import speedups
from tests.analysis.fabricate import evaluations, landscape, write_run

pytestmark = pytest.mark.usefixtures("undrawn")

TASK = "k-1__h100"
LIVE = {"kind": "live", "compile_workers": 1, "charge_ask": True}


def recording(folder: Path, table: pd.DataFrame, coverage: str = "exhaustive") -> Path:
    metadata = {"coverage": {"kind": coverage}, "vendor": {"latency_ms": 1.0}, "task": "k-1"}
    samples = [[] if np.isnan(x) else [x, x] for x in table["latency_ms"]]
    file = pa.Table.from_pandas(table.drop(columns="key").assign(samples_ms=samples), preserve_index=False)
    path = folder / f"{TASK}.parquet"
    pq.write_table(file.replace_schema_metadata({"nearopt": json.dumps(metadata)}), path)
    return path


def live_runs(folder: Path, table: pd.DataFrame, factor: float) -> Path:
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(table))[:60]
        frame = evaluations(table, order).assign(oracle_ms=lambda f: f["latency_ms"] * factor)
        frame["latency_ms"] = frame["oracle_ms"]
        write_run(folder, TASK, "s", seed, frame, budget=60, backend=LIVE, reference={"source": "none"})
    return folder


def test_the_recording_gives_optimum_baseline_and_facts(tmp_path: Path) -> None:
    table = landscape(100)
    runs = live_runs(tmp_path / "runs", table, 1.5)
    study = load_study([runs], Library({TASK: recording(tmp_path, table), "other__h100": tmp_path / "none"}))
    best = optima(study)
    assert best.t_star_ms[TASK] == table["oracle_ms"].min() and not best.beaten
    assert study.facts[TASK]["vendor"] == {"latency_ms": 1.0}
    rows = speedups(study, best)
    assert set(rows["baseline"]) == {"exact_random"}
    assert (rows.loc[rows["task"] == TASK, "hits"] == 0).all()  # 1.5 times as slow as recorded: none is near


def test_runs_that_beat_the_recording_are_flagged_and_lower_the_optimum(tmp_path: Path) -> None:
    table = landscape(100)
    runs = live_runs(tmp_path / "runs", table, 0.5)
    library = Library({TASK: recording(tmp_path, table)})
    best = optima(load_study([runs], library))
    assert best.t_star_ms[TASK] < table["oracle_ms"].min()
    assert best.beaten[TASK]
    page = build_report([runs], tmp_path / "out", library).index.read_text()
    assert "beat the recorded optimum" in page


@pytest.mark.parametrize("coverage", ["sample", "exhaustive"])
def test_a_sampled_recording_makes_its_live_task_sampled(tmp_path: Path, coverage: str) -> None:
    table = landscape(100)
    library = Library({TASK: recording(tmp_path, table, coverage)})
    study = load_study([live_runs(tmp_path / "r", table, 1.0)], library)
    assert set(study.runs["coverage"]) == {coverage}
    assert load_study([tmp_path / "r"]).references == {}
