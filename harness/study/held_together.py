"""Runs of a study in consolidated.parquet; ``analysis/runs/held_together.py`` implements the same rules.

If the file is kept up to date beside run directories, it is an index of them and adds nothing. If none of its rows
belongs to a directory as it is now, as in a committed study that is being extended, it is a collection: it stands for
the runs that have no directory, and a directory of another run under the name of one of its rows supersedes that row.
A row that was written without a fingerprint has no directory to follow and always counts as part of a collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UserError
from harness.run import contract
from harness.run.state import State, identity
from harness.run.version import check_version
from harness.study.plan import PlannedRun
from harness.system.names import check_place
from harness.system.text import printable

HELD = {contract.ENDED_FAILED: (State.FAILED, "as the consolidated file says")}
FILES = (contract.DONE, contract.CONFIG, contract.EVALUATIONS)
ANOTHER = f"{contract.CONSOLIDATED} holds another run of that name"


@dataclass(frozen=True)
class HeldTogether:
    """The runs that the file adds to the directories.

    Attributes:
        counted: runs without a directory, with their state and a message.
        superseded: rows in whose place another run is present, with a message.
        configs: config.yaml as JSON, for runs without a directory.
    """

    counted: Mapping[PlannedRun, tuple[State, str]] = field(default_factory=dict)
    superseded: Mapping[PlannedRun, str] = field(default_factory=dict)
    configs: Mapping[PlannedRun, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Row:
    ended: str
    fingerprint: str
    config: str


def held_together(results: Path, directories: Mapping[PlannedRun, Path]) -> HeldTogether:
    """Read the file in ``results``, if there is one.

    Args:
        directories: all run directories that are present.

    Raises:
        UserError: the file cannot be read, or a newer NearOpt wrote it.
    """
    file = results / contract.CONSOLIDATED
    if not file.exists() or (directories and file.is_file() and not file.stat().st_size):
        return HeldTogether()
    rows = _read(file, len(directories))
    prints = {run: fingerprint(directory) for run, directory in directories.items() if run in rows}
    index = any(row.fingerprint and row.fingerprint == prints.get(run) for run, row in rows.items())
    superseded = {
        run: ANOTHER
        for run, row in rows.items()
        if run in prints and row.fingerprint != prints[run] and _another(row, directories[run])
    }
    alone = {run: row for run, row in rows.items() if run not in directories and not (index and row.fingerprint)}
    counted = {run: HELD.get(row.ended, (State.DONE, "")) for run, row in alone.items()}
    return HeldTogether(counted, superseded, {run: row.config for run, row in alone.items()})


def fingerprint(directory: Path) -> str:
    """A text that changes whenever a file of the run does: sizes and modification times. Empty if a file is missing."""
    try:
        stats = [(directory / name).stat() for name in FILES]
    except OSError:
        return ""
    return ",".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)


def _another(row: _Row, directory: Path) -> bool:
    """Whether the directory holds another run than the row, by configuration, code and whether it failed."""
    said = json.loads(row.config)
    hashes = str(said.get("config_hash", "")), str(said.get("code_digest", ""))
    failed = (directory / contract.FAILED).exists() and not (directory / contract.DONE).exists()
    return hashes != identity(directory).hashes or failed != (row.ended == contract.ENDED_FAILED)


def _read(file: Path, directories: int) -> dict[PlannedRun, _Row]:
    names = [contract.PATH, contract.ENDED, contract.FINGERPRINT, contract.RUN_CONFIG]
    try:
        if not file.is_file():
            raise OSError(None, "not a regular file")
        document = json.loads((pq.read_schema(file).metadata or {}).get(contract.METADATA_KEY, b"{}"))
        check_version(file, document.get("version", 1))
        columns = [column.to_pylist() for column in pq.read_table(file, columns=names).columns]
        for path in columns[0]:
            check_place(file, path)
        return {named(Path(path)): _Row(*rest) for path, *rest in zip(*columns, strict=True)}
    except (OSError, ValueError, IndexError, KeyError, AttributeError, TypeError, RecursionError, pa.ArrowException):
        what = "it is the only copy of its runs: keep it, and restore it from its origin (a backup, git)"
        if directories:
            what = f"restore it, or move it away: nearopt report writes it again from the {directories} runs here"
        raise UserError(f"{file}: damaged: {what}") from None


def named(directory: Path) -> PlannedRun:
    """The planned run that a directory's names denote."""
    seed = int(directory.name.removeprefix(contract.SEED_PREFIX))
    return PlannedRun(printable(directory.parts[-3]), printable(directory.parts[-2]), seed)
