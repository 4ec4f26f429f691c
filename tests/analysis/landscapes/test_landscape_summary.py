"""One line per landscape."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.landscapes.summary import roofline_fraction, summarise, summarise_all
from analysis.landscapes.table import markdown_tables, strata_cell, terminal_table
from analysis.reference import Difficulty

TABLE = pd.DataFrame(
    {
        "status": ["ok"] * 5 + ["compile_error", "compile_error", "out_of_resources"],
        "latency_ms": [2.0, 2.01, 2.09, 2.15, 4.0, None, None, None],
        "oracle_ms": [2.0, 2.01, 2.09, 2.15, 4.0, None, None, None],
        "origin": "uniform",
        "draw_probability": 1.0,
    }
)
ROOFLINE = {"flops": 1e9, "bytes": 1e6, "peak_flops": 1e12, "peak_bytes_per_s": 2e9}


def test_summary() -> None:
    metadata = {
        "vendor": {"name": "torch", "latency_ms": 3.0},
        "roofline": ROOFLINE,
        "coverage": {"kind": "exhaustive"},
    }
    s = summarise(TABLE, metadata, "k-1__gpu")
    assert (s.n, s.t_star_ms, s.stratum) == (8, 2.0, "trivial")
    assert s.failures == {"compile_error": 2, "out_of_resources": 1}
    assert [d.k for d in s.difficulties] == [2, 3, 4]
    assert [d.expected_evaluations for d in s.difficulties] == [9 / 3, 9 / 4, 9 / 5]
    assert s.vendor == 1.5
    assert s.roofline == pytest.approx(0.5)  # 1 ms of arithmetic, 0.5 ms of memory, 2 ms measured
    assert s.median_slowdown == pytest.approx(2.09 / 2.0)


def test_search_rows_of_a_sample_set_the_optimum_alone() -> None:
    table = TABLE.assign(origin=["search", *["uniform"] * 7])
    s = summarise(table, {"coverage": {"kind": "sample"}}, "k")
    assert (s.n, s.t_star_ms, [d.k for d in s.difficulties]) == (7, 2.0, [1, 2, 3])
    whole = summarise(table, {"coverage": {"kind": "exhaustive"}}, "k")
    assert whole.n == 8


RECORDED = {
    "device": {"name": "NVIDIA H100 80GB HBM3", "slug": "h100"},
    "driver": "580.1",
    "versions": {"torch": "2.11.0", "triton": "3.6.0", "numpy": "2.5"},
    "recorded_at": "2026-11-22T23:04:41+00:00",
    "command": "nearopt record task=a-1 'x=1|2'\n--limit 8",
}


def cells_of(markdown: str) -> list[list[list[str]]]:
    """Parse the tables into lines and cells, and unescape pipes."""
    tables = [part.splitlines() for part in markdown.split("\n\n")]
    return [[[x.strip().replace("\\|", "|") for x in re.split(r"(?<!\\)\|", line)[1:-1]] for line in t] for t in tables]


def test_the_terminal_has_one_aligned_table() -> None:
    summaries = [summarise(TABLE, {}, name) for name in ("a-1__gpu", "b-22__gpu")]
    lines = terminal_table(summaries, {"bad.parquet": "truncated"}).splitlines()
    assert len({line.index("8 ") for line in lines[1:3]}) == 1
    assert lines[1].split()[:4] == ["a-1__gpu", "8", "3", "2"]
    assert "2.25 (3)" in lines[1]  # (8 + 1) / (3 + 1)
    assert lines[3] == "bad.parquet: truncated"


def test_markdown_says_what_it_is_and_how_it_was_recorded() -> None:
    summaries = [summarise(TABLE, RECORDED, "a-1__h100"), summarise(TABLE, {}, "b"), summarise(TABLE, RECORDED, "c")]
    *tables, commands = markdown_tables(summaries, {}).split("\n\n")
    what, how = cells_of("\n\n".join(tables))
    assert what[0][1:7] == ["N", "failed", "t* (ms)", "E1 (K)", "E5 (K)", "E10 (K)"]
    assert what[2][1:7] == ["8", "2 compile_error, 1 out_of_resources", "2", "3 (2)", "2.25 (3)", "1.8 (4)"]
    assert how[2] == ["a-1__h100", "NVIDIA H100 80GB HBM3", "580.1", "2.11.0", "3.6.0", "2026-11-22", "1"]
    assert how[3] == ["b", *["–"] * 6]
    assert how[4][-1] == "1"
    assert commands == "1. `nearopt record task=a-1 'x=1|2' --limit 8`"
    for table in (what, how):
        assert len({len(line) for line in table}) == 1
        assert set(table[1]) == {"---"}


def test_what_has_no_summary_is_listed_with_its_reason() -> None:
    failed = TABLE[TABLE["status"] != "ok"]
    summaries, faults = summarise_all([("a", failed, {}), ("b", TABLE, {}), ("c", TABLE, {})])
    assert [s.task for s in summaries] == ["b", "c"]
    assert list(faults) == ["a"]
    assert faults["a"].startswith("no configuration has status=ok")
    assert cells_of(markdown_tables(summaries, faults))[2][2] == ["a", faults["a"]]


def test_unknowns_and_nothing() -> None:
    assert np.isnan(roofline_fraction(1.0, None))
    assert np.isnan(roofline_fraction(1.0, {"flops": 1}))
    with pytest.raises(AnalysisError, match="k-1"):
        summarise(TABLE[TABLE["status"] != "ok"], {}, "k-1")


def test_a_stratum_by_parameter_is_told_where_it_is_another() -> None:
    """The numbers of softmax-4096x2560 on the H100, where random search by parameter needs 14 evaluations."""
    hard = Difficulty(0.05, 1846, 8, 1.0, 1.0, by_parameter=14.11)
    cells = ((14.11, "useful/trivial"), (400.0, "useful"), (None, "useful"), (2000.0, "useful/needle"))
    for by_parameter, cell in cells:
        assert strata_cell("useful", [hard, replace(hard, by_parameter=by_parameter), hard]) == cell
