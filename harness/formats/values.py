"""Check the values of foreign files, convert them to our units, and show them in messages."""

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
"""Kernel Tuner's number for a failure in files without a word for it; later versions use the largest float."""

LEAST_MS = 1e-30
"""The smallest sample: samples are stored as 32-bit floats, in which smaller numbers become 0."""


FAR = 30.0
"""Two readings of one latency that differ by a larger factor have different units: units differ by 60 or more."""
_brief = Repr()
_brief.maxlevel, _brief.maxlist, _brief.maxdict, _brief.maxstring = 4, 20, 20, 200


def shown(value: Any) -> str:
    """Show a value in a message: in one line that is not too long, however large or deep the value is."""
    return one_line(_brief.repr(value) if isinstance(value, dict | list) else repr(value), MAX_SHOWN)


def text_of(value: Any, limit: int = 200) -> str:
    """Turn a value into text of limited length that any file can store."""
    text = _brief.repr(value) if isinstance(value, dict | list) else str(value if value is not None else "")
    return one_line(text.encode("utf-8", "replace").decode(), limit)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number and not a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < MAX_MAGNITUDE if isinstance(value, int) else isfinite(value)


def check_value(where: str, value: Any) -> None:
    """Refuse a value that no parameter can take.

    Raises:
        UserError: ``value`` is not a number, boolean, null, printable string or list of whole numbers.
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
    """Whether the value of a latency means that there is none: null, NaN, Infinity or Kernel Tuner's huge numbers."""
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and (isnan(value) or value >= ERROR_VALUE)


def apart(one: float, several: Sequence[float]) -> bool:
    """Whether a latency is so far outside the range of the samples that it cannot summarise them in the same unit."""
    return not min(several) / FAR < one < max(several) * FAR


def samples_of(where: str, given: Any, ms_per_unit: float = 1.0) -> tuple[float, ...]:
    """Return latency samples in ms.

    Raises:
        UserError: ``given`` is not a list of positive numbers.
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
    """Return the failure that a latency beside samples means, such as ``is inf``; empty for a number or null.

    Args:
        given: a number or a list of numbers, as in the file.

    Raises:
        UserError: ``given`` is neither a latency nor a failure, such as a boolean, text, 0 or less.
    """
    values = given if isinstance(given, list) else [given]
    if all(map(is_failure, values)):
        known = next((value for value in values if value is not None), None)
        return "" if known is None else f"is {as_json(known)}"
    samples_of(where, given)
    return ""


def as_json(value: Any) -> str:
    """Show a value in a message, with JSON's null, true and false."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else shown(value)


def cost_of(where: str, given: Any, s_per_unit: float = 1 / MS_PER_S) -> float:
    """Return a cost in s; a missing cost is 0.

    Raises:
        UserError: ``given`` is not a number, or is below 0.
    """
    if given is None:
        return 0.0
    if not is_number(given) or not 0 <= given * s_per_unit < ERROR_VALUE:
        raise UserError(f"{where}={shown(given)}: expected a time, 0 or more")
    return float(given) * s_per_unit
