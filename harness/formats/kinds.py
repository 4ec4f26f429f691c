"""Choose the kind of parameter for a list of values.

A single value is not a parameter. {0, 1} is a boolean, powers of two are an ordinal on a log2 scale, other numbers are
an ordinal, and strings are a categorical. Orders of 0 … n-1, as lists or as CATBench's text "(0, 2, 1)", are a
permutation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from search_spaces.errors import SpaceError
from search_spaces.parameter import (
    MAX_PERMUTATION_LENGTH,
    Boolean,
    Categorical,
    Ordinal,
    Parameter,
    Permutation,
    Value,
)

ORDER = re.compile(r"[(\[]\s*\d+\s*(?:,\s*\d+\s*)*,?\s*[)\]]")


@dataclass(frozen=True)
class Domain:
    """The values that one name takes in a file.

    Attributes:
        parameter: the parameter; ``None`` if there is only one value.
        as_text: whether strings, numbers, booleans or null are mixed, so that all are read as strings.
    """

    name: str
    parameter: Parameter | None
    only: Value | None
    as_text: bool = False

    def value(self, given: Any) -> Value | None:
        """Return the parameter's (or the only) value for a value in the file; ``None`` if it is outside the domain."""
        read = _order(given) or given if isinstance(self.parameter, Permutation) else self._read(given)
        if self.parameter is None:
            return self.only if read == self.only else None
        code = self.parameter.code(read)
        return None if code is None else self.parameter.values[code]

    def _read(self, given: Any) -> Any:
        if self.as_text:
            return str(given)
        return tuple(given) if isinstance(given, list) else given


def domain_of(name: str, values: Sequence[Any]) -> Domain:
    """Return the domain of a list of checked values.

    Raises:
        SpaceError: no kind of parameter can take the values.
    """
    if len(values) == 1:
        (only,) = values
        if only is None:
            return Domain(name, None, str(only), as_text=True)
        return Domain(name, None, tuple(only) if isinstance(only, list) else only)
    orders = [_order(value) for value in values]
    if all(orders):
        length = len(orders[0] or ())
        if any(len(order or ()) != length for order in orders) or length > MAX_PERMUTATION_LENGTH:
            raise SpaceError(f"parameter {name!r}: expected orders of one length, at most {MAX_PERMUTATION_LENGTH}")
        return Domain(name, Permutation(name, length), None)
    boolean = set(values) == {0, 1} and len(values) == 2 if not any(map(_is_list, values)) else False
    among = any(isinstance(value, bool) for value in values) and not boolean  # 1 and true are different values
    if among or any(isinstance(value, str | None) for value in values):
        mixed = not all(isinstance(value, str) for value in values)
        return Domain(name, Categorical(name, tuple(str(value) for value in values)), None, mixed)
    if any(map(_is_list, values)):
        raise SpaceError(f"parameter {name!r}: lists that are not permutations: expected numbers or strings")
    if boolean:
        return Domain(name, Boolean(name), None)
    levels = tuple(sorted(values))
    powers = all(level > 0 and log2(level).is_integer() for level in levels)
    return Domain(name, Ordinal(name, levels, "log2" if powers else "linear"), None)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _order(value: Any) -> tuple[int, ...] | None:
    """Return the permutation that a value stands for, if it does."""
    if isinstance(value, str):
        if len(value) > 100 or not ORDER.fullmatch(value):
            return None
        value = [int(part) for part in re.findall(r"\d+", value)]
    if isinstance(value, list | tuple) and len(value) and sorted(value) == list(range(len(value))):
        return tuple(value)
    return None
