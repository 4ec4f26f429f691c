"""A task's recorded table, kept beside its runs."""

from __future__ import annotations

from functools import lru_cache
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
from harness.run import contract
from harness.system.atomic import read_text, replacing, write_text
from harness.system.yaml_text import load_yaml


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
    note = folder / contract.REFERENCE_NOTE
    landscape = backend.reference()
    if landscape is None or not note.exists():
        return
    try:
        theirs = _recording(read_text(note))
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        raise UserError(f"{note}: not readable: move it away, it is written again") from None
    if theirs != landscape.sha256:
        raise UserError(f"{folder}: holds runs of another recording of {backend.task}: choose another results=")


@lru_cache(maxsize=16)
def _recording(note: str) -> object:
    """Which recording a note names; all runs of a task ask for the same."""
    return load_yaml(note)["landscape_sha256"]


def write_reference(folder: Path, backend: Backend, task: TaskSpec | None) -> None:
    """Put the task's table beside its runs, so that results can be analysed without the landscape."""
    landscape = backend.reference()
    if landscape is None:
        return
    if all((folder / name).exists() for name in (contract.REFERENCE, contract.REFERENCE_NOTE)):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / contract.REFERENCE) as temporary:
        pq.write_table(_reference_table(landscape), temporary, compression="zstd")
    facts = {name: landscape.metadata[name] for name in contract.REFERENCE_FACTS if name in landscape.metadata}
    default = recorded_default(landscape, task.default) if task is not None else None
    if default is not None:
        facts["default"] = default
    note = {"landscape_sha256": landscape.sha256, **facts}
    write_text(folder / contract.REFERENCE_NOTE, yaml.safe_dump(note, sort_keys=False))


def _reference_table(landscape: Landscape) -> pa.Table:
    space = landscape.space
    columns = {
        contract.KEY: [space.key_of_codes(row) for row in landscape.codes],
        contract.STATUS: [str(status) for status in landscape.status],
        contract.LATENCY_MS: landscape.latency_ms,
        contract.ORACLE_MS: landscape.oracle_ms,
        contract.SAMPLES_MS: [list(samples) for samples in landscape.samples_ms],
        **{name: landscape.costs_s[:, i] for i, name in enumerate(COSTS)},
        contract.ORIGIN: landscape.origin,
    }
    arrow = contract.REFERENCE_COLUMNS
    return pa.table({name: pa.array(columns[name], kind, from_pandas=True) for name, kind in arrow.items()})
