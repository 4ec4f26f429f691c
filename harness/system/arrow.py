"""Convert columns of Arrow tables to and from Python and NumPy values, without pandas.

``pyarrow.array`` and ``to_numpy`` import pandas where it is installed, which takes a third of a short replay and is
not needed. Here arrays are built from their buffers, as the columnar format lays them out
(https://arrow.apache.org/docs/format/Columnar.html), and equal those of ``pyarrow.array``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

CODES = {pa.float64(): "d", pa.int64(): "q"}
"""Type codes of :mod:`array`; like pyarrow it refuses text, and fractions in columns of whole numbers."""
NUMBERS = {
    pa.float64(): np.float64, pa.float32(): np.float32, pa.int32(): np.int32, pa.int16(): np.int16, pa.int8(): np.int8,
}  # fmt: skip
"""Types that are read exactly without ``cast``, which would import all of Arrow's functions."""


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An array of ``kind`` with one value, or ``None``, per row.

    Args:
        kind: float64, int64, bool, string, or a list of one of them.

    Raises:
        TypeError: a value has another type, or ``kind`` is another type.
        OverflowError: a whole number exceeds 64 bits.
    """
    absent = [value is None for value in values]
    nulls = sum(absent)
    validity = _bits([not none for none in absent]) if nulls else None
    children: list[pa.Array] = []
    if (code := CODES.get(kind)) is not None:
        buffers = [pa.py_buffer(array(code, [0 if value is None else value for value in values]))]
    elif kind == pa.bool_():
        buffers = [_bits([_flag(value) for value in values])]
    elif kind == pa.string():
        texts = [b"" if value is None else value.encode() for value in values]
        buffers = [_offsets(texts), pa.py_buffer(b"".join(texts))]
    elif pa.types.is_list(kind):
        cells = [() if value is None else value for value in values]
        buffers = [_offsets(cells)]
        children = [column(list(chain.from_iterable(cells)), kind.value_type)]
    else:
        raise TypeError(f"{kind}: expected float64, int64, bool, string, or a list of one of them")
    return pa.Array.from_buffers(kind, len(values), [validity, *buffers], nulls, children=children)


def without_nan(values: NDArray[np.float64]) -> list[float | None]:
    """Numbers with ``None`` for NaN; [rows]."""
    numbers: list[float] = values.tolist()
    return [None if number != number else number for number in numbers]


def floats(values: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers of any type, with NaN for nulls; [rows].

    Raises:
        pa.ArrowException: the column does not hold numbers.
    """
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if whole.type not in NUMBERS:
        whole = whole.cast(pa.float64())
    if not len(whole):
        return np.empty(0)
    with np.errstate(invalid="ignore"):  # a damaged file may hold a signalling NaN
        numbers = _within(whole, np.frombuffer(whole.buffers()[1], dtype=NUMBERS[whole.type])).astype(np.float64)
    numbers[~_valid(whole)] = np.nan
    return numbers


def float_lists(values: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """The concatenated numbers of all lists of a column, and where each list begins and ends; [rows].

    A null list is an empty list, and a null number is NaN.

    Raises:
        pa.ArrowException: the column does not hold lists of numbers.
    """
    lists = values.combine_chunks()
    if not len(lists):
        return np.empty(0), np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
    offsets = np.frombuffer(lists.buffers()[1], dtype=np.int32)[lists.offset : lists.offset + len(lists) + 1]
    return floats(lists.values), offsets[:-1], np.where(_valid(lists), offsets[1:], offsets[:-1])


def _within(whole: pa.Array, values: NDArray[Any]) -> NDArray[Any]:
    """The part of a buffer's values that belongs to the array, which may be a slice."""
    return values[whole.offset : whole.offset + len(whole)]


def _valid(whole: pa.Array) -> NDArray[np.bool_]:
    validity = whole.buffers()[0]
    if validity is None:
        return np.ones(len(whole), dtype=bool)
    return _within(whole, np.unpackbits(np.frombuffer(validity, dtype=np.uint8), bitorder="little")).astype(bool)


def _bits(flags: Sequence[bool]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(np.array(flags, dtype=bool), bitorder="little"))


def _flag(value: Any) -> bool:
    if value is not None and not isinstance(value, bool | np.bool_):
        raise TypeError(f"{value!r}: expected true or false")
    return bool(value)


def _offsets(cells: Sequence[Any]) -> pa.Buffer:
    """Where each cell begins in their concatenation, and where the last one ends."""
    return pa.py_buffer(array("i", accumulate(map(len, cells), initial=0)))
