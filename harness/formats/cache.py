"""Kernel Tuner's cache files, and those of tools that write the same format.

A file is one object with ``tune_params``, the values of every parameter, and ``cache``, a record per configuration with
its parameters, ``times`` (samples in ms; ``time`` is their mean), ``compile_time``, ``verification_time`` and
``benchmark_time`` (in ms). Files differ in these ways:

* A failure is the name of a class, in place of the objective's value (before version 1.0) or in ``__error__``. The
  earliest files have 1e20 instead, others Infinity, NaN or null. A ``time`` of null beside samples is ignored; any
  other of these makes the record a failure. Among samples, each of these counts as damage, and so do true or text in
  place of a number.
* A recorded time is used whatever the objective was, such as an energy or a user-defined rate.
* The last record and the closing braces are missing if a session was ended early (see :mod:`~.document`).
* ``device_name`` is empty on AMD devices.
* Records of failures have no ``times``, some of them no costs either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.document import Document, check_distinct
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.objective import LATENCIES, objectives_of, rate_as_time, rate_of
from harness.formats.values import (
    apart,
    as_json,
    check_value,
    cost_of,
    is_failure,
    is_number,
    samples_of,
    shown,
    summary_failure,
    text_of,
)

TIMES = ("times", *LATENCIES)
COST_FIELDS = ("compile_time", "verification_time", "benchmark_time")
TAKEN = frozenset(
    (
        *TIMES,
        "__error__",
        *COST_FIELDS,
        "strategy_time",
        "framework_time",
        "timestamp",
        "grid_size_x",
        "grid_size_y",
        "grid_size_z",
    )
)
"""Names that a cache's records use for something other than parameters."""
FAILURES = {
    "CompilationFailedConfig": Status.COMPILE_ERROR,
    "RuntimeFailedConfig": Status.RUNTIME_ERROR,
    # The device cannot launch it (too many threads, too much shared memory), or it breaks a rule of the space.
    "InvalidConfig": Status.OUT_OF_RESOURCES,
    "ErrorConfig": Status.RUNTIME_ERROR,
}


def read_cache(document: Document) -> ForeignRecording:
    """Read the recording in a cache.

    Raises:
        UserError: the cache is damaged; the message names the file, the record and the field.
    """
    path, content = document.path, document.content
    objectives = objectives_of(f"{path}: objective", content.get("objective"))
    names, domains = _domains(document, TAKEN.union(objectives))
    records = content.get("cache")
    if not isinstance(records, Mapping) or not records:
        raise UserError(f"{path}: cache: expected an object with a record per configuration")
    timing = {"source": "Kernel Tuner cache"}
    rate = None
    tried = [record for record in records.values() if isinstance(record, Mapping)]
    tried = [record for record in tried if not _failure(record, objectives, None)]
    if tried and not any(record.get(name) for record in tried for name in TIMES):
        rate = rate_of(f"{path}: objective", content.get("objective"))
    if rate is not None:
        timing["unit"] = f"no time was recorded: latencies are 1/({rate})"
    rows = [
        _row(f"{path}: cache[{shown(key)}]", key, names, record, objectives, rate) for key, record in records.items()
    ]
    return ForeignRecording(
        path=path,
        domains=domains,
        declared=True,
        rows=rows,
        complete=document.complete,
        device=text_of(content.get("device_name")),
        kernel=text_of(content.get("kernel_name")),
        problem_size=content.get("problem_size"),
        timing=timing,
        read_as="ms, Kernel Tuner's unit" if rate is None else f"1/({rate}): no time was recorded",
    )


def _domains(document: Document, taken: frozenset[str]) -> tuple[list[str], dict[str, Sequence[Any]]]:
    path, domains = document.path, document.content.get("tune_params")
    if not isinstance(domains, dict) or not domains:
        raise UserError(f"{path}: tune_params: expected an object with the values of every parameter")
    check_distinct(f"{path}: tune_params", domains)
    names = document.content.get("tune_params_keys", list(domains))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or set(names) != set(domains):
        raise UserError(f"{path}: tune_params_keys: expected the names of tune_params")
    names = list(dict.fromkeys(names))
    for name in names:
        if name in taken:
            raise UserError(
                f"{path}: tune_params.{name}: expected another name: a cache's records use {name!r} for something else"
            )
        if not isinstance(domains[name], list) or not domains[name]:
            raise UserError(f"{path}: tune_params.{name}: expected a list of strings or numbers")
        for value in domains[name]:
            check_value(f"{path}: tune_params.{name}", value)
    return names, {name: domains[name] for name in names}


def _row(
    where: str, key: str, names: Sequence[str], record: Any, objectives: Sequence[str], rate: str | None
) -> ForeignRow:
    if not isinstance(record, Mapping):
        raise UserError(f"{where}: expected an object")
    check_distinct(where, record)
    for name in names:
        if name not in record:
            raise UserError(f"{where}: {name} is missing")
        check_value(f"{where}: {name}", record[name])
    values = {name: record[name] for name in names}
    _check_key(where, key, values)
    failure = _failure(record, objectives, rate)
    compile_s, verify_s, benchmark_s = (cost_of(f"{where}: {name}", record.get(name)) for name in COST_FIELDS)
    return ForeignRow(
        where=where,
        values=values,
        status=FAILURES.get(failure, Status.RUNTIME_ERROR) if failure else Status.OK,
        samples_ms=() if failure else _samples(where, record, rate),
        costs_s=(compile_s, verify_s, benchmark_s),
        message=failure,
    )


def _check_key(where: str, key: str, values: Mapping[str, Any]) -> None:
    """Refuse a record that contradicts its key: Kernel Tuner finds records by their key only."""
    said = key.split(",")
    if len(said) != len(values):  # a string contains a comma
        return
    for text, (name, value) in zip(said, values.items(), strict=True):
        if text != str(value) and not _same_number(text, value):
            raise UserError(f"{where}: {name}={shown(value)}: expected {shown(text)}, as its key says")


def _same_number(text: str, value: Any) -> bool:
    if value is None:
        return text == "null"
    try:
        return float(text) == float(value)
    except (TypeError, ValueError):
        return text.lower() == str(value).lower()


def _failure(record: Mapping[str, Any], objectives: Sequence[str], rate: str | None) -> str:
    """Return the failure's class name, or what stands in place of the latency; empty for a success."""
    error = record.get("__error__")
    if error is not None:
        return text_of(error) or "ErrorConfig"
    for name in ("time", *objectives):
        value = record.get(name)
        if isinstance(value, str) and value in FAILURES:
            return value
    if rate is not None:
        value = record.get(rate)
        worst = isinstance(value, int | float) and is_failure(-value)  # rates are maximised
        return f"{rate} is {as_json(value)}" if value is None or worst else ""
    for name in LATENCIES:
        value = record.get(name)
        if value is not None and is_failure(value):
            return f"{name} is {as_json(value)}"
    field = next((name for name in TIMES if record.get(name)), None)
    if field is None:
        null = next((name for name in TIMES if name in record and record[name] is None), None)
        return "" if null is None else f"{null} is null"
    samples = record[field]
    if isinstance(samples, list) and all(is_failure(sample) for sample in samples):
        return f"{field} is {as_json(samples[0])}"
    return ""


def _samples(where: str, record: Mapping[str, Any], rate: str | None) -> tuple[float, ...]:
    if rate is not None:
        return (rate_as_time(f"{where}: {rate}", record.get(rate)),)
    for name in LATENCIES:
        summary_failure(f"{where}: {name}", record.get(name))
    field = next((name for name in TIMES if record.get(name)), "times")
    samples = samples_of(f"{where}: {field}", record.get(field))
    stated: Any = next((record[name] for name in LATENCIES if record.get(name)), None)
    if is_number(stated) and apart(stated, samples):
        raise UserError(f"{where}: time={shown(stated)} and {field}={shown(record[field])}: expected one unit, ms")
    return samples
