"""T4 results, the autotuning community's output format (Kernel Tuner, KTT, CATBench, autotuning_methodology).

``results`` has an object per evaluation: ``configuration``, ``times``, ``invalidity``, ``measurements`` and
``objectives``. The schema requires little of it, and files differ:

* ``metadata.timeunit`` is "milliseconds", "miliseconds" (sic, benchmark_hub's), "ms", …; a measurement's own ``unit``
  is often the empty string: the file's then. Without ``timeunit`` the numbers in ``times`` are in the unit in which
  they agree with the measurement (KTT's converter: microseconds); where that says nothing, in seconds, as the
  methodology package takes them. Numbers that contradict each other are refused.
* A latency is what is measured in a unit of time, whatever its name (``TotalDuration``), and counts whatever else was
  tuned for.
* The schema's ``compilation_time`` is ``compilation`` in the files.
* benchmark_hub's files have no ``benchmark`` time. The sum of the samples stands in: the kernel ran at least that long.
* ``correctness`` is 0 for every failure in old files and 1 for all in new ones, so only ``invalidity`` is believed.
* A latency of Infinity, NaN or 1e20 is a failure, whatever samples are beside it; null beside samples says nothing.
* A search that comes back to a configuration lists it again, with Kernel Tuner's costs set to 0: the first one counts.
* CATBench calls its latency ``compute_time``, and writes permutations as text, "(0, 2, 1)".
* No domains are stated: the values that occur are all there is, unless a T1 description has more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.document import Document, check_distinct
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.objective import LATENCIES, RATES, objectives_of, rate_as_time, rate_of
from harness.formats.units import SHORT, UNITS_S, seconds_of
from harness.formats.values import (
    MS_PER_S,
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

DEFAULT_S = 1.0
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
    check_distinct(f"{path}: metadata", metadata)
    stated = metadata.get("timeunit") if isinstance(metadata, Mapping) else None
    stated_s = None if stated in (None, "") else _unit(f"{path}: metadata.timeunit", stated)
    for i, result in enumerate(results):
        if not isinstance(result, Mapping):
            raise UserError(f"{path}: results[{i}]: expected an object")
        check_distinct(f"{path}: results[{i}]", result)
    name = _latency_name(path, results)
    rate = None
    correct = [result for result in results if _correct(result)]
    if name is None and correct and not any(map(_sampled, correct)):
        rate = rate_of(f"{path}: results[0].objectives", results[0].get("objectives"))
    units = _units(path, results, name, stated_s)
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
        domains=_domains(names, rows),
        declared=False,
        rows=rows,
        timing=timing,
        read_as=_read_as(correct, units, name, stated_s, rate),
    )


def _read_as(
    correct: Sequence[Mapping[str, Any]],
    units: Sequence[float],
    name: str | None,
    stated_s: float | None,
    rate: str | None,
) -> str:
    """The unit in which latencies were read, and who says so."""
    if rate is not None:
        return f"1/({rate}): no time was recorded"
    own = {one.get("unit") for result in correct if not _sampled(result) and (one := _measured(result, name or ""))}
    if own and own != {""} and own != {None}:
        return f"{', '.join(sorted(map(text_of, own)))}, the unit of measurement {text_of(name)}"
    if stated_s is not None:
        return f"{SHORT[stated_s]}, as metadata.timeunit says"
    return f"{', '.join(sorted({SHORT[unit_s] for unit_s in units}))}, without a metadata.timeunit"


def _unit(where: str, name: Any) -> float:
    seconds = seconds_of(name)
    if seconds is None:
        raise UserError(f"{where}={shown(name)}: expected one of {', '.join(UNITS_S)}")
    return seconds


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


def _correct(result: Mapping[str, Any]) -> bool:
    return result.get("invalidity") == "correct"


def _sampled(result: Mapping[str, Any]) -> bool:
    times = result.get("times")
    return isinstance(times, Mapping) and bool(times.get("runtimes"))


def _measurements(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    measurements = result.get("measurements")
    return [one for one in measurements if isinstance(one, Mapping)] if isinstance(measurements, list) else []


def _latency_name(path: Path, results: Sequence[Mapping[str, Any]]) -> str | None:
    """The measurement that is the latency: an objective in a unit of time, or one of the names for it.

    Raises:
        UserError: measurements have units of time, but none is an objective, and there are no samples.
    """
    names: dict[str, None] = {}
    for i, result in enumerate(results):
        objectives = objectives_of(f"{path}: results[{i}].objectives", result.get("objectives"))
        named = {
            one["name"]: seconds_of(one.get("unit"))
            for one in _measurements(result)
            if isinstance(one.get("name"), str)
        }
        for name in objectives:
            if named.get(name) is not None or (name in LATENCIES and name in named):
                return name
        if _correct(result):
            names |= dict.fromkeys(name for name, unit_s in named.items() if unit_s is not None or name in LATENCIES)
    for name in LATENCIES:
        if name in names:
            return name
    correct = [result for result in results if _correct(result)]
    for name in names:  # not an objective: a summary of the samples it may be, a compile time it may be too
        if correct and all(_summarises(_measured(result, name), result) for result in correct):
            return name
    rates = set(objectives_of(f"{path}: results[0].objectives", results[0].get("objectives"))) & set(RATES)
    if names and not rates and not all(map(_sampled, correct)):
        raise UserError(
            f"{path}: results[0].objectives={shown(results[0].get('objectives'))}: {', '.join(map(shown, names))} "
            "measured in a unit of time: expected it as an objective"
        )
    return None


def _summarises(measurement: Mapping[str, Any] | None, result: Mapping[str, Any]) -> bool:
    """Whether a value lies among the result's samples, in whatever unit they are."""
    value: Any = None if measurement is None else measurement.get("value")
    runtimes = result["times"]["runtimes"] if _sampled(result) else None
    own_s = None if measurement is None else seconds_of(measurement.get("unit"))
    if own_s is None or not is_number(value) or not isinstance(runtimes, list) or not all(map(is_number, runtimes)):
        return False
    inside = (
        min(runtimes) * unit_s * 0.99 <= value * own_s <= max(runtimes) * unit_s * 1.01 for unit_s in UNITS_S.values()
    )
    return any(inside)


def _units(path: Path, results: Sequence[Mapping[str, Any]], name: str | None, stated_s: float | None) -> list[float]:
    """The unit of each result's ``times``, in s.

    Raises:
        UserError: ``times`` and the measurement of the latency, which has its own unit, say different things.
    """
    found = [
        None if name is None else _unit_of(f"{path}: results[{i}]", one, name, stated_s)
        for i, one in enumerate(results)
    ]
    if stated_s is not None:
        return [stated_s] * len(results)
    own = {unit_s for unit_s in found if unit_s is not None}
    if len(own) > 1 and None in found:
        first, second = (next(i for i, unit_s in enumerate(found) if unit_s == one) for one in sorted(own)[:2])
        raise UserError(
            f"{path}: results[{first}] and results[{second}] have times in different units: expected metadata.timeunit"
        )
    common = own.pop() if len(own) == 1 else DEFAULT_S
    return [common if unit_s is None else unit_s for unit_s in found]


def _unit_of(where: str, result: Mapping[str, Any], name: str, stated_s: float | None) -> float | None:
    """The unit of one result's ``times`` by its measurement of the latency, in s; ``None`` where that says nothing."""
    measurement, times = _measured(result, name), result.get("times")
    own = None if measurement is None else measurement.get("unit")
    if measurement is None or own in (None, ""):
        return None
    field = f"{where}.measurements.{text_of(name)}"
    own_s = _unit(f"{field}.unit", own)
    given = measurement.get("value")
    values: list[Any] = [
        value for value in (given if isinstance(given, list) else [given]) if is_number(value) and not is_failure(value)
    ]
    runtimes = times.get("runtimes") if isinstance(times, Mapping) else None
    if not (_correct(result) and values and isinstance(runtimes, list) and runtimes and all(map(is_number, runtimes))):
        return own_s if _correct(result) and not runtimes else None
    latency_s = median(values) * own_s
    candidates = (stated_s,) if stated_s is not None else (own_s, DEFAULT_S, *UNITS_S.values())
    for unit_s in candidates:
        if not apart(latency_s, [runtime * unit_s for runtime in runtimes]):
            return unit_s
    stated = "" if stated_s is None else f" in metadata.timeunit, {stated_s:g} s"
    raise UserError(
        f"{field}={shown(given)} {shown(own)} contradicts times.runtimes={shown(runtimes)}{stated}: expected one unit"
    )


def _measured(result: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The measurement of a name."""
    return next((measurement for measurement in _measurements(result) if measurement.get("name") == name), None)


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
    """What a result that is called correct has in place of every reading, null or Infinity; empty where it has one.

    Raises:
        UserError: neither a latency nor a word for a failure.
    """
    measurement = None if name is None else _measured(result, name)
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
        return (rate_as_time(f"{where}.measurements.{rate}", (_measured(result, rate) or {}).get("value")),)
    if times.get("runtimes"):
        return samples_of(f"{where}.times.runtimes", times["runtimes"], unit_s * MS_PER_S)
    measurement = None if name is None else _measured(result, name)
    if measurement is not None:
        field = f"{where}.measurements.{text_of(name)}"
        own = measurement.get("unit")
        own_s = unit_s if own in (None, "") else _unit(f"{field}.unit", own)
        return samples_of(field, measurement.get("value"), own_s * MS_PER_S)
    raise UserError(f"{where}: neither times.runtimes nor a measurement of {name or LATENCIES[0]}: expected a latency")


def _domains(names: list[str], rows: list[ForeignRow]) -> dict[str, list[Any]]:
    """Values in the order in which they first occur; a list stands for itself."""
    domains: dict[str, dict[Any, Any]] = {name: {} for name in names}
    for row in rows:
        for name, value in row.values.items():
            domains[name].setdefault(
                (type(value), tuple(value)) if isinstance(value, list) else _distinct(value), value
            )
    return {name: list(values.values()) for name, values in domains.items()}


def _distinct(value: Any) -> Any:
    """A key under which true is not 1."""
    return (bool, value) if isinstance(value, bool) else value
