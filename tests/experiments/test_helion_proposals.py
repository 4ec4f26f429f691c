"""Proposals of a search that cannot be run here are replayed from its log."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments.helion_2.proposals import main, proposals
from harness.cli.entry import main as nearopt
from harness.landscapes.landscape import read_landscape
from harness.landscapes.table import table_codes
from search_spaces.helion import helion_config

LANDSCAPE = (
    Path(__file__).parents[2] / "experiments/helion_2/listed/helion_softmax_listed-16384x2560-bf16__h100.parquet"
)
FIELDS = ("run_id", "timestamp_s", "config_id", "generation", "status", "perf_ms", "compile_time_s", "config")


def write_log(path: Path, configs: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        for i, config in enumerate(configs):
            spelt = ", ".join(f"{name}={value!r}" for name, value in sorted(config.items()))
            writer.writerow(["r", f"{i:.2f}", i, 0, "started", "", "", f"Config({spelt})"])
            writer.writerow(["r", f"{i:.2f}", i, 0, "ok", "0.1", "0.5", f"Config({spelt})"])


def test_the_proposals_of_a_log_are_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    landscape = read_landscape(LANDSCAPE)
    space = landscape.space
    rows = np.random.default_rng(0).choice(len(landscape.codes), 6, replace=False)
    configurations = [space.decode(landscape.codes[row]) for row in rows]
    configs = [helion_config(each) for each in configurations]
    beyond = {**configs[0], "num_warps": 64}
    write_log(tmp_path / "helion.csv", [*configs[:3], beyond, *configs[1:]])
    file = tmp_path / "proposals.json"
    assert main([str(tmp_path / "helion.csv"), str(LANDSCAPE), "-o", str(file)]) == 0
    assert "6 of 9 proposals (1 outside the space" in capsys.readouterr().out
    assert json.loads(file.read_text()) == [dict(each) for each in configurations]

    words = [f"backend.landscape={LANDSCAPE}", f"results={tmp_path / 'results'}", "strategy=random", f"start={file}"]
    assert nearopt(["run", *words, "strategy.label=proposals", "budget.evaluations=6"]) == 0
    (path,) = (tmp_path / "results").glob("*/proposals/seed-0/evaluations.parquet")
    table = pq.read_table(path)
    assert [space.decode(row) for row in table_codes(path, table, space)] == configurations


def test_what_the_space_does_not_have_is_counted() -> None:
    space = read_landscape(LANDSCAPE).space
    config = helion_config(space.decode(read_landscape(LANDSCAPE).codes[0]))
    assert proposals([{**config, "num_warps": 64}], space) == ([], 1)
    assert len(proposals([config, config], space)[0]) == 1


def test_a_log_without_proposals_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.csv").write_text(",".join(FIELDS) + "\n")
    assert main([str(tmp_path / "empty.csv"), str(LANDSCAPE), "-o", str(tmp_path / "out.json")]) == 2
    assert "expected a log of Helion's" in capsys.readouterr().err and not (tmp_path / "out.json").exists()
