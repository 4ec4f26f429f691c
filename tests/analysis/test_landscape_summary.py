"""One line per landscape."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.landscape_summary import format_landscapes, roofline_fraction, summarise

TABLE = pd.DataFrame(
    {
        "status": ["ok"] * 5 + ["compile_error", "compile_error", "out_of_resources"],
        "latency_ms": [2.0, 2.01, 2.09, 2.15, 4.0, None, None, None],
        "oracle_ms": [2.0, 2.01, 2.09, 2.15, 4.0, None, None, None],
        "origin": "uniform",
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


def test_tables() -> None:
    summaries = [summarise(TABLE, {}, name) for name in ("a-1__gpu", "b-22__gpu")]
    text = format_landscapes(summaries)
    assert len({line.index("8 ") for line in text.splitlines()[1:]}) == 1
    assert "2 compile_error, 1 out_of_resources" in text
    assert format_landscapes(summaries, markdown=True).splitlines()[1].startswith("| ---")
    assert [s.difficulties[1].expected_evaluations for s in summaries] == [9 / 4] * 2


def test_unknowns_and_nothing() -> None:
    assert np.isnan(roofline_fraction(1.0, None))
    assert np.isnan(roofline_fraction(1.0, {"flops": 1}))
    with pytest.raises(AnalysisError, match="k-1"):
        summarise(TABLE[TABLE["status"] != "ok"], {}, "k-1")
