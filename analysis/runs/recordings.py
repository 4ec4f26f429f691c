"""The recorded table of each task: reference.parquet beside its runs, or the landscape of a live task."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.reference import COSTS, is_drawn, with_coverage
from analysis.runs import contract
from analysis.runs.documents import load_yaml, read_text
from analysis.runs.library import Library
from analysis.runs.run_directory import first_line, read_parquet
from analysis.statistics.readings import Readings, readings

_TELLING = (contract.LATENCY_MS, contract.ORACLE_MS, contract.COMPILE_S, contract.BENCHMARK_S)
"""The columns that distinguish two rows of a table."""


@dataclass(frozen=True)
class Reference:
    """A task's recorded table, its file, and facts about the recording.

    Attributes:
        samples: the file with the recorded samples of these rows; ``None`` without one.
    """

    path: Path
    table: pd.DataFrame
    coverage: str
    facts: dict[str, Any]
    samples: Path | None


def references(runs: pd.DataFrame, library: Library) -> dict[str, Reference]:
    """The table of each task in ``runs`` (columns task, path, coverage, landscape); tasks without any are absent.

    A table by an older NearOpt, without ``draw_probability``, gets it from the library if that has the same landscape
    file.

    Raises:
        AnalysisError: a table is damaged, or two folders hold different recordings of one task.
    """
    by_task: dict[str, Reference] = {}
    beside = cache(_beside)
    checked: set[tuple[str, Path]] = set()
    for task, coverage, folder in zip(runs["task"], runs["coverage"], map(_parent, runs["path"]), strict=True):
        path = beside(folder)
        if path is None or (task, path) in checked:
            continue
        checked.add((task, path))
        facts = read_facts(path.with_name(contract.REFERENCE_NOTE))
        _check_digest(path, facts.get(contract.REFERENCE_SHA256))
        coverage = _noted_coverage(facts) or coverage  # a live run knows no recording, so that its own log says nothing
        table = with_coverage(read_table(path), coverage)
        if task not in by_task:
            by_task[task] = Reference(path, table, coverage, facts, _samples(path, table, library.files.get(task)))
        elif not _same(table, by_task[task].table):
            raise AnalysisError(f"{path}: another recording of {task} than {by_task[task].path}: expected one per task")
        elif contract.DRAW_PROBABILITY in table and contract.DRAW_PROBABILITY not in by_task[task].table:
            by_task[task] = replace(by_task[task], table=table)
    for task, reference in by_task.items():
        if contract.DRAW_PROBABILITY not in reference.table and reference.coverage == "exhaustive":
            known = library.probabilities(task, reference.facts.get(contract.LANDSCAPE_SHA256))
            by_task[task] = replace(reference, table=_with_probabilities(reference.table, known))
    for task in sorted(set(runs["task"]) - set(by_task)):
        replayed = set(runs["landscape"][runs["task"] == task]) - {""}
        if (file := library.replayed(task, replayed)) is not None:
            by_task[task] = landscape_reference(file, library.table)
    return by_task


def _noted_coverage(facts: Mapping[str, Any]) -> str:
    """What the note beside a table says of its coverage; empty if nothing."""
    coverage = facts.get("coverage")
    return str(coverage.get("kind") or "") if isinstance(coverage, Mapping) else ""


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two tables are of the same recording; an older one may lack a column."""
    newer = [contract.DRAW_PROBABILITY]
    if all(name in table for name in newer for table in (one, other)):
        return one.equals(other)
    tables = [ordered(table.drop(columns=newer, errors="ignore")) for table in (one, other)]
    return tables[0].equals(tables[1])


def _with_probabilities(table: pd.DataFrame, known: pd.Series[float] | None) -> pd.DataFrame:
    if known is None or contract.KEY not in table or set(known.index) != set(table[contract.KEY]):
        return table
    return ordered(table.assign(**{contract.DRAW_PROBABILITY: table[contract.KEY].map(known)}))


def _check_digest(path: Path, expected: object) -> None:
    """Refuse a table with a flipped bit, which would be read as other numbers.

    Raises:
        AnalysisError: its digest differs from that in its note.
    """
    if isinstance(expected, str) and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        again = "the sweep that made it writes it again"
        raise AnalysisError(f"{path}: damaged: does not match the digest in {contract.REFERENCE_NOTE}: {again}")


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or path


def _beside(folder: str) -> Path | None:
    """The reference.parquet of a strategy's folder, or of the task's folder above it."""
    candidates = (parent / contract.REFERENCE for parent in (Path(folder), Path(folder).parent))
    return next((candidate for candidate in candidates if candidate.exists()), None)


def read_table(path: Path) -> pd.DataFrame:
    """A recorded table: status, latency_ms, oracle_ms, and costs, key, origin and draw_probability where present."""
    recording = read_parquet(path, contract.REFERENCE_COLUMNS, contract.OPTIONAL_REFERENCE_COLUMNS)
    table: pd.DataFrame = recording.to_pandas()
    if table.empty:
        raise AnalysisError(f"{path}: no row: expected one per feasible configuration")
    return ordered(table)


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by their recorded values, because simulated baselines draw rows by number."""
    known = (*COSTS, contract.DRAW_PROBABILITY)
    recorded = [contract.LATENCY_MS, contract.ORACLE_MS, *(name for name in known if name in table)]
    table = table.astype({contract.STATUS: "str", **dict.fromkeys(recorded, "float64")})
    by = [contract.STATUS, *recorded, *([contract.KEY] if contract.KEY in table else [])]
    return table.sort_values(by, kind="stable", ignore_index=True)


def read_readings(path: Path, table: pd.DataFrame) -> Readings:
    """The recorded samples of the rows of ``table``, from a file with the same rows in any order.

    Raises:
        AnalysisError: the file has other rows.
    """
    rows = matching_rows(path, table)
    if rows is None:
        raise AnalysisError(f"{path}: not the {len(table)} rows of the recording that the runs were judged by")
    samples = read_parquet(path, [contract.SAMPLES_MS], []).column(contract.SAMPLES_MS).to_pylist()
    return readings([np.asarray(samples[row] or [], dtype=np.float64) for row in rows.tolist()])


def matching_rows(path: Path, table: pd.DataFrame) -> NDArray[np.intp] | None:
    """For each row of ``table``, its position in the file; ``None`` if the file is another recording.

    The harness keeps rows in the canonical order of their space, a landscape file in the order of measurement. Rows are
    identified by latency and costs, which repeat only among failures, and those have no samples.
    """
    names = [name for name in _TELLING if name in table]
    theirs = read_parquet(path, names, []).to_pandas()
    if len(theirs) != len(table):
        return None
    ours = [table[name].to_numpy(np.float64) for name in names]
    others = [theirs[name].to_numpy(np.float64) for name in names]
    order, other = np.lexsort(ours), np.lexsort(others)
    if not all(np.array_equal(a[order], b[other], equal_nan=True) for a, b in zip(ours, others, strict=True)):
        return None
    rows = np.empty(len(table), dtype=np.intp)
    rows[order] = other
    return rows


def _samples(path: Path, table: pd.DataFrame, library: Path | None) -> Path | None:
    """The table's own file, or the library's recording if it is the same one; ``None`` if neither has samples.

    Independent draws have none either: their rate is measured, and they are not simulated with noise.
    """
    if contract.SAMPLES_MS in pq.read_schema(path).names:
        return None if is_drawn(table) else path
    if library is None or is_drawn(table) or contract.SAMPLES_MS not in pq.read_schema(library).names:
        return None
    return library if matching_rows(library, table) is not None else None


def landscape_reference(path: Path, tables: Callable[[Path], pd.DataFrame] | None) -> Reference:
    """Read a landscape file, with ``tables`` if given, which knows its space.

    Raises:
        AnalysisError: it is damaged.
    """
    table = read_table(path) if tables is None else ordered(tables(path))
    try:
        document = json.loads((pq.read_schema(path).metadata or {}).get(contract.METADATA_KEY, b"{}"))
    except (ValueError, RecursionError) as error:
        raise AnalysisError(f"{path}: metadata nearopt: damaged: {first_line(error)}") from error
    coverage = str((document.get("coverage") or {}).get("kind", "exhaustive"))
    facts = {name: document[name] for name in contract.REFERENCE_FACTS if name in document}
    table = with_coverage(table, coverage)
    return Reference(path, table, coverage, facts, _samples(path, table, None))


def read_facts(path: Path) -> dict[str, Any]:
    """The facts that the harness stored about a recording beside its table; empty without such a file."""
    try:
        document = load_yaml(read_text(path))
    except (OSError, ValueError, yaml.YAMLError):
        return {}  # for the record only: no number depends on it
    return document if isinstance(document, dict) else {}
