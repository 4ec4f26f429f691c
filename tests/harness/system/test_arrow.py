"""Arrays built from buffers equal those of pyarrow, and values read from them equal those of pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.system.arrow import column, float_lists, floats, without_nan

FLOATS = [0.1, None, float("inf"), -0.0, 3, 1e-310]
CASES: list[tuple[list[Any], pa.DataType]] = [
    (FLOATS, pa.float64()),
    ([float("nan")], pa.float64()),
    ([np.float64(0.1), True], pa.float64()),
    ([1, None, -(2**63), 2**63 - 1], pa.int64()),
    ([True, None, False] * 7, pa.bool_()),
    (["", None, "latency", "µs – 漢字 🙂", "\0"], pa.string()),
    ([(0.1, 0.2), None, (), [3.0, None]], pa.list_(pa.float64())),
    ([(2, 0, 1), None, [1, 2, 0]], pa.list_(pa.int64())),
    ([["a", None], []], pa.list_(pa.string())),
]


@pytest.mark.parametrize(("values", "kind"), CASES, ids=lambda case: str(case)[:40])
@pytest.mark.parametrize("rows", ["some", "none", "null"])
def test_a_column_is_pyarrows(tmp_path: Path, values: list[Any], kind: pa.DataType, rows: str) -> None:
    values = {"some": values, "none": [], "null": [None] * 9}[rows]
    ours, theirs = column(values, kind), pa.array(values, kind)
    ours.validate(full=True)
    assert (ours.type, ours.null_count, repr(ours.to_pylist())) == (
        theirs.type,
        theirs.null_count,
        repr(theirs.to_pylist()),
    )
    for name, array in (("ours", ours), ("theirs", theirs)):
        pq.write_table(pa.table({"x": array}), tmp_path / name, compression="zstd")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize(
    ("value", "kind"),
    [("1.5", pa.float64()), (1.5, pa.int64()), (2**63, pa.int64()), (1, pa.bool_()), (1, pa.string()), (1, pa.int8())],
)
def test_another_type_is_refused(value: Any, kind: pa.DataType) -> None:
    with pytest.raises((TypeError, OverflowError, AttributeError)):
        column([value], kind)


@pytest.mark.parametrize(
    "values",
    [
        pa.chunked_array([pa.array(FLOATS, pa.float64()), pa.array([2.0])]),
        pa.chunked_array([pa.array([0.1, None] * 9, pa.float32()).slice(3, 11)]),
        pa.chunked_array([pa.array([1, None, 3], pa.int16()).slice(1)]),
        pa.chunked_array([pa.array([1, None, 3], pa.int64())]),
        pa.chunked_array([pa.array(["1.5", None])]),
        pa.chunked_array([pa.array([None, None])]),
        pa.chunked_array([pa.array([], pa.float64())]),
        pa.chunked_array([], pa.float32()),
    ],
    ids=lambda values: str(values.type),
)
def test_numbers_are_pandas(values: pa.ChunkedArray) -> None:
    expected = np.asarray(values.cast(pa.float64()).to_pandas(), dtype=np.float64)
    np.testing.assert_array_equal(floats(values), expected)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(pa.ArrowException):
        floats(pa.chunked_array([pa.array(["fast"])]))


def test_lists_have_their_bounds_wherever_the_array_begins() -> None:
    lists = pa.array([[1.0, 2.0], None, [], [3.0, None], [4.0]], pa.list_(pa.float32()))
    for values in (pa.chunked_array([lists]), pa.chunked_array([lists.slice(1, 3)]), pa.chunked_array([lists, lists])):
        numbers, first, end = float_lists(values)
        found = [without_nan(numbers[a:b]) for a, b in zip(first, end, strict=True)]
        assert found == [value or [] for value in values.to_pylist()]
    assert [len(part) for part in float_lists(pa.chunked_array([], lists.type))] == [0, 0, 0]
