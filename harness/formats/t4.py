"""T4 results, the autotuning community's output format (Kernel Tuner, KTT, CATBench, autotuning_methodology).

``results`` has an object per evaluation: ``configuration``, ``times``, ``invalidity``, ``measurements`` and
``objectives``. The schema requires little of it, and files differ:

* ``metadata.timeunit`` is "milliseconds", "miliseconds" (sic, benchmark_hub's), "ms", …; the methodology package takes
  seconds where it is missing, and so do we. A measurement's own ``unit`` is often the empty string: the file's then.
* The schema's ``compilation_time`` is ``compilation`` in the files.
* benchmark_hub's files have no ``benchmark`` time. The sum of the samples stands in: the kernel ran at least that long.
* ``correctness`` is 0 for every failure in old files and 1 for all in new ones, so only ``invalidity`` is believed.
* A search that comes back to a configuration lists it again, with Kernel Tuner's costs set to 0: the first one counts.
* CATBench calls its latency ``compute_time``, and writes permutations as text, "(0, 2, 1)".
* No domains are stated: the values that occur are all there is, unless a T1 description has more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.document import Document
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.objective import LATENCIES, objective_of, rate_as_time
from harness.formats.values import MS_PER_S, check_value, cost_of, samples_of, shown, text_of

UNITS_S = {
    **dict.fromkeys(("s", "seconds"), 1.0),
    **dict.fromkeys(("ms", "milliseconds", "miliseconds"), 1e-3),
    **dict.fromkeys(("us", "µs", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanoseconds"), 1e-9),
}
INVALIDITY = {
    "correct": Status.OK,
    "compile": Status.COMPILE_ERROR,
    "runtime": Status.RUNTIME_ERROR,
    "timeout": Status.RUN_TIMEOUT,
    "correctness": Status.WRONG_RESULT,
    "constraints": Status.OUT_OF_RESOURCES,
}


def read_t4(document: Document) -> ForeignRecording:
    """The recording in T4 results.

    Raises:
        UserError: naming the file, the result and the field at fault.
    """
    path, results = document.path, document.content.get("results")
    if not isinstance(results, list) or not results:
        raise UserError(f"{path}: results: expected a list with an object per evaluation")
    metadata = document.content.get("metadata")
    unit = metadata.get("timeunit", "seconds") if isinstance(metadata, Mapping) else "seconds"
    unit_s = _unit(f"{path}: metadata.timeunit", unit)
    rows: list[ForeignRow] = []
    names: list[str] = []
    timing = {"source": "T4 results"}
    rate = _rate(path, results)
    if rate is not None:
        timing["unit"] = f"no time was recorded: latencies are 1/({rate})"
    without = 0
    for i, result in enumerate(results):
        where = f"{path}: results[{i}]"
        if not isinstance(result, Mapping):
            raise UserError(f"{where}: expected an object")
        values = _configuration(where, result, names)
        names = names or list(values)
        without += "benchmark" not in _times(where, result)
        rows.append(_row(where, result, values, unit_s, rate))
    if without:
        timing["benchmark_s"] = f"the sum of the samples where the file has no cost ({without} of {len(rows)} results)"
    return ForeignRecording(path=path, domains=_domains(names, rows), declared=False, rows=rows, timing=timing)


def _unit(where: str, name: Any) -> float:
    seconds = UNITS_S.get(name.lower()) if isinstance(name, str) else None
    if seconds is None:
        raise UserError(f"{where}={shown(name)}: expected one of {', '.join(UNITS_S)}")
    return seconds


def _configuration(where: str, result: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    values = result.get("configuration")
    if not isinstance(values, Mapping) or not values:
        raise UserError(f"{where}.configuration: expected an object with a value per parameter")
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


def _rate(path: Path, results: list[Any]) -> str | None:
    """The rate that results were tuned for, where none of them has a latency."""
    first = next((result for result in results if isinstance(result, Mapping)), {})
    objective = objective_of(f"{path}: results[0].objectives", first.get("objectives"))
    if objective in LATENCIES:
        return None
    for result in filter(lambda entry: isinstance(entry, Mapping), results):
        times = result.get("times")
        if (isinstance(times, Mapping) and times.get("runtimes")) or any(_measured(result, name) for name in LATENCIES):
            return None
    return objective


def _measured(result: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The measurement of a name."""
    measurements = result.get("measurements")
    for measurement in measurements if isinstance(measurements, list) else []:
        if isinstance(measurement, Mapping) and measurement.get("name") == name:
            return measurement
    return None


def _row(
    where: str, result: Mapping[str, Any], values: Mapping[str, Any], unit_s: float, rate: str | None
) -> ForeignRow:
    invalidity = result.get("invalidity")
    status = INVALIDITY.get(invalidity) if isinstance(invalidity, str) else None
    if status is None:
        raise UserError(f"{where}.invalidity={shown(invalidity)}: expected one of {', '.join(INVALIDITY)}")
    times = _times(where, result)
    samples = _samples(where, result, times, unit_s, rate) if status is Status.OK else ()
    compiling = "compilation" if "compilation" in times else "compilation_time"
    compile_s, verify_s = (
        cost_of(f"{where}.times.{name}", times.get(name), unit_s) for name in (compiling, "validation")
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
        message="" if status is Status.OK else text_of(invalidity),
    )


def _samples(
    where: str, result: Mapping[str, Any], times: Mapping[str, Any], unit_s: float, rate: str | None
) -> tuple[float, ...]:
    if rate is not None:
        return (rate_as_time(f"{where}.measurements.{rate}", (_measured(result, rate) or {}).get("value")),)
    if times.get("runtimes"):
        return samples_of(f"{where}.times.runtimes", times["runtimes"], unit_s * MS_PER_S)
    for name in LATENCIES:
        measurement = _measured(result, name)
        if measurement is not None:
            field = f"{where}.measurements.{name}"
            own = measurement.get("unit")
            own_s = _unit(f"{field}.unit", own) if own else unit_s
            return samples_of(field, measurement.get("value"), own_s * MS_PER_S)
    raise UserError(f"{where}: neither times.runtimes nor a measurement of {LATENCIES[0]}: expected a latency")


def _domains(names: list[str], rows: list[ForeignRow]) -> dict[str, list[Any]]:
    """Values in the order in which they first occur; a list stands for itself."""
    domains: dict[str, dict[Any, Any]] = {name: {} for name in names}
    for row in rows:
        for name, value in row.values.items():
            domains[name].setdefault((type(value), tuple(value)) if isinstance(value, list) else value, value)
    return {name: list(values.values()) for name, values in domains.items()}
