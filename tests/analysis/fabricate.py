"""Run directories as the harness writes them, made from a synthetic landscape: for tests of the analysis alone.

Names are the analysis side's, column types the committed schema's (tests/run_directory.py); a test holds what comes out
to the schema.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from analysis.reference import COSTS
from analysis.runs import contract
from tests.run_directory import columns

ENVIRONMENT: dict[str, Any] = {
    "git": {"commit": None, "dirty": False, "diff_sha256": None},
    "packages": {"torch": "2.13.0"},
    "python": "3.11",
    "platform": "Linux",
    "host": "here",
    "cpus": 2,
    "threads": "1",
    "argv": ["nearopt"],
    "backend": {},
}
"""environment.json of every run."""
YAML_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
PARAMETER = "config.block"
"""The one column of a parameter."""

Order = Callable[[np.random.Generator, pd.DataFrame], np.ndarray]
"""Which rows of the table a run evaluates, in order."""


def landscape(n: int, seed: int = 0, spread: float = 1.2, failures: float = 0.1) -> pd.DataFrame:
    """Return a reference table: lognormal latencies above 0.03 ms, some failures, costs. [n rows]"""
    rng = np.random.default_rng(seed)
    latency = 0.03 * (1.0 + rng.lognormal(0.5, spread, n))
    failed = rng.random(n) < failures
    failed[np.argmin(latency)] = False
    latency[failed] = np.nan
    return pd.DataFrame(
        {
            contract.KEY: [f"c{i}" for i in range(n)],
            contract.STATUS: np.where(failed, "out_of_resources", contract.OK_STATUS),
            contract.LATENCY_MS: latency * rng.normal(1.0, 0.002, n),
            contract.ORACLE_MS: latency,
            contract.COMPILE_S: rng.lognormal(-1.0, 0.8, n),
            contract.VERIFY_S: np.full(n, 0.01),
            contract.BENCHMARK_S: np.where(failed, 0.0, 0.055),
            contract.ORIGIN: "uniform",
        }
    )


def random_order(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
    """The order of exact random search: uniform without replacement."""
    return rng.permutation(len(table))


def guided_order(strength: float) -> Order:
    """The order of a search that prefers fast rows: by log latency plus noise, divided by the strength."""

    def order(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
        oracle = table[contract.ORACLE_MS]
        log = np.log(oracle.fillna(oracle.max()).to_numpy())
        return np.argsort(strength * log - rng.gumbel(size=len(table)))

    return order


def evaluations(table: pd.DataFrame, order: Sequence[int] | np.ndarray) -> pd.DataFrame:
    """Return the evaluations.parquet of a run that tries these rows on one worker in batches of one."""
    chosen = np.asarray(order)
    copied = (contract.STATUS, contract.LATENCY_MS, contract.ORACLE_MS, *COSTS, contract.KEY)
    rows = {name: table[name].array[chosen] for name in copied}  # arrays, because many small frames are dear
    end = np.cumsum(np.nansum([np.asarray(rows[name], dtype=np.float64) for name in COSTS], axis=0))
    latency = rows[contract.LATENCY_MS]
    return pd.DataFrame(
        {
            contract.INDEX: np.arange(len(chosen)),
            contract.STATUS: rows[contract.STATUS],
            contract.LATENCY_MS: latency,
            contract.ORACLE_MS: rows[contract.ORACLE_MS],
            contract.SAMPLES_MS: [[] if np.isnan(x) else [x] for x in latency],
            **{name: rows[name] for name in COSTS},
            contract.ASK_S: 0.0,
            contract.TELL_S: 0.0,
            "clock_start_s": np.concatenate([[0.0], end[:-1]])[: len(chosen)],
            contract.CLOCK_END_S: end,
            "message": "",
            contract.REPAIRED: False,
            PARAMETER: rows[contract.KEY],
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
    """Write one run directory; ``extra`` is added to config.yaml."""
    directory = results / task / strategy / f"{contract.SEED_PREFIX}{seed}"
    directory.mkdir(parents=True)
    config: contract.ConfigDocument = {
        "format_version": contract.FORMAT_VERSION,
        "task": task,
        "strategy": {"label": strategy, "_target_": f"harness.strategies.{strategy}.Strategy"},
        "seed": seed,
        "streams": 2,
        "budget": {"evaluations": budget if budget or seconds else len(frame), "seconds": seconds},
        "batch": 1,
        "config_hash": _hash(f"{task}/{strategy}/{budget}"),
        "backend": {"kind": "replay", "noise": "none", "compile_workers": 1, "landscape_sha256": task},
        "reference": {"source": "landscape", "n": 0, "t_star_ms": None, "coverage": "exhaustive"},
    }
    config |= extra  # type: ignore[typeddict-item]
    (directory / contract.CONFIG).write_text(yaml.dump(config, Dumper=YAML_DUMPER, sort_keys=False))
    (directory / contract.ENVIRONMENT).write_text(json.dumps(ENVIRONMENT))
    _write_table(frame, directory / contract.EVALUATIONS)
    if done:
        document = {"status": "complete", "evaluations": len(frame), "ended": ended}
        document["config_hash"] = config["config_hash"]
        (directory / contract.DONE).write_text(json.dumps(document))
    return directory


def write_reference(results: Path, task: str, table: pd.DataFrame) -> None:
    """Write RESULTS/<task>/reference.parquet."""
    (results / task).mkdir(parents=True, exist_ok=True)
    _write_table(table, results / task / contract.REFERENCE)


def _write_table(frame: pd.DataFrame, file: Path) -> None:
    """Write a table with the schema's types, except for columns whose values do not fit (deliberate damage)."""
    types = {PARAMETER: pa.string(), **_types(file.name)}
    table = {str(name): pa.array(values.array, from_pandas=True) for name, values in frame.items()}
    for name in table.keys() & types.keys():
        with suppress(pa.ArrowException):
            table[name] = table[name].cast(types[name])
    pq.write_table(pa.table(table), file, compression="none", use_dictionary=False, write_statistics=False)


@cache
def _types(file: str) -> Mapping[str, pa.DataType]:
    """Return :func:`tests.run_directory.columns`, which parses the names of types."""
    return columns(file)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write_study(
    results: Path,
    tables: dict[str, pd.DataFrame],
    strategies: dict[str, Order],
    seeds: int,
    budget: int,
    *,
    with_reference: bool = True,
) -> Path:
    """Write a study of tasks x strategies x seeds; every run has its own random numbers."""
    for t, (task, table) in enumerate(tables.items()):
        if with_reference:
            write_reference(results, task, table)
        for s, (label, order) in enumerate(strategies.items()):
            for seed in range(seeds):
                rng = np.random.default_rng([t, s, seed])
                rows = order(rng, table)[:budget]
                write_run(results, task, label, seed, evaluations(table, rows), budget=budget)
    return results
