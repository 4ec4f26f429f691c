"""What a consolidated file adds to run directories; ``harness/study/held_together.py`` implements the same rules.

If it is kept up to date beside run directories, it is only an index of them. If no row matches a directory in its
current state, as in a committed study that is being continued, it is a collection: it holds the runs that have no
directory, and a directory of another run with the name of a row supersedes that row. A row without a fingerprint has no
directory and always belongs to a collection.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.documents import check_regular
from analysis.runs.folders import folders
from analysis.runs.names import check_place
from analysis.runs.state import identity
from analysis.runs.version import check_version

ANOTHER = f"{contract.CONSOLIDATED} holds another run of that name"
_FILES = (contract.DONE, contract.CONFIG, contract.EVALUATIONS)


@dataclass(frozen=True)
class HeldRow:
    """A run in the file: how it ended, its directory's fingerprint when it was written, and its two hashes."""

    ended: str
    fingerprint: str
    config_hash: str
    code_digest: str


@dataclass(frozen=True)
class HeldTogether:
    """What the file adds to the directories, keyed by their paths below its folder.

    Attributes:
        counted: rows of runs without a directory.
        superseded: rows replaced by another run's directory.
    """

    counted: Mapping[str, HeldRow] = field(default_factory=dict)
    superseded: Collection[str] = ()


def held_together(root: Path, directories: Mapping[str, Path], prefix: str = "") -> HeldTogether:
    """Read the file in ``root``, if there is one.

    Args:
        directories: all existing run directories, by their paths.
        prefix: prefix of the requested paths.

    Raises:
        AnalysisError: it cannot be read, or a newer NearOpt wrote it.
    """
    file = root / contract.CONSOLIDATED
    if not file.exists() or empty(file, directories):
        return HeldTogether()
    rows = _rows(file, prefix)
    prints = {name: fingerprint(directory) for name, directory in directories.items() if name in rows}
    index = any(row.fingerprint and row.fingerprint == prints.get(name) for name, row in rows.items())
    superseded = [
        name
        for name, row in rows.items()
        if name in prints and row.fingerprint != prints[name] and _another(row, directories[name])
    ]
    alone = {name: row for name, row in rows.items() if name not in directories and not (index and row.fingerprint)}
    return HeldTogether(alone, superseded)


def empty(file: Path, directories: Collection[object]) -> bool:
    """Whether the file is empty and so adds nothing to the existing directories."""
    return bool(directories) and file.is_file() and not file.stat().st_size


def fingerprint(directory: Path) -> str:
    """A fingerprint of the sizes and modification times of the run's files; empty if one is missing."""
    try:
        stats = [(directory / name).stat() for name in _FILES]
    except OSError:
        return ""
    return ",".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)


def _another(row: HeldRow, directory: Path) -> bool:
    """Whether the directory holds another run than the row: by configuration, code, and whether it failed."""
    failed = (directory / contract.FAILED).exists() and not (directory / contract.DONE).exists()
    same = (row.config_hash, row.code_digest) == identity(directory)
    return not same or failed != (row.ended == contract.ENDED_FAILED)


def _rows(file: Path, prefix: str) -> dict[str, HeldRow]:
    with opened(file) as parquet:
        document(file, parquet)
        names = [contract.PATH, contract.ENDED, contract.FINGERPRINT, contract.RUN_CONFIG]
        table = parquet.read(columns=names)
        rows = {}
        for path, ended, mark, text in zip(*(table[name].to_pylist() for name in names), strict=True):
            if not f"{path}/".startswith(prefix):
                continue
            check_place(file, path)
            config = json.loads(text)
            hashes = str(config.get("config_hash", "")), str(config.get("code_digest", ""))
            rows[str(path)] = HeldRow(str(ended), str(mark), *hashes)
        return rows


def document(file: Path, parquet: pq.ParquetFile) -> dict[str, Any]:
    """The document in the metadata; its version must be supported."""
    said = dict(json.loads((parquet.schema_arrow.metadata or {}).get(contract.METADATA_KEY, b"{}")))
    check_version(file, said.get("version", 1))
    return said


@contextmanager
def opened(file: Path) -> Iterator[pq.ParquetFile]:
    """Open a consolidated file; if it is damaged, raise one line that says what to do.

    Raises:
        AnalysisError: reading the file failed.
    """
    try:
        check_regular(file)
        with pq.ParquetFile(file) as parquet:
            yield parquet
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError, pa.ArrowException) as error:
        runs = sum(contract.DONE in files for _, _, files in folders(file.parent))
        what = "it is the only copy of its runs: keep it, and restore it from its origin (a backup, git)"
        if runs:
            what = f"restore it, or move it away: it is written again from the {runs} run directories here"
        said = getattr(error, "strerror", None) or str(error)
        reason = (said.splitlines() or [type(error).__name__])[0]
        raise AnalysisError(f"{file}: damaged: {reason}: {what}") from error
