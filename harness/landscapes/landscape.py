"""Recorded landscapes: the Parquet file, its checks, and its rows in canonical order."""

from __future__ import annotations

import hashlib
import json
import reprlib
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import UserError
from harness.evaluation import Status
from harness.landscapes.columns import METADATA_KEY as METADATA_KEY
from harness.landscapes.table import Floats, cost, latencies, origins, samples, statuses, strings, table_codes
from harness.system.names import task_fault
from search_spaces.by_parameter import draw_probabilities
from search_spaces.enumeration import Codes
from search_spaces.errors import SpaceError
from search_spaces.space import SearchSpace

if TYPE_CHECKING:
    import pandas as pd

Cell = TypeVar("Cell")

SCHEMA_VERSION = 1
REQUIRED = ("status", "latency_ms", "oracle_ms")
COSTS = ("compile_s", "verify_s", "benchmark_s")
DRAWS = "draws"
"""The column of a recording of independent draws: how often each row was drawn."""
RECORDER = (DRAWS, "first_draw", "binary", "alias", "gpu", "sm_clock_mhz", "temperature_c", "throttle_reasons")
"""Optional columns that no strategy and no replay uses."""


@dataclass(frozen=True, eq=False)
class Landscape:
    """A task's recorded configurations on one device, rows in the space's lexicographic order.

    Attributes:
        name: the file's stem, ``<task>__<device>``.
        space: the space that strategies search; its feasible set is the recorded one.
        codes: shape ``[N, d]``.
        status, message, origin: length N.
        latency_ms, oracle_ms: shape ``[N]``, NaN unless ``ok``; medians of the samples, and best known latencies.
        samples_ms: N tuples of samples in ms, empty unless ``ok``.
        costs_s: shape ``[N, 3]``: compile, verify and benchmark seconds.
        metadata: the JSON document (see ``landscape.schema.json``).
        sha256: digest of the file.
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
    draws: NDArray[np.float64] | None = None

    @property
    def exhaustive(self) -> bool:
        """Whether the metadata declares the rows to be the whole feasible set."""
        return bool(self.metadata["coverage"]["kind"] == "exhaustive")

    @property
    def searchable(self) -> NDArray[np.bool_]:
        """Rows of the searched space: all, or the uniform ones of a sample; shape ``[N]``."""
        if self.exhaustive:
            return np.ones(len(self.codes), dtype=bool)
        return np.array([origin != "search" for origin in self.origin])

    @property
    def draw_probability(self) -> Floats:
        """Draw probability of each row under random search by parameter, up to a factor; shape ``[N]``.

        nan for a sample, where the law is unknown since the search could also draw other configurations.
        """
        return draw_probabilities(self.space, self.codes) if self.exhaustive else np.full(len(self.codes), np.nan)

    def frame(self) -> pd.DataFrame:
        """``status, latency_ms, oracle_ms, compile_s, verify_s, benchmark_s, origin, draw_probability``, one row per
        configuration, and ``draws`` in a recording of independent draws."""
        import pandas as pd  # imported here because a short replay does not need it

        return pd.DataFrame(
            {
                "status": [str(status) for status in self.status],
                "latency_ms": self.latency_ms,
                "oracle_ms": self.oracle_ms,
                **{name: self.costs_s[:, i] for i, name in enumerate(COSTS)},
                "origin": list(self.origin),
                "draw_probability": self.draw_probability,
                **({} if self.draws is None else {DRAWS: self.draws}),
            }
        )


def metadata_schema() -> dict[str, Any]:
    """The committed JSON Schema of the metadata."""
    document: dict[str, Any] = json.loads(
        files("harness.landscapes").joinpath("landscape.schema.json").read_text("utf-8")
    )
    return document


@lru_cache(1)
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(metadata_schema())


def read_landscape(path: Path) -> Landscape:
    """Read and check a landscape file; an unchanged file is read once per process.

    Raises:
        UserError: naming the file and the field, row or column at fault.
    """
    try:
        file = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): expected a landscape Parquet file") from None
    if not stat.S_ISREG(file.st_mode):
        raise UserError(f"{path}: not a file: expected a landscape Parquet file")
    if fault := task_fault(path.stem):
        raise UserError(f"{path}: {fault}: results are stored in a folder of this name")
    return _read_cached(path.resolve(), file.st_mtime_ns, file.st_size)


@lru_cache(maxsize=64)
def _read_cached(path: Path, _modified: int, _size: int) -> Landscape:
    try:
        table = pq.ParquetFile(pa.BufferReader(data := path.read_bytes())).read()  # read_table imports pandas
        table.validate(full=True)
        named = table.column_names
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: cannot be read as Parquet, perhaps truncated ({reason})") from None
    if len(set(named)) < len(named):
        raise UserError(f"{path}: a column occurs twice")
    return _build(path, table, hashlib.sha256(data).hexdigest())


def _document(path: Path, table: pa.Table) -> dict[str, Any]:
    raw = (table.schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise UserError(f"{path}: schema metadata has no key 'nearopt': expected a landscape file")
    try:
        document = json.loads(raw)
        check_metadata(path, document)
    except ValueError as error:
        raise UserError(f"{path}: metadata 'nearopt' is not JSON ({error})") from None
    except RecursionError:
        raise UserError(f"{path}: metadata 'nearopt': nested too deeply: expected a landscape's document") from None
    return dict(document)


def check_metadata(path: Path, document: Any) -> None:
    """Check a document against the schema. :class:`SearchSpace` checks names of parameters and constants.

    Raises:
        UserError: naming the file and the field.
    """
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise UserError(f"{path}: schema_version={reprlib.repr(version)}: expected {SCHEMA_VERSION}")
    error = jsonschema.exceptions.best_match(_validator().iter_errors(document))
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
        recorded = space.restricted(codes)
    except SpaceError as error:
        raise UserError(f"{path}: space: {error}") from None
    status = statuses(path, table)
    ok = np.array([value is Status.OK for value in status], dtype=bool)
    latency, oracle = (latencies(path, table, name, ok) for name in ("latency_ms", "oracle_ms"))
    landscape = Landscape(
        name=path.stem,
        path=path,
        space=recorded,
        codes=codes,
        status=_at(status, order),
        latency_ms=latency[order],
        oracle_ms=oracle[order],
        samples_ms=_at(samples(path, table, latency, ok), order),
        costs_s=np.stack([cost(path, table, name) for name in COSTS], axis=1)[order],
        message=_at(strings(table, "message", ""), order),
        origin=_at(origins(path, table), order),
        metadata=document,
        sha256=sha256,
        draws=cost(path, table, DRAWS)[order] if DRAWS in table.column_names else None,
    )
    if not landscape.exhaustive and not landscape.searchable.all():
        if not landscape.searchable.any():
            raise UserError(f"{path}: column 'origin': expected uniform rows in a sampled landscape")
        landscape = _with_space(landscape, space.restricted(codes[landscape.searchable]))
    return landscape


def _at(values: Sequence[Cell], order: NDArray[np.int64]) -> tuple[Cell, ...]:
    """The values of the rows in ``order``."""
    return tuple(values[row] for row in order.tolist())


def _with_space(landscape: Landscape, space: SearchSpace) -> Landscape:
    return Landscape(**{**landscape.__dict__, "space": space})
