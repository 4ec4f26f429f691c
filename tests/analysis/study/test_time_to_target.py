"""Time to target on hand-made traces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.runs.load import load_study
from analysis.study.incumbents import incumbent_steps, optima
from analysis.study.time_to_target import times_to_target
from tests.analysis.fabricate import write_reference, write_run


def trace(latency: list[float | None], oracle: list[float | None] | None = None, **columns: object) -> pd.DataFrame:
    """A run of these observed latencies, 1 s each."""
    frame = pd.DataFrame({"latency_ms": pd.array(latency, dtype="float64")})
    frame["oracle_ms"] = frame["latency_ms"] if oracle is None else pd.array(oracle, dtype="float64")
    frame["status"] = np.where(frame["latency_ms"].isna(), "compile_error", "ok")
    frame["index"] = range(len(frame))
    frame["clock_end_s"] = np.arange(1.0, len(frame) + 1)
    frame["repaired"] = False
    return frame.assign(**columns)


def reference(results: Path, task: str, oracle: list[float]) -> None:
    table = pd.DataFrame({"status": "ok", "latency_ms": oracle, "oracle_ms": oracle})
    write_reference(results, task, table.assign(compile_s=1.0, verify_s=0.0, benchmark_s=0.0))


def times(results: Path, target: float = 0.05) -> pd.DataFrame:
    study = load_study([results])
    found = times_to_target(study, optima(study), (target,))
    return found.set_index(["strategy", "seed", "axis"])


def test_a_lucky_reading_is_no_hit(tmp_path: Path) -> None:
    reference(tmp_path, "k-1", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    # reads as 0.9 but is 2.0; the true optimum reads as 1.1 and never becomes the incumbent
    frame = trace([None, 3.0, 0.9, 1.1, 5.0], [None, 3.0, 2.0, 1.0, 5.0])
    write_run(tmp_path, "k-1", "a", 0, frame)
    # it comes first: a hit for a while, and T is when that began
    write_run(tmp_path, "k-1", "a", 1, trace([None, 1.1, 0.9, 3.0, 5.0], [None, 1.0, 2.0, 3.0, 5.0]))
    found = times(tmp_path)
    assert not found.loc[("a", 0, "evaluations"), "hit"]
    assert found.loc[("a", 0, "evaluations"), "cost"] == 5
    assert found.loc[("a", 1, "evaluations"), "time"] == 2
    assert found.loc[("a", 1, "seconds"), "time"] == 2.0


def test_ties_go_to_the_first(tmp_path: Path) -> None:
    reference(tmp_path, "k-1", [1.0, 2.0, 3.0])
    write_run(tmp_path, "k-1", "a", 0, trace([2.0, 2.0, 3.0], [2.0, 1.0, 3.0]))
    assert not times(tmp_path)["hit"].any()


def test_targets_include_their_limit(tmp_path: Path) -> None:
    reference(tmp_path, "k-1", [0.7, 0.7 * 1.05, 0.7 * 1.0501])
    write_run(tmp_path, "k-1", "a", 0, trace([0.7 * 1.0501, 0.7 * 1.05, 0.7]))
    assert times(tmp_path).loc[("a", 0, "evaluations"), "time"] == 2


def test_batches_are_ordered_by_clock_on_the_seconds_axis(tmp_path: Path) -> None:
    reference(tmp_path, "k-1", [1.0, 2.0, 3.0, 4.0])
    # the hit is asked first but ends last; in evaluations it is the first
    frame = trace([1.0, 2.0, 3.0], clock_end_s=[9.0, 2.0, 3.0])
    write_run(tmp_path, "k-1", "a", 0, frame, batch=3)
    found = times(tmp_path)
    assert found.loc[("a", 0, "evaluations"), "time"] == 1
    assert found.loc[("a", 0, "seconds"), "time"] == 9.0


def test_what_runs_without_a_hit_are_charged(tmp_path: Path) -> None:
    reference(tmp_path, "k-1", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    write_run(tmp_path, "k-1", "full", 0, trace([2.0, 3.0, 4.0, 5.0]), budget=4)
    write_run(tmp_path, "k-1", "early", 0, trace([2.0, 3.0]), budget=4, ended="exhausted")
    write_run(tmp_path, "k-1", "clock", 0, trace([2.0, 3.0, 1.0]), seconds=2.5)
    write_run(tmp_path, "k-1", "wide", 0, trace([2.0, 1.0]), budget=500, ended="exhausted")
    found = times(tmp_path)
    assert found.loc[("full", 0, "evaluations"), "cost"] == 4
    assert found.loc[("early", 0, "evaluations"), "cost"] == 2
    assert found.loc[("early", 0, "seconds"), "cost"] == 2.0
    # the hit ended at 3 s, after the 2.5 s of the budget: a miss that cost all of it
    assert not found.loc[("clock", 0, "seconds"), "hit"]
    assert found.loc[("clock", 0, "seconds"), ["cost", "budget"]].tolist() == [2.5, 2.5]
    assert found.loc[("wide", 0, "evaluations"), "budget"] == 7  # no more than N


def test_a_run_below_the_optimum_moves_it_for_all(tmp_path: Path) -> None:
    reference(tmp_path, "k-1", [1.0, 2.0, 3.0])
    write_run(tmp_path, "k-1", "a", 0, trace([1.0, 2.0, 3.0]))
    write_run(tmp_path, "k-1", "a", 1, trace([3.0, 0.5, 1.0]))
    study = load_study([tmp_path])
    best = optima(study)
    assert best.t_star_ms == {"k-1": 0.5}
    assert best.beaten == {"k-1": [1]}
    assert times(tmp_path).loc[("a", 0, "evaluations"), "hit"].item() is False


def test_without_an_oracle_the_observed_latency_counts(tmp_path: Path) -> None:
    write_run(tmp_path, "k-1", "a", 0, trace([3.0, 2.0, 1.0], [None, None, None]))
    write_run(tmp_path, "k-1", "a", 1, trace([3.0, 2.0, 2.5], [None, None, None]))
    study = load_study([tmp_path])
    assert optima(study).t_star_ms == {"k-1": 1.0}
    assert optima(study).beaten == {}
    found = times(tmp_path)
    assert found.loc[("a", 0, "evaluations"), "time"] == 3
    assert np.isnan(found.loc[("a", 1, "evaluations"), "time"])


def test_steps_agree_with_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    n, runs = 40, 25
    frame = pd.DataFrame({"run": np.repeat(np.arange(runs), n), "index": np.tile(np.arange(n), runs)})
    frame["latency_ms"] = np.where(rng.random(len(frame)) < 0.3, np.nan, rng.integers(1, 30, len(frame)))
    frame["ok"] = frame["latency_ms"].notna()
    frame["oracle_ms"] = frame["latency_ms"] + 0.5
    frame["clock_end_s"] = rng.random(len(frame))
    for by_clock in (False, True):
        expected = []
        for run, group in frame.groupby("run"):
            best = np.inf
            for row in group.sort_values("clock_end_s" if by_clock else "index").itertuples():
                if row.ok and row.latency_ms < best:
                    best = row.latency_ms
                    expected.append((run, frame.loc[row.Index, "index"] + 1, best + 0.5))
        steps = incumbent_steps(frame, by_clock)
        assert list(zip(steps["run"], steps["evaluation"], steps["true_ms"], strict=True)) == expected


def test_a_run_that_only_fails_is_a_miss(tmp_path: Path) -> None:
    reference(tmp_path, "k-1", [1.0, 2.0])
    write_run(tmp_path, "k-1", "a", 0, trace([None, None], [None, None]))
    found = times(tmp_path)
    assert not found["hit"].any()
    assert found["cost"].tolist() == [2.0, 2.0]


def test_only_a_run_that_finds_less_than_the_known_optimum_has_beaten_it(tmp_path: Path) -> None:
    reference(tmp_path, "k-1", [1.0, 2.0, 3.0])
    for seed, best in enumerate((2.0, 1.0, 0.9, 0.8)):
        write_run(tmp_path, "k-1", "a", seed, trace([3.0, best]))
    write_run(tmp_path, "k-1", "a", 4, trace([3.0, 0.5]), ended="failed")
    write_run(tmp_path, "l-1", "a", 0, trace([3.0, 0.5]))  # nothing was known
    study = load_study([tmp_path])
    found = optima(study)
    assert found.t_star_ms == {"k-1": 0.5, "l-1": 0.5}
    of = study.runs.loc[found.beaten["k-1"]]
    assert sorted(of["seed"]) == [2, 3, 4] and set(found.beaten) == {"k-1"}
