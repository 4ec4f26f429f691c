"""The table of a landscape file, checked column by column; a fault is a UserError that names the file and the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import UserError
from harness.evaluation import Status
from harness.landscapes.columns import PARAMETER_PREFIX
from harness.system.arrow import float_lists, floats
from search_spaces.enumeration import Codes
from search_spaces.errors import InvalidConfiguration
from search_spaces.space import SearchSpace

ORIGINS = ("uniform", "by_parameter", "search")
STATUSES = frozenset(status.value for status in Status)

Floats = NDArray[np.float64]


def table_codes(path: Path, table: pa.Table, space: SearchSpace) -> Codes:
    """The configurations of a table with a column ``config.<name>`` per parameter, as codes, ``[rows, d]``.

    Raises:
        UserError: naming the column or row that does not fit the space.
    """
    parameters = [name for name in table.column_names if name.startswith(PARAMETER_PREFIX)]
    extra = [name for name in parameters if name.removeprefix(PARAMETER_PREFIX) not in space.names]
    if extra:
        raise UserError(f"{path}: column {extra[0]!r} is not a parameter of the space")
    if table.num_rows == 0:
        raise UserError(f"{path}: no rows: expected one configuration per row")
    codes = np.full((table.num_rows, len(space.parameters)), -1, dtype=np.int32)
    for i, parameter in enumerate(space.parameters):
        name = f"{PARAMETER_PREFIX}{parameter.name}"
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


def statuses(path: Path, table: pa.Table) -> tuple[Status, ...]:
    """The column ``status``."""
    values = table.column("status").to_pylist()
    for row, value in enumerate(values):
        if not isinstance(value, str) or value not in STATUSES:
            raise UserError(f"{path}: row {row}: status={value!r}: expected one of {', '.join(sorted(STATUSES))}")
    return tuple(Status(value) for value in values)


def _floats(path: Path, table: pa.Table, name: str) -> Floats:
    try:
        if pa.types.is_boolean(table.column(name).type):
            raise pa.ArrowInvalid("booleans are not numbers")
        return floats(table.column(name))
    except pa.ArrowException:
        raise UserError(f"{path}: column {name!r}: expected numbers, got {table.column(name).type}") from None


def latencies(path: Path, table: pa.Table, name: str, ok: NDArray[np.bool_]) -> Floats:
    """A column of latencies in ms, NaN unless ``ok``; [rows]."""
    values = _floats(path, table, name)
    for row in np.flatnonzero(ok & ~(np.isfinite(values) & (values > 0)))[:1]:
        raise UserError(f"{path}: row {row}: {name}={values[row]}: expected a positive number of ms where status is ok")
    return np.where(ok, values, np.nan)


def cost(path: Path, table: pa.Table, name: str) -> Floats:
    """A column of costs in s; zeros if it is missing; [rows]."""
    if name not in table.column_names:
        return np.zeros(table.num_rows)
    values = np.nan_to_num(_floats(path, table, name), nan=0.0, posinf=np.inf)
    for row in np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[:1]:
        raise UserError(f"{path}: row {row}: {name}={values[row]}: expected seconds, 0 or more")
    return values


def samples(path: Path, table: pa.Table, latency: Floats, ok: NDArray[np.bool_]) -> tuple[tuple[float, ...], ...]:
    """The column ``samples_ms``, empty unless ``ok``; the latency itself if it is missing."""
    if "samples_ms" not in table.column_names:
        return tuple((float(value),) if fine else () for value, fine in zip(latency, ok, strict=True))
    if (quickly := _samples_of_numbers(table.column("samples_ms"), latency, ok)) is not None:
        return quickly
    samples: list[tuple[float, ...]] = []
    for row, (cell, fine) in enumerate(zip(table.column("samples_ms").to_pylist(), ok, strict=True)):
        if not fine:
            samples.append(())
            continue
        kept = tuple(cell) if isinstance(cell, list) else (cell,)
        if cell is None or not kept:
            kept = (float(latency[row]),)
        if not isinstance(cell, list | None) or not all(
            isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < np.inf for value in kept
        ):
            raise UserError(f"{path}: row {row}: samples_ms={cell!r}: expected a list of positive numbers of ms")
        samples.append(kept)
    return tuple(samples)


def _samples_of_numbers(
    column: pa.ChunkedArray, latency: Floats, ok: NDArray[np.bool_]
) -> tuple[tuple[float, ...], ...] | None:
    """The same for valid lists of numbers; ``None`` for others, which are checked one by one."""
    if not (pa.types.is_list(column.type) and column.type.value_type in (pa.float32(), pa.float64())):
        return None
    numbers, first, end = float_lists(column)
    wrong = np.concatenate([[0], np.cumsum(~((numbers > 0) & (numbers < np.inf)))])
    if (ok & (wrong[end] > wrong[first])).any():
        return None
    flat = numbers.tolist()
    cells = zip(first.tolist(), end.tolist(), latency.tolist(), ok.tolist(), strict=True)
    return tuple((tuple(flat[a:b]) or (single,)) if fine else () for a, b, single, fine in cells)


def origins(path: Path, table: pa.Table) -> tuple[str, ...]:
    """The column ``origin``; ``uniform`` if it is missing."""
    values = strings(table, "origin", "uniform")
    for row, value in enumerate(values):
        if value not in ORIGINS:
            raise UserError(f"{path}: row {row}: origin={value!r}: expected one of {', '.join(ORIGINS)}")
    return values


def strings(table: pa.Table, name: str, default: str) -> tuple[str, ...]:
    """A column of text, with a default for missing values."""
    if name not in table.column_names:
        return tuple([default] * table.num_rows)
    return tuple(default if value is None else str(value) for value in table.column(name).to_pylist())
