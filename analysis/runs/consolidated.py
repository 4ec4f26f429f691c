"""Many runs in one Parquet file, a row each: what twenty thousand small files take a minute to say.

``RESULTS/consolidated.parquet`` is kept up to date by whoever loads RESULTS: a run directory whose files have another
size or time of change than the row says is read again, and one that is gone is dropped. Where there are no run
directories at all, as in a committed study, the file stands for them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.errors import AnalysisError
from analysis.progress import tracked
from analysis.runs import contract
from analysis.runs.contract import ConsolidatedDocument
from analysis.runs.run_directory import RunLog, read_environment, read_run
from analysis.runs.version import check_version

WORTH_IT = 100
"""Fewer runs than these are read as they are, and nothing is written."""
_COMPRESSION: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 9,
    "use_dictionary": [
        contract.RUN_CONFIG,
        contract.ENDED,
        *(f"{name}.list.element" for name in contract.LISTS if name != contract.CLOCK_END_S),
    ],
    "column_encoding": {f"{contract.CLOCK_END_S}.list.element": "BYTE_STREAM_SPLIT"},  # it rises and never repeats
}
_FILES = (contract.DONE, contract.CONFIG, contract.EVALUATIONS)


@dataclass(frozen=True)
class Loaded:
    """The runs below one folder, and the environment of one of them."""

    logs: list[RunLog]
    environment: dict[str, Any]


def load(root: Path, directories: Sequence[Path]) -> Loaded:
    """The run ``directories`` below ``root``, from the consolidated file as far as it is right; then update it."""
    file = root / contract.CONSOLIDATED
    if len(directories) < WORTH_IT and (directories or not file.exists()):
        return Loaded([read_run(d) for d in directories], _environment(directories))
    known, environment = read(file) if file.exists() else ({}, {})
    if not directories:
        return Loaded([log for _, log in known.values()], environment)
    wanted = {str(d.relative_to(root.resolve())): d for d in directories}
    prints = {name: fingerprint(directory) for name, directory in wanted.items()}
    stale = [name for name in wanted if name not in known or known[name][0] != prints[name]]
    fresh = {name: read_run(wanted[name]) for name in tracked(stale, f"reading runs of {root}")}
    logs = {name: fresh.get(name) or known[name][1] for name in wanted}
    if stale or len(known) != len(wanted):
        environment = _environment(directories)
        _write_if_possible(file, logs, prints, environment)
    return Loaded(list(logs.values()), environment)


def names(root: Path) -> list[str]:
    """The runs in the consolidated file of ``root``, as paths relative to it; none where there is no such file."""
    file = root / contract.CONSOLIDATED
    if not file.exists():
        return []
    with _damage(file), pq.ParquetFile(file) as parquet:
        _document(file, parquet)
        return list(parquet.read(columns=[contract.PATH])[contract.PATH].to_pylist())


def part(folder: Path) -> Loaded:
    """The runs below ``folder`` in the nearest consolidated file above it, for a study without its run directories."""
    for root in folder.resolve().parents[:3]:
        if not (root / contract.CONSOLIDATED).exists():
            continue
        prefix = f"{folder.resolve().relative_to(root).as_posix()}/"
        known, environment = read(root / contract.CONSOLIDATED, prefix)
        return Loaded([log for _, log in known.values()], environment)
    return Loaded([], {})


def _environment(directories: Sequence[Path]) -> dict[str, Any]:
    return read_environment(directories[0] / contract.ENVIRONMENT) if directories else {}


def fingerprint(directory: Path) -> str:
    """Changes whenever a file of the run does: sizes and times of change."""
    try:
        stats = [(directory / name).stat() for name in _FILES]
    except OSError as error:
        raise AnalysisError(f"{error.filename}: missing, although the run is marked as done") from error
    return ",".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)


def _write_if_possible(
    file: Path, logs: Mapping[str, RunLog], prints: Mapping[str, str], environment: Mapping[str, Any]
) -> None:
    try:
        write(file, logs, prints, environment)
    except OSError:
        return  # results of somebody else, on a read-only disk: slower next time, nothing worse


def write(file: Path, logs: Mapping[str, RunLog], prints: Mapping[str, str], environment: Mapping[str, Any]) -> None:
    """Write ``file`` at once or not at all, rows by relative path."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    document: ConsolidatedDocument = {"version": str(contract.FORMAT_VERSION), "environment": dict(environment)}
    metadata = {contract.METADATA_KEY: json.dumps(document)}
    try:
        with pq.ParquetWriter(
            temporary, pa.schema(contract.CONSOLIDATED_COLUMNS.items(), metadata), **_COMPRESSION
        ) as writer:
            for batch in _batches(list(logs)):
                writer.write_table(_table(batch, logs, prints))
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _batches(names: list[str], size: int = 2000) -> Iterator[list[str]]:
    """Runs of one task together: its recorded numbers repeat, so that a small dictionary holds them."""
    for _, group in groupby(names, key=lambda name: name.split("/", 1)[0]):
        of_task = list(group)
        for start in range(0, len(of_task), size):
            yield of_task[start : start + size]


def _table(names: list[str], logs: Mapping[str, RunLog], prints: Mapping[str, str]) -> pa.Table:
    runs = [logs[name] for name in names]
    columns: dict[str, Any] = {
        contract.PATH: pa.array(names),
        contract.FINGERPRINT: pa.array([prints.get(name, "") for name in names]),
        contract.RUN_CONFIG: pa.array([json.dumps(run.config, default=str) for run in runs]),
        contract.ENDED: pa.array([run.ended for run in runs]),
        contract.REPAIRS: pa.array([run.repairs for run in runs]),
        contract.OK: _lists([run.columns[contract.OK] for run in runs], pa.bool_()),
    }
    for name in contract.LISTS:
        columns[name] = _lists([run.columns.get(name) for run in runs], pa.float64())
    return pa.table(columns, schema=pa.schema(contract.CONSOLIDATED_COLUMNS.items()))


def _lists(values: Iterable[Any], kind: Any) -> Any:
    """A list column from one array a row; null where a run has not logged the column."""
    rows = list(values)
    lengths = [0 if row is None else len(row) for row in rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = np.concatenate([row for row in rows if row is not None]) if any(lengths) else np.zeros(0)
    mask = pa.array([row is None for row in rows])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, type=kind), mask=mask)


def read(file: Path, prefix: str = "") -> tuple[dict[str, tuple[str, RunLog]], dict[str, Any]]:
    """Relative path to (fingerprint, run), and the environment.

    Args:
        prefix: of the paths that are wanted.

    Raises:
        AnalysisError: the file is damaged, or a newer NearOpt wrote it.
    """
    with _damage(file), pq.ParquetFile(file) as parquet:
        document = _document(file, parquet)
        known: dict[str, tuple[str, RunLog]] = {}
        for group in range(parquet.num_row_groups):
            paths = parquet.read_row_group(group, columns=[contract.PATH])[contract.PATH]
            wanted = pc.starts_with(paths, prefix)
            if pc.any(wanted).as_py():
                known |= _runs(file.parent.resolve(), parquet.read_row_group(group).filter(wanted))
        return known, dict(document.get("environment") or {})


def _document(file: Path, parquet: pq.ParquetFile) -> dict[str, Any]:
    """What the metadata says; of a version that is known here."""
    document = dict(json.loads((parquet.schema_arrow.metadata or {}).get(contract.METADATA_KEY, b"{}")))
    check_version(file, document.get("version", 1))
    return document


@contextmanager
def _damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise AnalysisError(f"{file}: damaged: {str(error).splitlines()[0]}: delete it, it is written again") from error


def _runs(root: Path, table: pa.Table) -> dict[str, tuple[str, RunLog]]:
    lists = (contract.OK, *contract.LISTS)
    plain = table.select([name for name in contract.CONSOLIDATED_COLUMNS if name not in lists]).to_pylist()
    columns: dict[str, tuple[Any, Any, Any]] = {}
    for name in lists:
        column = table.column(name).combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        flat = column.values.to_numpy(zero_copy_only=False)
        columns[name] = flat, column.offsets.to_numpy(), column.is_valid().to_numpy(zero_copy_only=False)
    runs = {}
    for i, row in enumerate(plain):
        own = {name: flat[offsets[i] : offsets[i + 1]] for name, (flat, offsets, valid) in columns.items() if valid[i]}
        config, path = json.loads(row[contract.RUN_CONFIG]), row[contract.PATH]
        log = RunLog(root / path, config, row[contract.ENDED], own, int(row[contract.REPAIRS]))
        runs[path] = row[contract.FINGERPRINT], log
    return runs
