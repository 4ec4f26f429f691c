"""Store a task's recorded table beside its runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
from harness.system.arrow import column, without_nan
from harness.system.atomic import replacing, write_text
from harness.system.documents import read_text
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
    """Refuse a folder with runs on another recording of the same task.

    Raises:
        UserError: the folder has such runs, or its note cannot be read.
    """
    note = folder / contract.REFERENCE_NOTE
    landscape = backend.reference()
    if landscape is None or not note.exists():
        return
    said = _note(note)
    if said is None:
        raise UserError(f"{note}: not readable: move it away; it is written again")
    if said["landscape_sha256"] != landscape.sha256:
        raise UserError(f"{folder}: holds runs of another recording of {backend.task}: choose another results=")


def write_reference(folder: Path, backend: Backend, task: TaskSpec | None) -> None:
    """Write the task's table beside its runs, so that results can be analysed without the landscape.

    An existing table is rewritten only if it is damaged (empty, truncated, or not as its note says), or if an older
    NearOpt wrote it without ``draw_probability``; in the latter case only if possible, since the table is not wrong.
    """
    landscape = backend.reference()
    if landscape is None:
        return
    if not _whole(folder, landscape):
        _write(folder, landscape, task)
    elif not _has_draw_probability(folder / contract.REFERENCE):
        with suppress(OSError):  # a finished study may be read-only
            _write(folder, landscape, task)


def _write(folder: Path, landscape: Landscape, task: TaskSpec | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / contract.REFERENCE) as temporary:
        pq.write_table(_reference_table(landscape), temporary, compression="zstd")
        sha256 = hashlib.sha256(temporary.read_bytes()).hexdigest()
    facts = {name: landscape.metadata[name] for name in contract.REFERENCE_FACTS if name in landscape.metadata}
    default = recorded_default(landscape, task.default) if task is not None else None
    if default is not None:
        facts["default"] = default
    note = {"landscape_sha256": landscape.sha256, "reference_sha256": sha256, **facts}
    write_text(folder / contract.REFERENCE_NOTE, yaml.safe_dump(note, sort_keys=False))


def _note(path: Path) -> Mapping[str, Any] | None:
    """The content of reference.yaml; ``None`` if it is damaged or missing."""
    try:
        return _read_note(path, *_print(path))
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return None


@lru_cache(maxsize=256)
def _read_note(path: Path, _modified: int, _size: int) -> Mapping[str, Any] | None:
    said = load_yaml(read_text(path))
    return said if isinstance(said["landscape_sha256"], str) else None


def _whole(folder: Path, landscape: Landscape) -> bool:
    """Whether note and table exist and are undamaged."""
    said, file = _note(folder / contract.REFERENCE_NOTE), folder / contract.REFERENCE
    if said is None or not file.is_file():
        return False
    if (expected := said.get("reference_sha256")) is None:  # written by an older NearOpt
        return _is_table_of(file, landscape)
    try:
        return bool(_sha256(file, *_print(file)) == expected)
    except OSError:
        return False


def _print(file: Path) -> tuple[int, int]:
    """A fingerprint of a file that changes with it, for caching: every run of a sweep checks the same few files."""
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=256)
def _sha256(file: Path, _modified: int, _size: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _is_table_of(file: Path, landscape: Landscape) -> bool:
    """Whether a file is a readable table with as many rows as the landscape."""
    try:
        return _rows(file, *_print(file)) == len(landscape.codes)
    except (OSError, ValueError, pa.ArrowException):
        return False


def _has_draw_probability(file: Path) -> bool:
    return _has_column(file, *_print(file))


@lru_cache(maxsize=256)
def _has_column(file: Path, _modified: int, _size: int) -> bool:
    return contract.DRAW_PROBABILITY in pq.read_schema(file).names


@lru_cache(maxsize=256)
def _rows(file: Path, _modified: int, _size: int) -> int:
    # read_table imports pandas
    table = pq.ParquetFile(file).read([contract.STATUS, contract.LATENCY_MS, contract.ORACLE_MS])
    return int(table.num_rows)


def _reference_table(landscape: Landscape) -> pa.Table:
    space = landscape.space
    columns: dict[str, Sequence[object]] = {
        contract.KEY: [space.key_of_codes(row) for row in landscape.codes],
        contract.STATUS: [str(status) for status in landscape.status],
        contract.LATENCY_MS: without_nan(landscape.latency_ms),
        contract.ORACLE_MS: without_nan(landscape.oracle_ms),
        contract.SAMPLES_MS: landscape.samples_ms,
        **{name: without_nan(landscape.costs_s[:, i]) for i, name in enumerate(COSTS)},
        contract.ORIGIN: landscape.origin,
        contract.DRAW_PROBABILITY: without_nan(landscape.draw_probability),
    }
    arrow = contract.REFERENCE_COLUMNS
    return pa.table({name: column(columns[name], kind) for name, kind in arrow.items()})
