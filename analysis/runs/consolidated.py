"""Many runs in one Parquet file, one row each, because reading twenty thousand small files takes a minute.

Every load of RESULTS updates ``RESULTS/consolidated.parquet``: a run directory whose files differ from the row in size
or modification time is read again, and one that is gone is dropped. If no row belongs to an existing directory, as in a
committed study, the file holds the runs that have no directory (:mod:`analysis.runs.held_together`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.progress import tracked
from analysis.runs import contract
from analysis.runs.contract import ConsolidatedDocument
from analysis.runs.damage import damage
from analysis.runs.held_together import document, empty, fingerprint, opened
from analysis.runs.names import check_names, check_place
from analysis.runs.run_directory import RunLog, read_environment, read_run
from analysis.runs.survey import Collection
from analysis.runs.temporaries import remove_left_over
from analysis.runs.writing import replacing

WORTH_IT = 100
"""Fewest runs for which the file is written; fewer are read directly."""
_COMPRESSION: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": [
        contract.RUN_CONFIG,
        contract.ENDED,
        *(f"{name}.list.element" for name in contract.LISTS if name != contract.CLOCK_END_S),
    ],
    "column_encoding": {f"{contract.CLOCK_END_S}.list.element": "BYTE_STREAM_SPLIT"},  # it increases and never repeats
}


@dataclass(frozen=True)
class Loaded:
    """The runs below a folder, the environment of one of them, and the directories that turned out to be damaged."""

    logs: list[RunLog]
    environment: dict[str, Any]
    damaged: dict[Path, str] = field(default_factory=dict)


def load(root: Path, directories: Sequence[Path], collection: Collection | None = None) -> Loaded:
    """Load the run ``directories``, which have DONE, from the consolidated file where it is current; then update it.

    Args:
        root: the resolved folder of the file.
        collection: the existing file with its runs; those without a directory are loaded too.
    """
    remove_left_over(root)
    alone = {} if collection is None else collection.held().counted
    if len(directories) < WORTH_IT and not alone:
        return _read_all(directories)
    file, prefix = root / contract.CONSOLIDATED, "" if collection is None else collection.prefix
    nothing = collection is None or empty(file, directories)
    known, environment = ({}, {}) if nothing else read(file, prefix)
    wanted = {directory.relative_to(root).as_posix(): directory for directory in directories}
    prints = {name: fingerprint(directory) for name, directory in wanted.items()}
    stale = [name for name in wanted if not prints[name] or name not in known or known[name][0] != prints[name]]
    now = _read_all([wanted[name] for name in tracked(stale, f"reading runs of {root}")])
    fresh = {log.path.relative_to(root).as_posix(): log for log in now.logs}
    logs = {name: fresh.get(name) or known[name][1] for name in wanted if wanted[name] not in now.damaged}
    logs |= {name: known[name][1] for name in alone}
    good = {name: known[name] for name in known if wanted.get(name) in now.damaged}
    if len(directories) >= WORTH_IT and not prefix and (fresh or known.keys() != {*logs, *good}):
        environment = _environment(directories)
        kept = {**logs, **{name: log for name, (_, log) in good.items()}}
        _write_if_possible(file, kept, {**prints, **{name: mark for name, (mark, _) in good.items()}}, environment)
    return Loaded(list(logs.values()), environment or _environment(directories), now.damaged)


def _read_all(directories: Sequence[Path]) -> Loaded:
    damaged = {directory: wrong for directory in directories if (wrong := damage(directory))}
    logs = [read_run(directory) for directory in directories if directory not in damaged]
    return Loaded(logs, _environment(directories), damaged)


def names(root: Path) -> list[str]:
    """The runs in the consolidated file of ``root``, as paths relative to it; empty without the file."""
    file = root / contract.CONSOLIDATED
    if not file.exists():
        return []
    with opened(file) as parquet:
        document(file, parquet)
        places = list(parquet.read(columns=[contract.PATH])[contract.PATH].to_pylist())
        for place in places:
            check_place(file, place)
        return places


def _environment(directories: Sequence[Path]) -> dict[str, Any]:
    """The environment of the first run; ``started`` and ``last_started`` are over all runs."""
    of_runs = [read_environment(directory / contract.ENVIRONMENT) for directory in directories]
    starts = sorted(start for of in of_runs if isinstance(start := of.get(contract.STARTED), str))
    if len(starts) < len(of_runs):  # some do not record it
        starts = []
    both = {contract.STARTED: starts[0], contract.LAST_STARTED: starts[-1]} if starts else {}
    return {**{k: v for k, v in of_runs[0].items() if k != contract.STARTED}, **both} if of_runs else {}


def _write_if_possible(
    file: Path, logs: Mapping[str, RunLog], prints: Mapping[str, str], environment: Mapping[str, Any]
) -> None:
    try:
        write(file, logs, prints, environment)
    except OSError:
        return  # results on a read-only disk: only slower next time


def write(
    file: Path,
    logs: Mapping[str, RunLog],
    prints: Mapping[str, str],
    environment: Mapping[str, Any],
    level: int = 9,
) -> None:
    """Write ``file`` atomically, with rows by relative path; ``level``: of compression, 1 to 22."""
    document: ConsolidatedDocument = {"version": str(contract.FORMAT_VERSION), "environment": dict(environment)}
    metadata = {contract.METADATA_KEY: json.dumps(document)}
    schema = pa.schema(contract.CONSOLIDATED_COLUMNS.items(), metadata)
    with (
        replacing(file) as written,
        pq.ParquetWriter(written, schema, **_COMPRESSION, compression_level=level) as writer,
    ):
        for batch in _batches(list(logs)):
            writer.write_table(_table(batch, logs, prints))


def _batches(names: list[str], size: int = 2000) -> Iterator[list[str]]:
    """Group the runs of one task: its recorded numbers repeat, so a small dictionary encodes them."""
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
    """A list column from one array per row; null if a run did not log the column."""
    rows = list(values)
    lengths = [0 if row is None else len(row) for row in rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = np.concatenate([row for row in rows if row is not None]) if any(lengths) else np.zeros(0)
    mask = pa.array([row is None for row in rows])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, type=kind), mask=mask)


def read(file: Path, prefix: str = "") -> tuple[dict[str, tuple[str, RunLog]], dict[str, Any]]:
    """Relative path to (fingerprint, run), and the environment.

    Args:
        prefix: prefix of the wanted paths, with a trailing slash.

    Raises:
        AnalysisError: the file is damaged, or a newer NearOpt wrote it.
    """
    with opened(file) as parquet:
        said = document(file, parquet)
        known: dict[str, tuple[str, RunLog]] = {}
        for group in range(parquet.num_row_groups):
            paths = parquet.read_row_group(group, columns=[contract.PATH])[contract.PATH].to_pylist()
            wanted = pa.array([f"{path}/".startswith(prefix) for path in paths])
            if pc.any(wanted).as_py():
                known |= _runs(file.parent.resolve(), parquet.read_row_group(group).filter(wanted))
        return known, dict(said.get("environment") or {})


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
        check_place(root / contract.CONSOLIDATED, path)
        check_names(root / contract.CONSOLIDATED, config["task"], config["strategy"]["label"])
        log = RunLog(root / path, config, row[contract.ENDED], own, int(row[contract.REPAIRS]))
        runs[path] = row[contract.FINGERPRINT], log
    return runs
