"""Random search by its exact law as a gate's baseline: its ERT with noise, and candidates that never hit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.errors import AnalysisError
from analysis.gate.compare import compare
from analysis.gate.exact import ExactErts, exact_erts
from analysis.gate.judge import Plan, Source, Verdict, gate
from analysis.gate.side_times import Protocol, SideTimes, TaskTimes
from analysis.reference import TARGETS
from analysis.runs.library import Library
from analysis.statistics import random_search
from analysis.statistics.ert import LogEstimate

N, BUDGET = 30, 12
LIKELY = np.arange(N, 0.0, -1.0)
SAMPLES = [[1.0, 1.0, 1.3]] * 2 + [[1.2, 1.2, 1.2]] * 10 + [[3.0] * 3] * (N - 12)
"""A hit is read as 1.3 in 7 of 27 cases, and ten misses as 1.2."""


def table() -> pd.DataFrame:
    latency = np.array([1.0] * 2 + [1.2] * 10 + [3.0] * (N - 12))
    cost = np.linspace(0.1, 1.0, N)
    columns = {"status": ["ok"] * N, "latency_ms": latency, "oracle_ms": latency, "compile_s": cost, "verify_s": 0.0}
    return pd.DataFrame({**columns, "benchmark_s": 0.0, "samples_ms": SAMPLES, "draw_probability": LIKELY})


@pytest.fixture
def landscape(tmp_path: Path) -> Path:
    path = tmp_path / "toy-8-bf16__toy.parquet"
    pq.write_table(pa.Table.from_pandas(table(), preserve_index=False), path)
    return path


def simulated(searches: int) -> tuple[float, float]:
    """Simulate the ERT of drawing by parameter and reading medians of resamples, and its standard error."""
    rng = np.random.default_rng(5)
    cost, hits = np.zeros(searches), np.zeros(searches)
    for search in range(searches):
        best, cost[search] = np.inf, BUDGET
        for t, row in enumerate(rng.choice(N, BUDGET, replace=False, p=LIKELY / LIKELY.sum())):
            read = float(np.median(rng.choice(SAMPLES[row], 3)))
            if read < best:
                best = read
                if row < 2:
                    cost[search], hits[search] = t + 1, 1
                    break
    ert = cost.sum() / hits.sum()
    return float(ert), float(np.sqrt((cost - ert * hits).var() / searches) / hits.mean())


@pytest.mark.slow
def test_noise_is_read_as_in_the_candidates_runs(landscape: Path) -> None:
    protocol = Protocol(BUDGET, "recorded", {})
    found = exact_erts("exact_random_by_parameter", {"toy": landscape}, protocol, 0.05, Library())
    ert, error = simulated(20_000)
    log = found.erts["toy"]
    assert 0 < log.se <= 0.003 and found.error == log.se
    assert abs(log.value - ert) < 4 * np.hypot(error, log.value * log.se)
    quiet = exact_erts("exact_random_by_parameter", {"toy": landscape}, Protocol(BUDGET, "none", {}), 0.05, Library())
    assert quiet.error == 0 and quiet.erts["toy"].value < 0.95 * log.value
    uniform = exact_erts("exact_random", {"toy": landscape}, Protocol(BUDGET, "none", {}), 0.05, Library())
    assert uniform.erts["toy"].value == pytest.approx(random_search.ert(N, 2, BUDGET))


def test_where_the_law_is_not_known_the_task_and_the_reason_are_named(landscape: Path) -> None:
    pq.write_table(pa.Table.from_pandas(table().drop(columns="draw_probability")), landscape)
    with pytest.raises(AnalysisError, match="by_parameter: toy: the recorded table lacks the probability"):
        exact_erts("exact_random_by_parameter", {"toy": landscape}, Protocol(BUDGET, "none", {}), 0.05, Library())


def side(times: list[float]) -> SideTimes:
    task = TaskTimes(tuple(range(len(times))), dict.fromkeys(TARGETS, np.array(times)), np.full(len(times), 60.0), ())
    return SideTimes("mine", "runs of mine", {"a": task, "b": task}, streams=2)


def test_a_candidate_that_never_hits_is_compared_with_a_law_that_does() -> None:
    law = ExactErts(
        "exact_random", "exact random search", {"a": LogEstimate(np.log(5.0)), "b": LogEstimate(np.log(5.0))}
    )
    plan = Plan((60,), 0.05, 1.3, 0.04, 0.92)
    judgement = gate(plan, Source(lambda _: side([np.inf] * 60), grows=False), law)
    assert judgement.verdict is Verdict.REGRESSION
    assert not judgement.last.comparison.unsolved


def test_the_error_of_a_simulated_law_is_in_the_interval() -> None:
    times = [float(t) for t in np.random.default_rng(1).geometric(0.1, 40)]
    exact, simulated = (
        compare(
            side(times), ExactErts("exact_random", "law", {name: LogEstimate(1.0, se) for name in "ab"}), 0.05
        ).ratio
        for se in (0.0, 0.5)
    )
    assert exact.log == simulated.log
    assert simulated.se**2 - exact.se**2 == pytest.approx(0.5**2 / 2)
