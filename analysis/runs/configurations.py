"""The configurations that a run evaluated, by the keys of recorded tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.run_directory import first_line

PREFIX = "config."


def read_log(run: Path) -> list[dict[str, Any]] | None:
    """The rows of a run's ``evaluations.parquet``, each with a ``key``; ``None`` without such a file.

    A consolidated run has none, because its configurations are not kept. The key is that of ``reference.parquet``: the
    values of the active parameters as compact JSON, in the order of the space, which is that of the columns.

    Raises:
        AnalysisError: the file cannot be read.
    """
    path = run / contract.EVALUATIONS
    if not path.is_file():
        return None
    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise AnalysisError(f"{path}: damaged: {first_line(error)}") from error
    return [{**row, contract.KEY: _key(row)} for row in rows]


def _key(row: dict[str, Any]) -> str:
    values = {name.removeprefix(PREFIX): v for name, v in row.items() if name.startswith(PREFIX) and v is not None}
    return json.dumps(values, separators=(",", ":"))
