"""Writing landscape files: the smallest sufficient types, compressed, written atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.landscapes.columns import METADATA_KEY, PARAMETER_PREFIX
from harness.landscapes.landscape import COSTS, RECORDER, SCHEMA_VERSION, check_metadata
from harness.system.atomic import replacing
from search_spaces.parameter import Permutation
from search_spaces.space import SearchSpace


def write_landscape(path: Path, space: SearchSpace, columns: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """Write a landscape file atomically.

    Args:
        path: the file to write.
        space: the search space, stored in the metadata.
        columns: ``configurations`` (a list of mappings) and the table's other columns by name.
        metadata: the document without ``schema_version`` and ``space``.

    Raises:
        UserError: the document does not fit the schema.
    """
    document = {"schema_version": SCHEMA_VERSION, **metadata, "space": space.to_json()}
    check_metadata(path, document)
    configurations = columns["configurations"]
    arrays: dict[str, pa.Array] = {}
    for parameter in space.parameters:
        values = [configuration.get(parameter.name) for configuration in configurations]
        if isinstance(parameter, Permutation):
            values = [None if value is None else list(value) for value in values]
        arrays[f"{PARAMETER_PREFIX}{parameter.name}"] = _smallest(pa.array(values))
    arrays["status"] = pa.array([str(status) for status in columns["status"]]).dictionary_encode()
    for name in ("latency_ms", "oracle_ms"):
        arrays[name] = pa.array(columns[name], type=pa.float64(), from_pandas=True)
    if "samples_ms" in columns:
        arrays["samples_ms"] = pa.array(columns["samples_ms"], type=pa.list_(pa.float32()))
    for name in COSTS:
        if name in columns:
            arrays[name] = pa.array(columns[name], type=pa.float32())
    for name in ("message", "origin"):
        if name in columns:
            arrays[name] = pa.array(columns[name], type=pa.string()).dictionary_encode()
    for name in RECORDER:
        if name in columns:
            arrays[name] = _smallest(pa.array(columns[name]))
    table = pa.table(arrays).replace_schema_metadata({METADATA_KEY: json.dumps(document).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", compression_level=12)


def _smallest(array: pa.Array) -> pa.Array:
    if pa.types.is_integer(array.type):
        for width in (pa.int8(), pa.int16(), pa.int32()):
            try:
                return array.cast(width)
            except pa.ArrowInvalid:
                continue
    return array.dictionary_encode() if pa.types.is_string(array.type) else array
