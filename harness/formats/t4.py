"""T4 results, the autotuning community's output format (Kernel Tuner, KTT, CATBench, autotuning_methodology).

``results`` has an object per evaluation: ``configuration``, ``times``, ``invalidity``, ``measurements`` and
``objectives``. The schema requires little of it, and files differ:

* ``metadata.timeunit`` is "milliseconds", "miliseconds" (sic, in benchmark_hub), "ms", and so on. A measurement's own
  ``unit`` is often the empty string, which means the file's unit. Without ``timeunit``, the numbers in ``times`` are in
  the unit in which they agree with the measurement (for KTT's converter, microseconds). If that does not tell, they are
  in seconds, as in the methodology package. Numbers that contradict each other are refused.
* The latency is the measurement in a unit of time, whatever its name (``TotalDuration``) and whatever else was tuned
  for.
* The schema's ``compilation_time`` is ``compilation`` in the files.
* benchmark_hub's files have no ``benchmark`` time. The sum of the samples replaces it, because the kernel ran at least
  that long.
* ``correctness`` is 0 for every failure in old files and 1 for all results in new ones, so only ``invalidity`` is used.
* A latency of Infinity, NaN or 1e20 is a failure, whatever samples are beside it; null beside samples is ignored.
* A search that returns to a configuration lists it again, with Kernel Tuner's costs set to 0; the first result counts.
* CATBench calls its latency ``compute_time``, and writes permutations as text, "(0, 2, 1)".
* The files state no domains: the values that occur are the domains, unless a T1 description has more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.document import Document, check_distinct
from harness.formats.flatten import domains
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.objective import LATENCIES, rate_as_time, rate_of
from harness.formats.t4_latency import is_correct, is_sampled, latency_name, measured, read_as, unit_of_field, units_of
from harness.formats.values import (
    MS_PER_S,
    as_json,
    check_value,
    cost_of,
    is_failure,
    samples_of,
    shown,
    summary_failure,
    text_of,
)

INVALIDITY = {
    "correct": Status.OK,
    "compile": Status.COMPILE_ERROR,
    "runtime": Status.RUNTIME_ERROR,
    "timeout": Status.RUN_TIMEOUT,
    "correctness": Status.WRONG_RESULT,
    "constraints": Status.OUT_OF_RESOURCES,
}


def read_t4(document: Document) -> ForeignRecording:
    """Read the recording in T4 results.

    Raises:
        UserError: the file is damaged; the message names the file, the result and the field.
    """
    path, results = document.path, document.content.get("results")
    if not isinstance(results, list) or not results:
        raise UserError(f"{path}: results: expected a list with an object per evaluation")
    metadata = document.content.get("metadata")
    check_distinct(f"{path}: metadata", metadata)
    stated = metadata.get("timeunit") if isinstance(metadata, Mapping) else None
    stated_s = None if stated in (None, "") else unit_of_field(f"{path}: metadata.timeunit", stated)
    for i, result in enumerate(results):
        if not isinstance(result, Mapping):
            raise UserError(f"{path}: results[{i}]: expected an object")
        check_distinct(f"{path}: results[{i}]", result)
    name = latency_name(path, results)
    rate = None
    correct = [result for result in results if is_correct(result)]
    if name is None and correct and not any(map(is_sampled, correct)):
        rate = rate_of(f"{path}: results[0].objectives", results[0].get("objectives"))
    units = units_of(path, results, name, stated_s)
    rows: list[ForeignRow] = []
    names: list[str] = []
    timing = {"source": "T4 results"}
    if rate is not None:
        timing["unit"] = f"no time was recorded: latencies are 1/({rate})"
    elif name not in (None, LATENCIES[0]):
        timing["latency"] = text_of(name)
    without = 0
    for i, (result, unit_s) in enumerate(zip(results, units, strict=True)):
        where = f"{path}: results[{i}]"
        values = _configuration(where, result, names)
        names = names or list(values)
        without += "benchmark" not in _times(where, result)
        rows.append(_row(where, result, values, unit_s, name, rate))
    if without:
        timing["benchmark_s"] = f"the sum of the samples where the file has no cost ({without} of {len(rows)} results)"
    return ForeignRecording(
        path=path,
        domains=domains([row.values for row in rows]),
        declared=False,
        rows=rows,
        timing=timing,
        read_as=read_as(correct, units, name, stated_s, rate),
    )


def _configuration(where: str, result: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    values = result.get("configuration")
    if not isinstance(values, Mapping) or not values:
        raise UserError(f"{where}.configuration: expected an object with a value per parameter")
    check_distinct(f"{where}.configuration", values)
    for name in names or values:
        if name not in values:
            raise UserError(f"{where}.configuration.{name} is missing: results[0] has it")
        check_value(f"{where}.configuration.{name}", values[name])
    if names and len(values) > len(names):
        extra = next(name for name in values if name not in names)
        raise UserError(f"{where}.configuration.{shown(extra)}: not in results[0]")
    return {name: values[name] for name in names or values}


def _times(where: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    times = result.get("times", {})
    if not isinstance(times, Mapping):
        raise UserError(f"{where}.times: expected an object")
    return times


def _row(
    where: str,
    result: Mapping[str, Any],
    values: Mapping[str, Any],
    unit_s: float,
    name: str | None,
    rate: str | None,
) -> ForeignRow:
    invalidity = result.get("invalidity")
    status = INVALIDITY.get(invalidity) if isinstance(invalidity, str) else None
    if status is None:
        raise UserError(f"{where}.invalidity={shown(invalidity)}: expected one of {', '.join(INVALIDITY)}")
    times = _times(where, result)
    message = "" if status is Status.OK else text_of(invalidity)
    if status is Status.OK and rate is None and (message := _no_latency(where, result, times, name)):
        status = Status.RUNTIME_ERROR
    samples = _samples(where, result, times, unit_s, name, rate) if status is Status.OK else ()
    compiling = "compilation" if "compilation" in times else "compilation_time"
    compile_s, verify_s = (
        cost_of(f"{where}.times.{field}", times.get(field), unit_s) for field in (compiling, "validation")
    )
    if "benchmark" in times:
        benchmark_s = cost_of(f"{where}.times.benchmark", times["benchmark"], unit_s)
    else:
        benchmark_s = sum(samples) / MS_PER_S
    return ForeignRow(
        where=where,
        values=values,
        status=status,
        samples_ms=samples,
        costs_s=(compile_s, verify_s, benchmark_s),
        message=message,
    )


def _no_latency(where: str, result: Mapping[str, Any], times: Mapping[str, Any], name: str | None) -> str:
    """Say why a result that is marked as correct has no latency (null or Infinity); empty if it has one.

    Raises:
        UserError: there is neither a latency nor a word for a failure.
    """
    measurement = None if name is None else measured(result, name)
    given = times.get("runtimes") or (measurement or {"value": ()}).get("value", ())
    readings = given if isinstance(given, list) else [given]
    if readings and all(map(is_failure, readings)):
        return f"its latency is {as_json(readings[0])}"
    said = summary_failure(f"{where}.measurements.{text_of(name)}.value", (measurement or {}).get("value"))
    return said and f"its latency {said}"


def _samples(
    where: str,
    result: Mapping[str, Any],
    times: Mapping[str, Any],
    unit_s: float,
    name: str | None,
    rate: str | None,
) -> tuple[float, ...]:
    if rate is not None:
        return (rate_as_time(f"{where}.measurements.{rate}", (measured(result, rate) or {}).get("value")),)
    if times.get("runtimes"):
        return samples_of(f"{where}.times.runtimes", times["runtimes"], unit_s * MS_PER_S)
    measurement = None if name is None else measured(result, name)
    if measurement is not None:
        field = f"{where}.measurements.{text_of(name)}"
        own = measurement.get("unit")
        own_s = unit_s if own in (None, "") else unit_of_field(f"{field}.unit", own)
        return samples_of(field, measurement.get("value"), own_s * MS_PER_S)
    raise UserError(f"{where}: neither times.runtimes nor a measurement of {name or LATENCIES[0]}: expected a latency")
