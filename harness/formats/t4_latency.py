"""Find out which number in T4 results is the latency, and its unit (see :mod:`~.t4`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from harness.errors import UserError
from harness.formats.objective import LATENCIES, RATES, objectives_of
from harness.formats.units import SHORT, UNITS_S, seconds_of
from harness.formats.values import apart, is_failure, is_number, shown, text_of

DEFAULT_S = 1.0


def read_as(
    correct: Sequence[Mapping[str, Any]],
    units: Sequence[float],
    name: str | None,
    stated_s: float | None,
    rate: str | None,
) -> str:
    """Return the unit in which latencies were read, and what says so."""
    if rate is not None:
        return f"1/({rate}): no time was recorded"
    own = {text_of(one.get("unit")) for one in (measured(r, name or "") for r in correct if not is_sampled(r)) if one}
    if own := own - {""}:
        return f"{', '.join(sorted(own))}, the unit of measurement {text_of(name)}"
    if stated_s is not None:
        return f"{SHORT[stated_s]}, as metadata.timeunit says"
    return f"{', '.join(sorted({SHORT[unit_s] for unit_s in units}))}, without a metadata.timeunit"


def latency_name(path: Path, results: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the measurement that is the latency: an objective in a unit of time, or one with a known name.

    Raises:
        UserError: some measurements have units of time, but none of them is an objective, and there are no samples.
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
        if is_correct(result):
            names |= dict.fromkeys(name for name, unit_s in named.items() if unit_s is not None or name in LATENCIES)
    for name in LATENCIES:
        if name in names:
            return name
    correct = [result for result in results if is_correct(result)]
    for name in names:  # not an objective: it may be a summary of the samples, or a compile time
        if correct and all(_summarises(measured(result, name), result) for result in correct):
            return name
    rates = set(objectives_of(f"{path}: results[0].objectives", results[0].get("objectives"))) & set(RATES)
    if names and not rates and not all(map(is_sampled, correct)):
        raise UserError(
            f"{path}: results[0].objectives={shown(results[0].get('objectives'))}: {', '.join(map(shown, names))} "
            "measured in a unit of time: expected one of them as an objective"
        )
    return None


def units_of(path: Path, results: Sequence[Mapping[str, Any]], name: str | None, stated_s: float | None) -> list[float]:
    """Return the unit of each result's ``times``, in s.

    Raises:
        UserError: ``times`` contradicts the measurement of the latency, which states its own unit.
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


def unit_of_field(where: str, name: Any) -> float:
    seconds = seconds_of(name)
    if seconds is None:
        raise UserError(f"{where}={shown(name)}: expected one of {', '.join(UNITS_S)}")
    return seconds


def is_correct(result: Mapping[str, Any]) -> bool:
    return result.get("invalidity") == "correct"


def is_sampled(result: Mapping[str, Any]) -> bool:
    times = result.get("times")
    return isinstance(times, Mapping) and bool(times.get("runtimes"))


def measured(result: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the measurement with a name; ``None`` if there is none."""
    return next((measurement for measurement in _measurements(result) if measurement.get("name") == name), None)


def _measurements(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    measurements = result.get("measurements")
    return [one for one in measurements if isinstance(one, Mapping)] if isinstance(measurements, list) else []


def _summarises(measurement: Mapping[str, Any] | None, result: Mapping[str, Any]) -> bool:
    """Whether a value lies within the range of the result's samples, in any unit."""
    value: Any = None if measurement is None else measurement.get("value")
    runtimes = result["times"]["runtimes"] if is_sampled(result) else None
    own_s = None if measurement is None else seconds_of(measurement.get("unit"))
    if own_s is None or not is_number(value) or not isinstance(runtimes, list) or not all(map(is_number, runtimes)):
        return False
    inside = (
        min(runtimes) * unit_s * 0.99 <= value * own_s <= max(runtimes) * unit_s * 1.01 for unit_s in UNITS_S.values()
    )
    return any(inside)


def _unit_of(where: str, result: Mapping[str, Any], name: str, stated_s: float | None) -> float | None:
    """Derive the unit of a result's ``times``, in s, from its measurement of the latency; ``None`` if it cannot."""
    measurement, times = measured(result, name), result.get("times")
    own = None if measurement is None else measurement.get("unit")
    if measurement is None or own in (None, ""):
        return None
    field = f"{where}.measurements.{text_of(name)}"
    own_s = unit_of_field(f"{field}.unit", own)
    given = measurement.get("value")
    values: list[Any] = [
        value for value in (given if isinstance(given, list) else [given]) if is_number(value) and not is_failure(value)
    ]
    runtimes = times.get("runtimes") if isinstance(times, Mapping) else None
    if not (
        is_correct(result) and values and isinstance(runtimes, list) and runtimes and all(map(is_number, runtimes))
    ):
        return own_s if is_correct(result) and not runtimes else None
    latency_s = median(values) * own_s
    candidates = (stated_s,) if stated_s is not None else (own_s, DEFAULT_S, *UNITS_S.values())
    for unit_s in candidates:
        if not apart(latency_s, [runtime * unit_s for runtime in runtimes]):
            return unit_s
    stated = "" if stated_s is None else f" in metadata.timeunit, {stated_s:g} s"
    raise UserError(
        f"{field}={shown(given)} {shown(own)} contradicts times.runtimes={shown(runtimes)}{stated}: expected one unit"
    )
