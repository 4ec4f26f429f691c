"""Kernel Tuner's cache files, and those of tools that write the same.

One object: ``tune_params`` with the values of every parameter, and ``cache`` with a record per configuration: its
parameters, ``times`` (samples, ms; ``time`` is their mean), ``compile_time``, ``verification_time`` and
``benchmark_time`` (ms). What differs between files:

* A failure is a class's name where the objective's value would be (before version 1.0), or in ``__error__``; the
  earliest files have 1e20 instead.
* The last record and the closing braces are missing where a session was ended early (see :mod:`~.document`).
* ``device_name`` is empty on AMD devices.
* Records of failures have no ``times``, some of them no costs either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.document import Document
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.objective import LATENCIES, objective_of, rate_as_time
from harness.formats.values import ERROR_VALUE, check_value, cost_of, is_number, samples_of, shown, text_of

COST_FIELDS = ("compile_time", "verification_time", "benchmark_time")
FAILURES = {
    "CompilationFailedConfig": Status.COMPILE_ERROR,
    "RuntimeFailedConfig": Status.RUNTIME_ERROR,
    # What a device cannot launch: too many threads, too much shared memory; also what breaks a rule of the space.
    "InvalidConfig": Status.OUT_OF_RESOURCES,
    "ErrorConfig": Status.RUNTIME_ERROR,
}


def read_cache(document: Document) -> ForeignRecording:
    """The recording in a cache.

    Raises:
        UserError: naming the file, the record and the field at fault.
    """
    path, content = document.path, document.content
    names, domains = _domains(document)
    objective = objective_of(f"{path}: objective", content.get("objective"))
    records = content.get("cache")
    if not isinstance(records, Mapping) or not records:
        raise UserError(f"{path}: cache: expected an object with a record per configuration")
    timing = {"source": "Kernel Tuner cache"}
    rate = None
    if objective not in LATENCIES and not any(_timed(record, objective) for record in records.values()):
        rate, timing["unit"] = objective, f"no time was recorded: latencies are 1/({objective})"
    rows = [
        _row(f"{path}: cache[{shown(key)}]", key, names, record, objective, rate) for key, record in records.items()
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
    )


def _domains(document: Document) -> tuple[list[str], dict[str, Sequence[Any]]]:
    path, domains = document.path, document.content.get("tune_params")
    if not isinstance(domains, dict) or not domains:
        raise UserError(f"{path}: tune_params: expected an object with the values of every parameter")
    names = document.content.get("tune_params_keys", list(domains))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or set(names) != set(domains):
        raise UserError(f"{path}: tune_params_keys: expected the names of tune_params")
    if len(names) != len(domains):
        raise UserError(f"{path}: tune_params_keys: a name occurs twice")
    for name in names:
        if not isinstance(domains[name], list) or not domains[name]:
            raise UserError(f"{path}: tune_params.{name}: expected a list of strings or numbers")
        for value in domains[name]:
            check_value(f"{path}: tune_params.{name}", value)
    return names, {name: domains[name] for name in names}


def _timed(record: Any, objective: str) -> bool:
    """Whether a record has a latency."""
    if not isinstance(record, Mapping) or _failure(record, objective):
        return False
    return any(record.get(name) for name in ("times", *LATENCIES))


def _row(where: str, key: str, names: Sequence[str], record: Any, objective: str, rate: str | None) -> ForeignRow:
    if not isinstance(record, Mapping):
        raise UserError(f"{where}: expected an object")
    for name in names:
        if name not in record:
            raise UserError(f"{where}: {name} is missing")
        check_value(f"{where}: {name}", record[name])
    values = {name: record[name] for name in names}
    _check_key(where, key, values)
    failure = _failure(record, objective)
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
    """Kernel Tuner finds a record by its key alone: one that says something else is no record of either."""
    said = key.split(",")
    if len(said) != len(values):  # strings with commas
        return
    for text, (name, value) in zip(said, values.items(), strict=True):
        if text != str(value) and not _same_number(text, value):
            raise UserError(f"{where}: {name}={shown(value)}: expected {shown(text)}, as its key says")


def _same_number(text: str, value: Any) -> bool:
    try:
        return float(text) == float(value)
    except (TypeError, ValueError):
        return text.lower() == str(value).lower()


def _failure(record: Mapping[str, Any], objective: str) -> str:
    """The failure's class name, empty for a success."""
    error = record.get("__error__")
    if error is not None:
        return text_of(error) or "ErrorConfig"
    for value in (record.get("time"), record.get(objective)):
        if isinstance(value, str) and value in FAILURES:
            return value
    time = record.get("time", 0)
    return "ErrorConfig" if is_number(time) and time >= ERROR_VALUE else ""


def _samples(where: str, record: Mapping[str, Any], rate: str | None) -> tuple[float, ...]:
    if rate is not None:
        return (rate_as_time(f"{where}: {rate}", record.get(rate)),)
    field = next((name for name in ("times", *LATENCIES) if record.get(name)), "times")
    return samples_of(f"{where}: {field}", record.get(field))
