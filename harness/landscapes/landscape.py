"""Recorded landscapes: the Parquet file, its checks, and its rows in canonical order."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import UserError
from harness.evaluation import Status
from search_spaces.enumeration import Codes
from search_spaces.errors import InvalidConfiguration, SpaceError
from search_spaces.space import SearchSpace

METADATA_KEY = b"nearopt"
SCHEMA_VERSION = 1
REQUIRED = ("status", "latency_ms", "oracle_ms")
COSTS = ("compile_s", "verify_s", "benchmark_s")
ORIGINS = ("uniform", "by_parameter", "search")
RECORDER = ("draws", "first_draw", "binary", "alias", "gpu", "sm_clock_mhz", "temperature_c", "throttle_reasons")
"""Optional columns that nothing here depends on."""
STATUSES = frozenset(status.value for status in Status)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Landscape:
    """A task's recorded configurations on one device, rows in the space's lexicographic order.

    Attributes:
        name: the file's stem, ``<task>__<device>``.
        space: what strategies search. Its feasible set is the recorded one.
        codes: shape ``[N, d]``.
        status, message, origin: length N.
        latency_ms, oracle_ms: shape ``[N]``, NaN unless ``ok``; medians of the samples, and best known latencies.
        samples_ms: N tuples of samples in ms, empty unless ``ok``.
        costs_s: shape ``[N, 3]``: compile, verify and benchmark seconds.
        metadata: the JSON document (see ``landscape.schema.json``).
        sha256: of the file.
    """

    name: str
    path: Path
    space: SearchSpace
    codes: Codes
    status: tuple[Status, ...]
    latency_ms: Floats
    oracle_ms: Floats
    samples_ms: tuple[tuple[float, ...], ...]
    costs_s: Floats
    message: tuple[str, ...]
    origin: tuple[str, ...]
    metadata: Mapping[str, Any] = field(repr=False)
    sha256: str

    @property
    def exhaustive(self) -> bool:
        """Whether the rows are said to be the whole feasible set."""
        return bool(self.metadata["coverage"]["kind"] == "exhaustive")

    @property
    def pool(self) -> NDArray[np.bool_]:
        """Rows that make up the searchable space: all, or the drawn ones of a sample; shape ``[N]``."""
        if self.exhaustive:
            return np.ones(len(self.codes), dtype=bool)
        return np.array([origin != "search" for origin in self.origin])

    def frame(self) -> pd.DataFrame:
        """A row per configuration: ``status, latency_ms, oracle_ms, compile_s, verify_s, benchmark_s, origin``."""
        return pd.DataFrame(
            {
                "status": [str(status) for status in self.status],
                "latency_ms": self.latency_ms,
                "oracle_ms": self.oracle_ms,
                **{name: self.costs_s[:, i] for i, name in enumerate(COSTS)},
                "origin": list(self.origin),
            }
        )


def metadata_schema() -> dict[str, Any]:
    """The committed JSON Schema of the metadata."""
    document: dict[str, Any] = json.loads(files("harness.landscapes").joinpath("landscape.schema.json").read_text())
    return document


def read_landscape(path: Path) -> Landscape:
    """Read and check a landscape file; a file that has not changed is read once a process.

    Raises:
        UserError: naming the file and the field, row or column at fault.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): expected a landscape Parquet file") from None
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path}: not a file: expected a landscape Parquet file")
    if path.name.startswith("."):
        raise UserError(f"{path}: expected a name without a leading dot: it names the results' folder")
    return _read_cached(path.resolve(), found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=64)
def _read_cached(path: Path, _modified: int, _size: int) -> Landscape:
    try:
        table = pq.read_table(pa.BufferReader(data := path.read_bytes()))
        table.validate(full=True)
        named = table.column_names
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a readable Parquet file, perhaps truncated ({reason})") from None
    if len(set(named)) < len(named):
        raise UserError(f"{path}: a column occurs twice")
    return _build(path, table, hashlib.sha256(data).hexdigest())


def _document(path: Path, table: pa.Table) -> dict[str, Any]:
    raw = (table.schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise UserError(f"{path}: schema metadata has no key 'nearopt': expected a landscape file")
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise UserError(f"{path}: metadata 'nearopt' is not JSON ({error})") from None
    check_metadata(path, document)
    return dict(document)


def check_metadata(path: Path, document: Any) -> None:
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise UserError(f"{path}: schema_version={version!r}: expected {SCHEMA_VERSION}")
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(metadata_schema()).iter_errors(document))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "metadata"
        raise UserError(f"{path}: {where}: {error.message[:300]}")


def _build(path: Path, table: pa.Table, sha256: str) -> Landscape:
    document = _document(path, table)
    for name in REQUIRED:
        if name not in table.column_names:
            raise UserError(f"{path}: column {name!r} is missing: expected {', '.join(REQUIRED)} and config.*")
    try:
        space = SearchSpace.from_json(document["space"])
        codes = table_codes(path, table, space)
        order = np.lexsort(codes.T[::-1])
        codes = codes[order]
        pool = space.restricted(codes)
    except SpaceError as error:
        raise UserError(f"{path}: space: {error}") from None
    table = table.take(order)
    status = _statuses(path, table)
    ok = np.array([value is Status.OK for value in status], dtype=bool)
    latency, oracle = (_latencies(path, table, name, ok) for name in ("latency_ms", "oracle_ms"))
    landscape = Landscape(
        name=path.stem,
        path=path,
        space=pool,
        codes=codes,
        status=status,
        latency_ms=latency,
        oracle_ms=oracle,
        samples_ms=_samples(path, table, latency, ok),
        costs_s=np.stack([_cost(path, table, name) for name in COSTS], axis=1),
        message=_strings(table, "message", ""),
        origin=_origins(path, table),
        metadata=document,
        sha256=sha256,
    )
    if not landscape.exhaustive and not landscape.pool.all():
        if not landscape.pool.any():
            raise UserError(f"{path}: column 'origin': expected uniform rows in a sampled landscape")
        landscape = _with_space(landscape, space.restricted(codes[landscape.pool]))
    return landscape


def _with_space(landscape: Landscape, space: SearchSpace) -> Landscape:
    return Landscape(**{**landscape.__dict__, "space": space})


def table_codes(path: Path, table: pa.Table, space: SearchSpace) -> Codes:
    """The configurations of a table with a column ``config.<name>`` a parameter, as codes, ``[rows, d]``.

    Raises:
        UserError: naming the column or row that does not fit the space.
    """
    extra = [name for name in table.column_names if name.startswith("config.") and name[7:] not in space.names]
    if extra:
        raise UserError(f"{path}: column {extra[0]!r} is not a parameter of the space")
    if table.num_rows == 0:
        raise UserError(f"{path}: no rows: expected a configuration a row")
    codes = np.full((table.num_rows, len(space.parameters)), -1, dtype=np.int32)
    for i, parameter in enumerate(space.parameters):
        name = f"config.{parameter.name}"
        if name not in table.column_names:
            raise UserError(f"{path}: column {name!r} is missing")
        values = table.column(name).to_pylist()
        for row, value in enumerate(values):
            if value is None or value != value:
                continue
            code = parameter.code(value)
            if code is None:
                raise UserError(f"{path}: row {row}: {name}={value!r}: expected one of the space's values")
            codes[row, i] = code
    canonical = space.canonical_codes(codes)
    wrong = np.flatnonzero(np.any(canonical != codes, axis=1) | space.incomplete(codes))
    for row in wrong[:1]:
        try:
            space.validate(space.decode(codes[row]))
        except InvalidConfiguration as error:
            raise UserError(f"{path}: row {row}: {error}") from None
    return codes


def _statuses(path: Path, table: pa.Table) -> tuple[Status, ...]:
    values = table.column("status").to_pylist()
    for row, value in enumerate(values):
        if not isinstance(value, str) or value not in STATUSES:
            raise UserError(f"{path}: row {row}: status={value!r}: expected one of {', '.join(sorted(STATUSES))}")
    return tuple(Status(value) for value in values)


def _floats(path: Path, table: pa.Table, name: str) -> Floats:
    try:
        return np.asarray(table.column(name).cast(pa.float64()).to_pandas(), dtype=np.float64)
    except pa.ArrowException:
        raise UserError(f"{path}: column {name!r}: expected numbers, got {table.column(name).type}") from None


def _latencies(path: Path, table: pa.Table, name: str, ok: NDArray[np.bool_]) -> Floats:
    values = _floats(path, table, name)
    for row in np.flatnonzero(ok & ~(np.isfinite(values) & (values > 0)))[:1]:
        raise UserError(f"{path}: row {row}: {name}={values[row]}: expected a positive number of ms where status is ok")
    return np.where(ok, values, np.nan)


def _cost(path: Path, table: pa.Table, name: str) -> Floats:
    if name not in table.column_names:
        return np.zeros(table.num_rows)
    values = np.nan_to_num(_floats(path, table, name), nan=0.0, posinf=np.inf)
    for row in np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[:1]:
        raise UserError(f"{path}: row {row}: {name}={values[row]}: expected seconds, 0 or more")
    return values


def _samples(path: Path, table: pa.Table, latency: Floats, ok: NDArray[np.bool_]) -> tuple[tuple[float, ...], ...]:
    if "samples_ms" not in table.column_names:
        return tuple((float(value),) if fine else () for value, fine in zip(latency, ok, strict=True))
    samples: list[tuple[float, ...]] = []
    for row, (cell, fine) in enumerate(zip(table.column("samples_ms").to_pylist(), ok, strict=True)):
        if not fine:
            samples.append(())
            continue
        kept = tuple(cell) if isinstance(cell, list) else (cell,)
        if cell is None or not kept:
            kept = (float(latency[row]),)
        if not isinstance(cell, list | None) or not all(
            isinstance(value, int | float) and 0 < value < np.inf for value in kept
        ):
            raise UserError(f"{path}: row {row}: samples_ms={cell!r}: expected a list of positive numbers of ms")
        samples.append(kept)
    return tuple(samples)


def _origins(path: Path, table: pa.Table) -> tuple[str, ...]:
    values = _strings(table, "origin", "uniform")
    for row, value in enumerate(values):
        if value not in ORIGINS:
            raise UserError(f"{path}: row {row}: origin={value!r}: expected one of {', '.join(ORIGINS)}")
    return values


def _strings(table: pa.Table, name: str, default: str) -> tuple[str, ...]:
    if name not in table.column_names:
        return tuple([default] * table.num_rows)
    return tuple(default if value is None else str(value) for value in table.column(name).to_pylist())
