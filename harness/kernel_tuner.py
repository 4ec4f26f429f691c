"""Kernel Tuner's cache files as landscapes.

A cache is one JSON document, plain or gzipped: ``tune_params`` with the values of every parameter, and ``cache`` with a
record per configuration: its parameters, ``times`` (samples, ms), ``compile_time``, ``verification_time``,
``benchmark_time`` (ms), and for a failure a class name as text in ``time`` or in an ``__error__`` field.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from math import isfinite, log2
from pathlib import Path
from statistics import median
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.landscape import COSTS
from harness.landscape_write import write_landscape
from search_spaces.errors import SpaceError
from search_spaces.parameter import Boolean, Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

MS_PER_S = 1e3
COST_FIELDS = dict(zip(COSTS, ("compile_time", "verification_time", "benchmark_time"), strict=True))
FAILURES = {
    "CompilationFailedConfig": Status.COMPILE_ERROR,
    "RuntimeFailedConfig": Status.RUNTIME_ERROR,
    # What a device cannot launch: too many threads, too much shared memory.
    "InvalidConfig": Status.OUT_OF_RESOURCES,
}


def import_cache(path: Path, out: Path) -> Path:
    """Write the landscape of a cache file.

    A constraint that the tuned space had is not in the file: the recorded configurations are the space.

    Raises:
        UserError: naming the file and the field at fault; nothing is written then.
    """
    document = _read(path)
    names, domains = _domains(path, document)
    try:
        space = SearchSpace([parameter for name in names for parameter in _parameter(name, domains[name])])
    except SpaceError as error:
        raise UserError(f"{path}: tune_params: {error}") from None
    cache = document.get("cache")
    if not isinstance(cache, Mapping) or not cache:
        raise UserError(f"{path}: cache: expected an object with a record per configuration")
    objective = document.get("objective", "time")
    if objective != "time":
        raise UserError(f"{path}: objective={objective!r}: expected time (latencies in ms)")
    columns = _columns(path, space, domains, cache)
    write_landscape(out, space, columns, _metadata(out, document))
    return out


def _read(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        document = json.loads(text)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}): expected a Kernel Tuner cache") from None
    except (ValueError, EOFError, zlib.error, RecursionError) as error:
        raise UserError(f"{path}: not a complete JSON file ({' '.join(str(error).split())[:120]})") from None
    if not isinstance(document, dict):
        raise UserError(f"{path}: expected a Kernel Tuner cache, an object")
    return document


def _domains(path: Path, document: Mapping[str, Any]) -> tuple[list[str], dict[str, list[Any]]]:
    domains = document.get("tune_params")
    if not isinstance(domains, dict) or not domains:
        raise UserError(f"{path}: tune_params: expected an object with the values of every parameter")
    names = document.get("tune_params_keys", list(domains))
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(domains):
        raise UserError(f"{path}: tune_params_keys: expected the names of tune_params")
    for name in names:
        values = domains[name]
        if not isinstance(values, list) or not values or not all(isinstance(v, str | int | float) for v in values):
            raise UserError(f"{path}: tune_params.{name}: expected a list of strings or numbers")
    return names, domains


def _parameter(name: str, values: Sequence[Any]) -> list[Parameter]:
    """DESIGN's kinds: one value is dropped, {0, 1} boolean, powers of two log2, other numbers ordinal."""
    if len(values) == 1:
        return []
    if any(isinstance(value, str) for value in values):
        return [Categorical(name, tuple(str(value) for value in values))]
    if set(values) == {0, 1}:
        return [Boolean(name)]
    levels = tuple(sorted(values))
    powers = all(level > 0 and isfinite(level) and log2(level).is_integer() for level in levels)
    return [Ordinal(name, levels, "log2" if powers else "linear")]


def _columns(
    path: Path, space: SearchSpace, domains: Mapping[str, list[Any]], cache: Mapping[str, Any]
) -> dict[str, Any]:
    columns: dict[str, list[Any]] = {
        name: []
        for name in ("configurations", "status", "latency_ms", "oracle_ms", "samples_ms", *COSTS, "message", "origin")
    }
    for key, record in cache.items():
        where = f"{path}: cache[{key[:80]!r}]"
        if not isinstance(record, Mapping):
            raise UserError(f"{where}: expected an object")
        columns["configurations"].append(_configuration(where, space, domains, record))
        failure = _failure(record)
        samples = [] if failure else _samples(where, record)
        latency = None if failure else median(samples)
        columns["status"].append(FAILURES.get(failure, Status.RUNTIME_ERROR) if failure else Status.OK)
        columns["samples_ms"].append(samples)
        columns["latency_ms"].append(latency)
        columns["oracle_ms"].append(latency)
        columns["message"].append(failure)
        columns["origin"].append("uniform")
        for name, field in COST_FIELDS.items():
            columns[name].append(_cost(where, record, field))
    return columns


def _configuration(
    where: str, space: SearchSpace, domains: Mapping[str, list[Any]], record: Mapping[str, Any]
) -> dict[str, Any]:
    for name, values in domains.items():
        if name not in record:
            raise UserError(f"{where}: {name} is missing")
        if record[name] not in values:
            raise UserError(f"{where}: {name}={record[name]!r}: expected one of tune_params.{name}")
    configuration = {}
    for parameter in space.parameters:
        value = record[parameter.name]
        configuration[parameter.name] = parameter.values[
            parameter.code_of[str(value) if parameter.kind == "categorical" else value]
        ]
    return configuration


def _failure(record: Mapping[str, Any]) -> str:
    """The failure's class name, empty for a success."""
    for found in (record.get("__error__"), record.get("time")):
        if isinstance(found, str) and found:
            return found[:200]
    return ""


def _samples(where: str, record: Mapping[str, Any]) -> list[float]:
    samples = record.get("times") or [record.get("time")]
    good = isinstance(samples, list) and all(
        isinstance(s, int | float) and not isinstance(s, bool) and isfinite(s) and s > 0 for s in samples
    )
    if not good:
        raise UserError(f"{where}: times: expected positive numbers of ms")
    return [float(sample) for sample in samples]


def _cost(where: str, record: Mapping[str, Any], field: str) -> float:
    value = record.get(field) or 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not (isfinite(value) and value >= 0):
        raise UserError(f"{where}: {field}={value!r}: expected a number of ms, 0 or more")
    return value / MS_PER_S


def _metadata(out: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    device = str(document.get("device_name") or "") or "unknown device"
    task, _, slug = out.stem.partition("__")
    return {
        "task": task,
        "kernel": task.split("-")[0],
        "device": {"name": device, "slug": slug or re.sub(r"[^A-Za-z0-9_.-]+", "-", device).strip("-").lower()},
        "coverage": {"kind": "exhaustive"},
        "shape": {"problem_size": document.get("problem_size")},
        "timing": {"source": "Kernel Tuner cache", "kernel_name": document.get("kernel_name")},
    }
