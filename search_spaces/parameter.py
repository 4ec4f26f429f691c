"""The parameters of a search space. Every domain is finite: code ``i`` means ``values[i]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, permutations
from keyword import iskeyword
from math import factorial
from typing import Any, ClassVar
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import SpaceError

Value = str | int | float | bool | tuple[int, ...]

MAX_INTEGER_VALUES = 1_000_000
MAX_PERMUTATION_LENGTH = 8
MAX_MAGNITUDE = 2**62
"""Whole numbers must be below this, so that the sum of two fits int64."""


def check_name(what: str, name: str) -> None:
    """Refuse names that an expression could not mention.

    Raises:
        SpaceError: ``name`` is not an identifier, is a keyword, or is one that Python reads as another (two kinds of
            ``µ``).
    """
    if not name.isidentifier() or iskeyword(name):
        raise SpaceError(f"{what} name {name!r}: expected an identifier")
    if normalize("NFKC", name) != name:
        raise SpaceError(f"{what} name {name!r}: expected {normalize('NFKC', name)!r}, as expressions read it")


@dataclass(frozen=True)
class Parameter:
    """A named finite domain, active only where ``active_when`` holds.

    Attributes:
        name: an identifier, so that expressions can mention it.
        active_when: an expression over *earlier* parameters; ``None`` means that the parameter is always active.
    """

    name: str

    kind: ClassVar[str]
    ordered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_name("parameter", self.name)
        self._check_values()

    def _check_values(self) -> None:
        if not self.values:
            raise SpaceError(f"parameter {self.name!r}: expected at least one value")
        if len(self.code_of) != len(self.values):
            raise SpaceError(f"parameter {self.name!r}: values are not distinct")

    @property
    def condition(self) -> str | None:
        """The expression that decides activity, if there is one."""
        return getattr(self, "active_when", None)

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """The domain, in code order."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.values)

    @cached_property
    def code_of(self) -> Mapping[Value, int]:
        """The code of each value."""
        return {value: code for code, value in enumerate(self.values)}

    def code(self, value: Any) -> int | None:
        """Return the code of a value, or ``None`` if it is outside the domain; a list counts as a permutation."""
        try:
            return self.code_of.get(tuple(value) if isinstance(value, list) else value)
        except TypeError:  # not hashable
            return None

    @cached_property
    def column(self) -> NDArray[Any]:
        """The values as an array of bool, int64 or float64, or of objects for strings and tuples."""
        kinds = {type(value) for value in self.values}
        if kinds == {bool}:
            return np.array(self.values, dtype=bool)
        if kinds == {int}:
            return np.array(self.values, dtype=np.int64)
        if kinds <= {int, float}:
            return np.array(self.values, dtype=np.float64)
        column = np.empty(len(self.values), dtype=object)
        column[:] = self.values
        return column

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document that :func:`~search_spaces.space_json.parameter_from_json` reads."""
        document: dict[str, Any] = {"name": self.name, "kind": self.kind, **self._domain_json()}
        if self.condition is not None:
            document["active_when"] = self.condition
        return document

    def _domain_json(self) -> dict[str, Any]:
        return {"values": list(self.values)}


def _check_scalars(name: str, values: tuple[Value, ...], numeric: bool) -> None:
    for value in values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if numeric and not number:
            raise SpaceError(f"parameter {name!r}: value {value!r}: expected a number")
        if not number and not isinstance(value, bool | str):
            raise SpaceError(f"parameter {name!r}: value {value!r}: expected a string, number or boolean")
        if isinstance(value, float) and not np.isfinite(value):
            raise SpaceError(f"parameter {name!r}: value {value!r}: expected a finite number")
        if isinstance(value, int) and abs(value) >= MAX_MAGNITUDE:
            raise SpaceError(f"parameter {name!r}: value {value!r}: expected less than 2**62")


@dataclass(frozen=True)
class Categorical(Parameter):
    """Unordered choices."""

    choices: tuple[Value, ...]
    active_when: str | None = None
    kind: ClassVar[str] = "categorical"

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        _check_scalars(self.name, self.choices, numeric=False)
        super().__post_init__()

    @cached_property
    def values(self) -> tuple[Value, ...]:
        return self.choices


@dataclass(frozen=True)
class Ordinal(Parameter):
    """Increasing numbers; ``scale`` is the axis on which neighbours are evenly spaced."""

    levels: tuple[int | float, ...]
    scale: str = "linear"
    active_when: str | None = None
    kind: ClassVar[str] = "ordinal"
    ordered: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(self.levels))
        _check_scalars(self.name, self.levels, numeric=True)
        if any(a >= b for a, b in pairwise(self.levels)):
            raise SpaceError(f"parameter {self.name!r}: values {list(self.levels)}: expected increasing numbers")
        if self.scale not in ("linear", "log2"):
            raise SpaceError(f"parameter {self.name!r}: scale {self.scale!r}: expected linear or log2")
        if self.scale == "log2" and self.levels and self.levels[0] <= 0:
            raise SpaceError(f"parameter {self.name!r}: value {self.levels[0]}: a log2 scale needs positive numbers")
        super().__post_init__()

    @cached_property
    def values(self) -> tuple[Value, ...]:
        return self.levels

    def _domain_json(self) -> dict[str, Any]:
        return {"values": list(self.levels), "scale": self.scale}


@dataclass(frozen=True)
class Boolean(Parameter):
    """False or true."""

    active_when: str | None = None
    kind: ClassVar[str] = "boolean"

    @cached_property
    def values(self) -> tuple[Value, ...]:
        return (False, True)

    def _domain_json(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Integer(Parameter):
    """The integers ``low``, ``low + step``, and so on, up to and including ``high`` if the steps reach it."""

    low: int
    high: int
    step: int = 1
    active_when: str | None = None
    kind: ClassVar[str] = "integer"
    ordered: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if any(isinstance(v, bool) or not isinstance(v, int) for v in (self.low, self.high, self.step)):
            raise SpaceError(f"parameter {self.name!r}: low, high and step must be integers")
        _check_scalars(self.name, (self.low, self.high, self.step), numeric=True)
        if self.step < 1 or self.high < self.low:
            raise SpaceError(f"parameter {self.name!r}: expected low <= high and step >= 1")
        if (self.high - self.low) // self.step >= MAX_INTEGER_VALUES:
            raise SpaceError(f"parameter {self.name!r}: expected at most {MAX_INTEGER_VALUES} values")
        super().__post_init__()

    def _check_values(self) -> None:
        """Check nothing: the values are distinct, and are listed only when they are needed."""

    @property
    def size(self) -> int:
        return (self.high - self.low) // self.step + 1

    @cached_property
    def values(self) -> tuple[Value, ...]:
        return tuple(range(self.low, self.high + 1, self.step))

    def _domain_json(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "step": self.step}


@dataclass(frozen=True)
class Permutation(Parameter):
    """The orders of ``0 … length-1``, as tuples."""

    length: int
    active_when: str | None = None
    kind: ClassVar[str] = "permutation"

    def __post_init__(self) -> None:
        if type(self.length) is not int or not 1 <= self.length <= MAX_PERMUTATION_LENGTH:
            raise SpaceError(f"parameter {self.name!r}: length {self.length!r}: expected 1 to {MAX_PERMUTATION_LENGTH}")
        super().__post_init__()

    def _check_values(self) -> None:
        """Check nothing: the values are distinct, and are listed only when they are needed."""

    @property
    def size(self) -> int:
        return factorial(self.length)

    @cached_property
    def values(self) -> tuple[Value, ...]:
        return tuple(permutations(range(self.length)))

    def _domain_json(self) -> dict[str, Any]:
        return {"length": self.length}
