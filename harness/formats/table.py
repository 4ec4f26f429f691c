"""Read any table with a row for each measurement: CSV (RFC 4180, also with ``;`` or tabs), or Parquet.

A table does not say what its columns mean. ``--config-columns`` names the parameters, ``--time-column`` the latency
and ``--status-column`` the outcome of an evaluation, if the table has it. The unit of the latency comes from the
column's name or from ``--unit``. An evaluation is a failure if its time is empty, NaN, Infinity or a word for a
failure, or if its status is not a word for success.

Several rows of one configuration are refused unless ``--repeats`` says what they are: usually a column is missing from
``--config-columns``, and pooling the rows would turn several kernels into one.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.cells import status_of, time_cell, typed_column
from harness.formats.document import read_bytes
from harness.formats.file import ForeignFile
from harness.formats.flatten import domains, flattened
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.options import REPEATS, ReadOptions
from harness.formats.units import check_plausible, unit_of_column
from harness.formats.values import MS_PER_S, shown, text_of
from harness.landscapes.columns import METADATA_KEY
from harness.system.near import expected_name
from harness.system.text import one_line

PARQUET = b"PAR1"
DELIMITERS = ",;\t"
MAX_ROWS = 2_000_000


@dataclass(frozen=True)
class Table:
    """The cells of a table as in the file: columns by name, and the place of each row for messages."""

    path: Path
    columns: Mapping[str, Sequence[Any]]
    wheres: Sequence[str]


def is_table(file: ForeignFile) -> bool:
    """Return whether a file is Parquet, or text that is not JSON."""
    return file.head.startswith(PARQUET) or (not file.is_json and b"\0" not in file.head)


def read_table(file: ForeignFile, options: ReadOptions) -> list[ForeignRecording]:
    """Read the recording in a table.

    Raises:
        UserError: an option does not fit the table, or a cell is damaged; the message names it.
    """
    table = _parquet(file.path) if file.head.startswith(PARQUET) else _csv(file)
    time_column = _checked_options(table, options)
    unit_s, read_as = unit_of_column(file.path, time_column, options.unit)
    typed = [typed_column(table.columns[name]) for name in options.config_columns]
    rows = [dict(zip(options.config_columns, values, strict=True)) for values in zip(*typed, strict=True)]
    flat = flattened(file.path, table.wheres, rows)
    words = table.columns[options.status_column] if options.status_column else [None] * len(flat)
    cells = zip(table.wheres, flat, table.columns[time_column], words, strict=True)
    read = [_row(where, time_column, values, cell, word, unit_s) for where, values, cell, word in cells]
    read = _without_repeats(table, read, options)
    check_plausible(file.path, (sample for row in read for sample in row.samples_ms), read_as)
    return [
        ForeignRecording(
            path=file.path,
            domains=domains([row.values for row in read]),
            declared=False,
            rows=read,
            timing={
                "source": f"a table's column {text_of(time_column)}",
                "unit": read_as,
                "benchmark_s": "not in the table: the samples stand for it",
            },
            read_as=read_as,
        )
    ]


def _checked_options(table: Table, options: ReadOptions) -> str:
    """Return the column of the latency, after checking that each option names a different column.

    Raises:
        UserError: an option does not fit the table; the message names it.
    """
    names = list(table.columns)
    if not options.config_columns or options.time_column is None:
        missing = "--time-column with one" if options.config_columns else "--config-columns with some"
        raise UserError(f"{table.path}: a table: expected {missing} of its columns: {one_line(', '.join(names), 300)}")
    status = () if options.status_column is None else (("--status-column", options.status_column),)
    given = [("--config-columns", name) for name in options.config_columns]
    taken: dict[str, str] = {}
    for option, name in (*given, ("--time-column", options.time_column), *status):
        if name not in table.columns:
            raise UserError(f"{option} {name}: {table.path} has no such column: expected {expected_name(name, names)}")
        if name in taken:
            raise UserError(f"{option} {name}: {taken[name]} already names it: expected another column")
        taken[name] = option
    return options.time_column


def _row(where: str, column: str, values: Mapping[str, Any], cell: Any, word: Any, unit_s: float) -> ForeignRow:
    samples, message = time_cell(f"{where}: {column}", cell, unit_s * MS_PER_S)
    status = Status.OK if samples else status_of(message)
    if word is not None:
        said = status_of(str(word))
        if said is not Status.OK:
            samples, status, message = (), said, text_of(word)
        elif not samples:
            message = f"{message}, though it is called {text_of(word)}"
    if status is Status.OK and not samples:
        status = Status.RUNTIME_ERROR
    return ForeignRow(where, values, status, samples, (0.0, 0.0, sum(samples) / MS_PER_S), message)


def _without_repeats(table: Table, rows: Sequence[ForeignRow], options: ReadOptions) -> list[ForeignRow]:
    """Merge the rows of each configuration; with ``--repeats first`` the import itself keeps the first row.

    Raises:
        UserError: a configuration has several rows, and ``--repeats`` is not given.
    """
    if options.repeats == "first":
        return list(rows)
    by_key: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_key.setdefault(repr(list(row.values.values())), []).append(i)
    several = [of for of in by_key.values() if len(of) > 1]
    if several and options.repeats is None:
        one, other = several[0][:2]
        differ = [
            name
            for name, cells in table.columns.items()
            if name not in (*options.config_columns, options.time_column, options.status_column)
            and cells[one] != cells[other]
        ]
        hint = f" (they differ in {', '.join(map(shown, differ[:5]))})" if differ else ""
        place = rows[other].where.removeprefix(f"{table.path}: ")
        raise UserError(
            f"{rows[one].where} and {place} are one configuration by --config-columns{hint}: "
            f"expected a further column, or --repeats {' or '.join(REPEATS)}"
        )
    return [_merged([rows[i] for i in of]) for of in by_key.values()]


def _merged(rows: Sequence[ForeignRow]) -> ForeignRow:
    """Return one row with the samples of several; it is a failure only if all of them failed."""
    samples = tuple(sample for row in rows for sample in row.samples_ms)
    first = next((row for row in rows if row.samples_ms), rows[0])
    return replace(first, samples_ms=samples, costs_s=(0.0, 0.0, sum(samples) / MS_PER_S))


def _csv(file: ForeignFile) -> Table:
    path = file.path
    first = file.first_line
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(file.text.split("\n"), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    wheres: list[str] = []
    header: list[str] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{path}: line {reader.line_num}: {len(cells)} cells: expected {len(header)}, as in the header"
                )
            rows.append(cells)
            wheres.append(f"{path}: line {reader.line_num}")
            if len(rows) > MAX_ROWS:
                raise UserError(f"{path}: more than {MAX_ROWS} rows: expected a smaller table")
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: {error}: expected CSV") from None
    _check_header(path, header, len(rows))
    return Table(path, {name: [row[i] for row in rows] for i, name in enumerate(header)}, wheres)


def _parquet(path: Path) -> Table:
    data = read_bytes(path, expected="a Parquet file")
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if METADATA_KEY in (file.schema_arrow.metadata or {}):
            raise UserError(f"{path}: is already a landscape: use it as backend.landscape={path}")
        if file.metadata.num_rows > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS} rows: expected a smaller table")
        table = file.read()
        _check_header(path, table.column_names, table.num_rows)
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable Parquet file, perhaps truncated ({one_line(error, 120)})") from None
    return Table(path, columns, [f"{path}: row {i}" for i in range(table.num_rows)])


def _check_header(path: Path, header: Sequence[str], rows: int) -> None:
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise UserError(f"{path}: column {shown(twice[0])} occurs twice: expected each once")
    if not rows:
        raise UserError(f"{path}: no row below the header: expected one for each measurement")
