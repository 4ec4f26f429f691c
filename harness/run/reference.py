"""A task's recorded table, kept beside its runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from harness.backends.base import Backend
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.landscapes.default_configuration import recorded_default
from harness.landscapes.landscape import COSTS, Landscape
from harness.system.atomic import replacing, write_text


def reference_facts(backend: Backend) -> dict[str, Any]:
    landscape = backend.reference()
    if landscape is None:
        return {"source": "none"}
    oracle = landscape.oracle_ms
    return {
        "source": "landscape",
        "n": landscape.space.size,
        "t_star_ms": float(np.nanmin(oracle)) if np.isfinite(oracle).any() else None,
        "coverage": "exhaustive" if landscape.exhaustive else "sample",
    }


def check_reference(folder: Path, backend: Backend) -> None:
    """One task is one recording: refuse a folder with runs of another."""
    note = folder / "reference.yaml"
    landscape = backend.reference()
    if landscape is None or not note.exists():
        return
    try:
        theirs = yaml.safe_load(note.read_text(encoding="utf-8"))["landscape_sha256"]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        raise UserError(f"{note}: not readable: move it away, it is written again") from None
    if theirs != landscape.sha256:
        raise UserError(f"{folder}: holds runs of another recording of {backend.task}: choose another results=")


def write_reference(folder: Path, backend: Backend, task: TaskSpec | None) -> None:
    """Put the task's table beside its runs, so that results can be analysed without the landscape."""
    landscape = backend.reference()
    if landscape is None:
        return
    if (folder / "reference.yaml").exists() and (folder / "reference.parquet").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "reference.parquet") as temporary:
        pq.write_table(_reference_table(landscape), temporary, compression="zstd")
    kept = ("task", "kernel", "device", "coverage", "vendor", "roofline", "shape", "dtype")
    facts = {name: landscape.metadata[name] for name in kept if name in landscape.metadata}
    default = recorded_default(landscape, task.default) if task is not None else None
    if default is not None:
        facts["default"] = default
    write_text(
        folder / "reference.yaml", yaml.safe_dump({"landscape_sha256": landscape.sha256, **facts}, sort_keys=False)
    )


def _reference_table(landscape: Landscape) -> pa.Table:
    space = landscape.space
    columns = {
        "key": pa.array([space.key_of_codes(row) for row in landscape.codes]),
        "status": pa.array([str(status) for status in landscape.status]),
        "latency_ms": pa.array(landscape.latency_ms, from_pandas=True),
        "oracle_ms": pa.array(landscape.oracle_ms, from_pandas=True),
        "samples_ms": pa.array([list(samples) for samples in landscape.samples_ms], pa.list_(pa.float64())),
        **{name: pa.array(landscape.costs_s[:, i]) for i, name in enumerate(COSTS)},
        "origin": pa.array(landscape.origin),
    }
    return pa.table(columns)
