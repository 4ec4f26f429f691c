"""Run directories as the harness writes them, made from a synthetic landscape: for tests of the analysis alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

Order = Callable[[np.random.Generator, pd.DataFrame], np.ndarray]
"""Which rows of the table a run evaluates, in order."""


def landscape(n: int, seed: int = 0, spread: float = 1.2, failures: float = 0.1) -> pd.DataFrame:
    """A reference table: lognormal latencies above 0.03 ms, some failures, costs. [n rows]"""
    rng = np.random.default_rng(seed)
    latency = 0.03 * (1.0 + rng.lognormal(0.5, spread, n))
    failed = rng.random(n) < failures
    failed[np.argmin(latency)] = False
    latency[failed] = np.nan
    return pd.DataFrame(
        {
            "key": [f"c{i}" for i in range(n)],
            "status": np.where(failed, "out_of_resources", "ok"),
            "latency_ms": latency * rng.normal(1.0, 0.002, n),
            "oracle_ms": latency,
            "compile_s": rng.lognormal(-1.0, 0.8, n),
            "verify_s": np.full(n, 0.01),
            "benchmark_s": np.where(failed, 0.0, 0.055),
            "origin": "uniform",
        }
    )


def random_order(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
    """Exact random search: uniform without replacement."""
    return rng.permutation(len(table))


def guided_order(strength: float) -> Order:
    """A search that prefers fast rows: rows in order of log latency plus noise, the more so the more strength."""

    def order(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
        log = np.log(table["oracle_ms"].fillna(table["oracle_ms"].max()).to_numpy())
        return np.argsort(strength * log - rng.gumbel(size=len(table)))

    return order


def evaluations(table: pd.DataFrame, order: Sequence[int] | np.ndarray) -> pd.DataFrame:
    """evaluations.parquet of a run that tries these rows, on one worker in batches of one."""
    rows = table.iloc[np.asarray(order)].reset_index(drop=True)
    end = rows[["compile_s", "verify_s", "benchmark_s"]].sum(axis=1).cumsum()
    return pd.DataFrame(
        {
            "index": np.arange(len(rows)),
            "status": rows["status"],
            "latency_ms": rows["latency_ms"],
            "oracle_ms": rows["oracle_ms"],
            "samples_ms": [[] if np.isnan(x) else [x] for x in rows["latency_ms"]],
            **{name: rows[name] for name in ("compile_s", "verify_s", "benchmark_s")},
            "ask_s": 0.0,
            "tell_s": 0.0,
            "clock_start_s": end.shift(fill_value=0.0),
            "clock_end_s": end,
            "message": "",
            "repaired": False,
            "config.block": rows["key"],
        }
    )


def write_run(
    results: Path,
    task: str,
    strategy: str,
    seed: int,
    frame: pd.DataFrame,
    *,
    budget: int | None = None,
    seconds: float | None = None,
    ended: str = "budget",
    done: bool = True,
    **extra: object,
) -> Path:
    """One run directory; ``extra`` goes into config.yaml."""
    directory = results / task / strategy / f"seed-{seed}"
    directory.mkdir(parents=True)
    config = {
        "task": task,
        "strategy": {"label": strategy, "_target_": f"harness.strategies.{strategy}.Strategy"},
        "seed": seed,
        "budget": {"evaluations": budget if budget or seconds else len(frame), "seconds": seconds},
        "batch": 1,
        "config_hash": f"{task}/{strategy}/{budget}",
        "backend": {"kind": "replay", "noise": "none", "compile_workers": 1, "landscape_sha256": task},
        "reference": {"source": "landscape", "n": 0, "t_star_ms": None, "coverage": "exhaustive"},
    } | extra
    (directory / "config.yaml").write_text(yaml.safe_dump(config))
    (directory / "environment.json").write_text(json.dumps({"python": "3.11", "packages": {"torch": "2.13.0"}}))
    (directory / "evaluations.jsonl").write_text("")
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), directory / "evaluations.parquet")
    if done:
        document = {"status": "complete", "evaluations": len(frame), "ended": ended, "config_hash": "x"}
        (directory / "DONE").write_text(json.dumps(document))
    return directory


def write_reference(results: Path, task: str, table: pd.DataFrame) -> None:
    """RESULTS/<task>/reference.parquet"""
    (results / task).mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), results / task / "reference.parquet")


def write_study(
    results: Path,
    tables: dict[str, pd.DataFrame],
    strategies: dict[str, Order],
    seeds: int,
    budget: int,
    *,
    with_reference: bool = True,
) -> Path:
    """tasks x strategies x seeds; every run has its own random numbers."""
    for t, (task, table) in enumerate(tables.items()):
        if with_reference:
            write_reference(results, task, table)
        for s, (label, order) in enumerate(strategies.items()):
            for seed in range(seeds):
                rng = np.random.default_rng([t, s, seed])
                rows = order(rng, table)[:budget]
                write_run(results, task, label, seed, evaluations(table, rows), budget=budget)
    return results
