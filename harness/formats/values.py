"""Values of foreign files: checked, brought to our units, and shown in messages."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, isnan
from reprlib import Repr
from typing import Any

from harness.errors import UserError
from harness.system.text import one_line
from search_spaces.parameter import MAX_MAGNITUDE

MS_PER_S = 1e3
MAX_SHOWN = 80
ERROR_VALUE = 1e20
"""Kernel Tuner's numbers for "it failed" in files without a word for it: this one, later the largest float."""

LEAST_MS = 1e-30
"""Samples are stored as 32-bit floats, in which less is nothing."""


FAR = 30.0
"""Two readings of one latency that are further apart than this have different units: those differ by 60 or more."""
_brief = Repr()
_brief.maxlevel, _brief.maxlist, _brief.maxdict, _brief.maxstring = 4, 20, 20, 200


def shown(value: Any) -> str:
    """A value for a message: one line, not too long, however large or deep it is."""
    return one_line(_brief.repr(value) if isinstance(value, dict | list) else repr(value), MAX_SHOWN)


def text_of(value: Any, limit: int = 200) -> str:
    """Free text that any file can hold."""
    text = _brief.repr(value) if isinstance(value, dict | list) else str(value if value is not None else "")
    return one_line(text.encode("utf-8", "replace").decode(), limit)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number, not a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < MAX_MAGNITUDE if isinstance(value, int) else isfinite(value)


def check_value(where: str, value: Any) -> None:
    """Refuse what no parameter can take.

    Raises:
        UserError: ``value`` is no number, boolean, null, printable string or list of whole numbers.
    """
    fine = (
        isinstance(value, bool | None)
        or is_number(value)
        or (isinstance(value, str) and _encodable(value))
        or (isinstance(value, list) and all(type(part) is int and is_number(part) for part in value))
    )
    if not fine:
        raise UserError(
            f"{where}={shown(value)}: expected a finite number, a string, true, false, null or a permutation"
        )


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def is_failure(value: Any) -> bool:
    """Whether what stands for a latency says that there is none: null, NaN, Infinity, Kernel Tuner's huge numbers."""
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and (isnan(value) or value >= ERROR_VALUE)


def apart(one: float, several: Sequence[float]) -> bool:
    """Whether a latency cannot be a summary of these samples in the same unit: it lies far outside their range."""
    return not min(several) / FAR < one < max(several) * FAR


def samples_of(where: str, given: Any, ms_per_unit: float = 1.0) -> tuple[float, ...]:
    """Latency samples in ms.

    Raises:
        UserError: not a list of positive numbers.
    """
    values = given if isinstance(given, list) else [given]
    for i, value in enumerate(values):
        if not is_number(value) or is_failure(value) or not LEAST_MS < value * ms_per_unit < ERROR_VALUE:
            at = f"{where}[{i}]" if isinstance(given, list) else where
            raise UserError(f"{at}: expected positive numbers of ms, found {as_json(value)}")
    if not values:
        raise UserError(f"{where}: expected positive numbers of ms, found []")
    return tuple(float(value) * ms_per_unit for value in values)


def summary_failure(where: str, given: Any) -> str:
    """What a latency beside samples says of a failure: ``is inf``; empty for a number and for null, which says nothing.

    Args:
        given: as in the file, a number or a list of them.

    Raises:
        UserError: neither a latency nor a failure: a boolean, text, 0 or less.
    """
    values = given if isinstance(given, list) else [given]
    if all(map(is_failure, values)):
        known = next((value for value in values if value is not None), None)
        return "" if known is None else f"is {as_json(known)}"
    samples_of(where, given)
    return ""


def as_json(value: Any) -> str:
    """A value for a message, in JSON's words for null, true and false."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else shown(value)


def cost_of(where: str, given: Any, s_per_unit: float = 1 / MS_PER_S) -> float:
    """A cost in s; what is missing costs nothing.

    Raises:
        UserError: not a number, or below 0.
    """
    if given is None:
        return 0.0
    if not is_number(given) or not 0 <= given * s_per_unit < ERROR_VALUE:
        raise UserError(f"{where}={shown(given)}: expected a time, 0 or more")
    return float(given) * s_per_unit
