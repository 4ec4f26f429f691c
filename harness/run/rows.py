"""Convert evaluations from lines of the log and to the columns of ``evaluations.parquet``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pyarrow as pa

from harness.evaluation import DeviceState, Evaluation, Status
from harness.run import contract
from harness.system.arrow import column
from search_spaces.space import SearchSpace

KNOWN = frozenset(field.name for field in fields(Evaluation))
DEVICE_COLUMNS = frozenset(field.name for field in fields(DeviceState))


def evaluation_of(row: dict[str, Any]) -> Evaluation:
    """The evaluation in a line of the log, ignoring unknown keys; modifies ``row``."""
    configuration = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.pop("configuration").items()
    }
    status, samples = Status(row.pop(contract.STATUS)), tuple(row.pop(contract.SAMPLES_MS))
    state, asks = row.pop("device_state", None), row.pop(contract.ASKS_S, None)
    return Evaluation(
        configuration=configuration,
        status=status,
        samples_ms=samples,
        device_state=None if state is None else DeviceState(**state),
        asks_s=None if asks is None else tuple(asks),
        **{name: value for name, value in row.items() if name in KNOWN},
    )


def table_of(evaluations: Sequence[Evaluation], space: SearchSpace) -> pa.Table:
    """``evaluations.parquet``: the columns of the contract, then one per parameter."""
    columns: dict[str, pa.Array] = {
        name: column([_cell(e, name) for e in evaluations], kind) for name, kind in contract.EVALUATION_COLUMNS.items()
    }
    for parameter in space.parameters:
        kind = parameter.kind if parameter.kind == "permutation" else parameter.column.dtype.kind
        arrow = contract.PARAMETER_TYPES.get(kind)
        values = [e.configuration.get(parameter.name) for e in evaluations]
        if arrow is None:
            arrow = contract.PARAMETER_TYPES["other"]
            values = [None if value is None else str(value) for value in values]
        columns[contract.parameter_column(parameter.name)] = column(values, arrow)
    return pa.table(columns)


def _cell(evaluation: Evaluation, name: str) -> Any:
    if name in DEVICE_COLUMNS:
        return getattr(evaluation.device_state, name, None)
    value = getattr(evaluation, name)
    return str(value) if isinstance(value, Status) else value
