"""Read the evaluations in a run's directory, whether the run is finished or not."""

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
    """The file with the evaluations: the table of a finished run, otherwise its log; ``None`` if there is none.

    A run that is being extended has the table of the smaller budget beside its log until it is done again.
    """
    done = (run / contract.DONE).is_file()
    files = (contract.EVALUATIONS, contract.LOG) if done else (contract.LOG, contract.EVALUATIONS)
    return next((run / name for name in files if (run / name).is_file()), None)


def kept_rows(run: Path) -> list[dict[str, Any]]:
    """One row per evaluation in the order told, with its ``configuration`` and the columns of the contract.

    A permutation is a list; in a finished run, a parameter with values of several types is text.

    Raises:
        UserError: the evaluations cannot be read.
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
    """The configuration in a row of the table, without inactive parameters."""
    prefix = contract.PARAMETER_PREFIX
    return {
        name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix) and value is not None
    }
