"""The gate reads only complete sides, and compares starts only if readings identify configurations."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.gate.side_times import Protocol, read_side_times
from tests.analysis.fabricate import evaluations, landscape, write_reference, write_run
from tests.test_account import REST, TABLE, fail, plan

PROTOCOL = Protocol(20, "none", {"k-1": "k-1"})


def side(results: Path, table: pd.DataFrame, seeds: int = 3) -> list[Path]:
    write_reference(results, "k-1", table)
    for seed in range(seeds):
        write_run(results, "k-1", "s", seed, evaluations(table, range(seed, seed + 20)), budget=20)
    return [results / "k-1" / "s"]


def test_a_failed_run_is_not_compared_without(tmp_path: Path) -> None:
    folders = side(tmp_path, TABLE)
    fail(tmp_path, "s", 3, REST[:4])
    with pytest.raises(AnalysisError, match=r"of 4 runs 1 failed \(the first: k-1, seed 3, RuntimeError: singular\)"):
        read_side_times(folders, "s", "r", PROTOCOL)
    assert read_side_times(folders, "s", "r", PROTOCOL, range(3)).runs == 3


def test_a_missing_run_is_not_compared_without(tmp_path: Path) -> None:
    folders = side(tmp_path, TABLE)
    plan(tmp_path, s=5, other=2)
    with pytest.raises(AnalysisError, match=r"of 5 runs 2 missing \(the first: k-1, seed 3\)"):
        read_side_times(folders, "s", "r", PROTOCOL)


def test_failures_of_equal_cost_say_nothing_of_a_start(tmp_path: Path) -> None:
    table = landscape(60, failures=0.0)
    table.loc[:5, ["status", "latency_ms", "oracle_ms"]] = ["runtime_error", float("nan"), float("nan")]
    table[["compile_s", "verify_s", "benchmark_s"]] = 0.0
    starts = read_side_times(side(tmp_path / "a", table), "s", "a", PROTOCOL).tasks["k-1"].starts
    assert starts == ("", "", "")
    known = read_side_times(side(tmp_path / "b", TABLE), "s", "b", PROTOCOL).tasks["k-1"].starts
    assert "" not in known and len(set(known)) == 3
