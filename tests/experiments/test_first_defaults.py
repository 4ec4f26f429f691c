"""conditional_gp_1 repeats the runs of conditional_gp in the study of the claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.runs import consolidated, contract
from analysis.runs.run_directory import read_run
from experiments.collect import slim, steps_alone
from harness.cli import main

STUDY = Path(__file__).parents[2] / "experiments" / "claim_5_10x" / "results"
TASK, LABEL, SEED = "softmax-16384x2560-bf16", "conditional_gp", 100


@pytest.mark.slow
def test_the_first_defaults_repeat_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "run", "experiment=claim_5_10x", f"task={TASK}", f"strategy={LABEL}_1", f"strategy.label={LABEL}",
        f"seed={SEED}", "results=again", "keep_diff=false",
    ]  # fmt: skip
    assert main(words) == 0
    name = f"{TASK}__h100/{LABEL}/seed-{SEED}"
    known, _ = consolidated.read((STUDY / contract.CONSOLIDATED).resolve())
    before, now = known[name][1], steps_alone(slim(read_run(tmp_path / "again" / name)))
    assert len(set(before.columns[contract.ORACLE_MS])) > 3
    for column in (contract.LATENCY_MS, contract.ORACLE_MS):
        assert np.array_equal(before.columns[column], now.columns[column], equal_nan=True)
