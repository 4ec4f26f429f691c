"""A small synthetic landscape with every kind of parameter, conditions, failures and noise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from harness.landscapes.write import write_landscape
from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Permutation
from search_spaces.space import SearchSpace

METADATA: Mapping[str, Any] = {
    "task": "toy-8x8-bf16",
    "device": {"name": "Toy Device", "slug": "toy"},
    "coverage": {"kind": "exhaustive"},
}


def toy_space() -> SearchSpace:
    return SearchSpace(
        [
            Categorical("schedule", ("data_parallel", "persistent", "split_k")),
            Ordinal("block", (16, 32, 64, 128), "log2"),
            Integer("ctas", 1, 4, active_when="schedule == 'persistent'"),
            Ordinal("factor", (2, 4, 8), "log2", active_when="schedule == 'split_k'"),
            Boolean("overlap", active_when="active(ctas) and ctas > 2"),
            Permutation("order", 3),
        ],
        constraints=["block * factor <= 512"],
        features={"area": "block * block"},
    )


def toy_columns(space: SearchSpace, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    configurations = list(space.enumerate())
    n = len(configurations)
    oracle = np.exp(rng.normal(0.0, 0.8, n))
    failed = rng.random(n) < 0.15
    samples = oracle[:, None] * np.exp(rng.normal(0.0, 0.02, (n, 9)))
    return {
        "configurations": configurations,
        "status": np.where(failed, rng.choice(["compile_error", "out_of_resources", "run_timeout"], n), "ok").tolist(),
        "latency_ms": [None if bad else float(np.median(row)) for bad, row in zip(failed, samples, strict=True)],
        "oracle_ms": [None if bad else float(value) for bad, value in zip(failed, oracle, strict=True)],
        "samples_ms": [[] if bad else row.tolist() for bad, row in zip(failed, samples, strict=True)],
        "compile_s": rng.uniform(0.2, 2.0, n).tolist(),
        "verify_s": [0.01] * n,
        "benchmark_s": [0.05] * n,
        "message": ["it broke" if bad else "" for bad in failed],
        "origin": ["uniform"] * n,
    }


def write_toy(folder: Path, name: str = "toy-8x8-bf16__toy", seed: int = 0, **metadata: Any) -> Path:
    path = folder / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_toy(seed, json.dumps({**METADATA, **metadata})))
    return path


@lru_cache(256)
def _toy(seed: int, metadata: str) -> bytes:
    """The bytes of a toy landscape, which hundreds of tests begin with."""
    space = toy_space()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "toy.parquet"
        write_landscape(path, space, toy_columns(space, seed), json.loads(metadata))
        return path.read_bytes()
