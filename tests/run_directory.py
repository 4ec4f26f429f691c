"""Results folders as JSON, and their validation by the committed schema: see harness/run/README.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, get_origin, get_type_hints

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

FILE = Path(__file__).resolve().parents[1] / "harness/run/run_directory.schema.json"
SCHEMA: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
DEFS: Mapping[str, Any] = SCHEMA["$defs"]


def faults(document: Any, of: str = "results") -> list[str]:
    """List the violations of the schema's definition ``of``; empty if ``document`` is valid."""
    validator = jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{of}"})
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(document)]


def folder(path: Path) -> dict[str, Any]:
    """Convert a folder to the JSON that the schema describes."""
    return {entry.name: folder(entry) if entry.is_dir() else content(entry) for entry in sorted(path.iterdir())}


def content(path: Path) -> Any:
    """Convert a file to the JSON that the schema describes."""
    if path.suffix == ".parquet":
        return parquet(pq.read_schema(path))
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [line if path.parent.name.startswith("aborted") else json.loads(line) for line in text.split("\n")[:-1]]
    if path.suffix == ".yaml":
        return yaml.safe_load(text)
    return json.loads(text) if path.suffix == ".json" or path.name in ("DONE", "FAILED", ".owner") else text


def parquet(schema: pa.Schema) -> dict[str, Any]:
    """Convert a Parquet file to the JSON that the schema describes."""
    said = (schema.metadata or {}).get(b"nearopt")
    return {
        "columns": {column.name: type_name(column.type) for column in schema},
        **({} if said is None else {"metadata": json.loads(said)}),
    }


def type_name(arrow: pa.DataType) -> str:
    """Return the schema's name of an Arrow type."""
    if pa.types.is_list(arrow):
        return f"list<{type_name(arrow.value_type)}>"
    return type_name(arrow.value_type) if pa.types.is_dictionary(arrow) else str(arrow)


def arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type that the schema calls ``name``."""
    if name.startswith("list<"):
        return pa.list_(arrow_type(name[len("list<") : -1]))
    return pa.type_for_alias(name)


def columns(file: str) -> dict[str, pa.DataType]:
    """Return the columns that the schema names for a Parquet file."""
    named = DEFS[file]["properties"]["columns"]["properties"]
    return {name: arrow_type(column["const"]) for name, column in named.items()}


def required_keys(document: type) -> set[str]:
    """Return the required keys of a TypedDict; postponed annotations hide these from ``__required_keys__``."""
    hints = get_type_hints(document, include_extras=True)
    return {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}
