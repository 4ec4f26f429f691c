"""The data card of an archive as Croissant metadata (MLCommons Croissant 1.0, JSON-LD).

The format is specified at https://docs.mlcommons.org/croissant/docs/croissant-spec.html. ``mlcroissant`` 1.1.1
validates the output of this module and reads its record sets without warnings if ``url`` is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.landscapes.columns import PARAMETER_PREFIX

SPECIFICATION = "http://mlcommons.org/croissant/1.0"
RESPONSIBLE = "http://mlcommons.org/croissant/RAI/1.0"
LICENCE = "https://spdx.org/licenses/MIT.html"
NAME = "nearopt-landscapes"
AUTHORS = "The NearOpt authors"
DESCRIPTION = (
    "Recorded landscapes of GPU-kernel search spaces: for every configuration, or a uniform sample, its status, "
    "latency samples in ms and what it cost to compile, verify and time."
)
KEYWORDS = ("autotuning", "GPU kernels", "performance", "benchmark", "Triton", "search space")
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of the specification; tools warn about any other."""
MEDIA_TYPES = {
    ".gz": "application/gzip",
    ".json": "application/json",
    ".parquet": "application/x-parquet",
    ".md": "text/markdown",
}
COLUMNS = {
    "status": "ok, or what the evaluation failed of",
    "latency_ms": "median of the samples, in ms; missing unless ok",
    "oracle_ms": "best known latency, in ms; missing unless ok",
    "samples_ms": "latency samples, in ms",
    "compile_s": "cost of compiling, in s",
    "verify_s": "cost of checking the result, in s",
    "benchmark_s": "cost of timing, in s",
    "message": "what the failure said",
    "origin": "uniform, or found by a search",
}
"""Descriptions of the columns of a landscape; other columns are parameters or facts of the recorder."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a landscape file: its name, its Croissant type, and whether a cell is a list of such values."""

    name: str
    data_type: str
    repeated: bool


def fields_of(path: Path) -> tuple[Field, ...]:
    """Return the columns of a landscape file, in its order."""
    return tuple(_field(column) for column in pq.read_schema(path))


def _field(column: pa.Field) -> Field:
    kind = column.type
    repeated = pa.types.is_list(kind)
    kind = kind.value_type if repeated or pa.types.is_dictionary(kind) else kind
    if pa.types.is_boolean(kind):
        return Field(column.name, "sc:Boolean", repeated)
    if pa.types.is_integer(kind):
        return Field(column.name, "sc:Integer", repeated)
    return Field(column.name, "sc:Float" if pa.types.is_floating(kind) else "sc:Text", repeated)


def croissant(
    files: Sequence[tuple[str, str]],
    tables: Mapping[str, Sequence[Field]],
    published: str,
    how: Sequence[str],
    url: str | None,
) -> dict[str, Any]:
    """Return the Croissant document.

    Args:
        files: relative paths and their SHA-256 digests.
        tables: the columns of the landscape files among them, by path.
        published: the date of publication, YYYY-MM-DD.
        how: sentences on how the landscapes were recorded (Croissant's RAI vocabulary).
        url: where the archive will be published; required by the specification.
    """
    year, month, day = (int(part) for part in published.split("-"))
    title = "Recorded landscapes of GPU-kernel search spaces"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [SPECIFICATION, RESPONSIBLE],
        "name": NAME,
        "description": DESCRIPTION,
        "license": LICENCE,
        **({} if url is None else {"url": url}),
        "creator": {"@type": "sc:Organization", "name": AUTHORS},
        "datePublished": published,
        "version": f"{year}.{month}.{day}",
        "keywords": list(KEYWORDS),
        "citeAs": f"@misc{{{NAME}, title={{{title}}}, author={{{{{AUTHORS}}}}}, year={{{year}}}}}",
        "rai:dataCollection": ". ".join(how) + ".",
        "rai:dataCollectionType": "Experiments",
        "distribution": [_file(path, digest) for path, digest in files],
        "recordSet": [_record_set(path, fields) for path, fields in tables.items()],
    }


def _file(path: str, digest: str) -> dict[str, str]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "encodingFormat": MEDIA_TYPES[Path(path).suffix],
        "sha256": digest,
    }


def _record_set(path: str, fields: Sequence[Field]) -> dict[str, Any]:
    name = Path(path).stem
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"One record a configuration of {name}.",
        "field": [_record_field(path, name, field) for field in fields],
    }


def _record_field(path: str, record_set: str, field: Field) -> dict[str, Any]:
    parameter = field.name.removeprefix(PARAMETER_PREFIX)
    said = f"parameter {parameter}; missing where it is inactive" if parameter != field.name else "fact of the recorder"
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{field.name}",
        "name": field.name,
        "description": COLUMNS.get(field.name, said),
        "dataType": field.data_type,
        **({"repeated": True} if field.repeated else {}),
        "source": {"fileObject": {"@id": path}, "extract": {"column": field.name}},
    }
