"""The optional parts of ``hypothesis.yaml`` that have fields themselves: seeds, stratum rule, live part."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.reference import DIFFICULTIES, MOST_REFERENCE_ERROR, StratumRule
from analysis.runs.names import name_fault
from analysis.verdict.hypothesis import LivePart, Seeds


class Part:
    """A field of a document that has fields itself, with its name for error messages."""

    def __init__(self, path: Path, name: str, value: object, keys: Sequence[str]) -> None:
        self.path, self.name = path, name
        if not isinstance(value, dict):
            raise self.fault("", value, f"a mapping with the keys {', '.join(keys)}")
        self.values: Mapping[Any, Any] = value
        for key in value:
            if key not in keys:
                near = difflib.get_close_matches(str(key), keys, 1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise AnalysisError(f"{path}: {name}.{key}: unknown field{hint}: expected {', '.join(keys)}")
        for key in keys:
            if key not in value:
                raise AnalysisError(f"{path}: {name}.{key} is missing: expected {', '.join(keys)}")

    def fault(self, key: str, value: object, expected: str) -> AnalysisError:
        shown = "nothing" if value is None else repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return AnalysisError(f"{self.path}: {self.name}{'.' * bool(key)}{key}={shown}: expected {expected}")

    def whole(self, key: str, least: int) -> int:
        value = self.values[key]
        if type(value) is not int or not least <= value < 2**63:
            raise self.fault(key, value, f"a whole number of at least {least}")
        return value

    def number(self, key: str, low: float, high: float = float("inf")) -> float:
        """Read a number above ``low`` and below ``high``."""
        value = self.values[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not low < value < min(high, 1e300):
            raise self.fault(key, value, f"a number above {low:g}" + (f" and below {high:g}" if high < 1e300 else ""))
        return float(value)

    def choice(self, key: str, choices: Sequence[str]) -> str:
        value = self.values[key]
        if not isinstance(value, str) or value not in choices:
            raise self.fault(key, value, f"one of {', '.join(choices)}")
        return value

    def names(self, key: str) -> tuple[str, ...]:
        values = self.values[key]
        if not isinstance(values, list) or not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise self.fault(key, values, f"a list of names of {key}")
        for at, value in enumerate(values):
            if fault := name_fault(value):
                raise self.fault(key, value, fault.removeprefix("expected "))
            if value in values[:at]:
                raise self.fault(key, value, "each name once")
        return tuple(values)


def read_seeds(path: Path, value: object, name: str = "seeds") -> Seeds:
    part = Part(path, name, value, ("first", "count"))
    return Seeds(part.whole("first", 0), part.whole("count", 1))


def read_stratum_rule(path: Path, value: object) -> StratumRule:
    part = Part(path, "stratum_rule", value, ("by", "trivial_below", "needle_above"))
    low = part.number("trivial_below", 0.0)
    return StratumRule(part.choice("by", DIFFICULTIES), low, part.number("needle_above", low))


def read_live(path: Path, value: object) -> LivePart:
    part = Part(path, "live", value, ("tasks", "strategies", "seeds"))
    seeds = read_seeds(path, part.values["seeds"], "live.seeds")
    return LivePart(part.names("tasks"), part.names("strategies"), seeds)


def read_reference_error(path: Path, value: object, name: str = "reference_error") -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < MOST_REFERENCE_ERROR:
        shown = "nothing" if value is None else repr(value)[:60]
        raise AnalysisError(f"{path}: {name}={shown}: expected a number above 0 and below {MOST_REFERENCE_ERROR:g}")
    return float(value)


def read_registered(path: Path, value: object) -> str:
    """Convert a day or a time, as YAML parsed it or as text, to ISO 8601 in UTC."""
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            moment = None
    if isinstance(moment, datetime):
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment.isoformat(timespec="seconds")
    if isinstance(moment, date):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC).isoformat(timespec="seconds")
    shown = "nothing" if value is None else repr(value)[:60]
    raise AnalysisError(
        f"{path}: registered={shown}: expected a day or a time such as 2026-11-27 or 2026-11-27T09:30:00Z"
    )
