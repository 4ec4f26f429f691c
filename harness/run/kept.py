"""The evaluations that a run's directory keeps, whether it is done or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UserError
from harness.run import contract
from harness.run.log_lines import read_lines
from harness.system.documents import read_bytes
from harness.system.text import one_line


def kept_file(run: Path) -> Path | None:
    """Where they are: in the table of a run that is done, else in its log; ``None`` where there are none.

    A run that goes on to a larger budget has the table of the smaller one beside its log until it is done again.
    """
    done = (run / contract.DONE).is_file()
    files = (contract.EVALUATIONS, contract.LOG) if done else (contract.LOG, contract.EVALUATIONS)
    return next((run / name for name in files if (run / name).is_file()), None)


def kept_rows(run: Path) -> list[dict[str, Any]]:
    """A row per evaluation in the order told, with its ``configuration`` besides the columns of the contract.

    A permutation is a list, and a parameter whose values are of several types is text in a run that is done.

    Raises:
        UserError: they cannot be read.
    """
    file = kept_file(run)
    if file is None:
        return []
    try:
        rows: list[dict[str, Any]]
        if file.name == contract.LOG:
            lines = read_lines(read_bytes(file, None))
            if lines.fault:
                raise UserError(f"{run}: damaged: {lines.fault}")
            rows = lines.rows
        else:
            rows = pq.ParquetFile(file).read().to_pylist()
            for row in rows:
                row["configuration"] = _parameters(row)
        for row in rows:
            _ = row["configuration"], row[contract.STATUS], row[contract.LATENCY_MS]
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise UserError(f"{file}: damaged ({one_line(error, 200)}): expected a run's evaluations") from None
    return rows


def _parameters(row: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a row of the table: inactive parameters are absent."""
    prefix = contract.PARAMETER_PREFIX
    return {
        name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix) and value is not None
    }
