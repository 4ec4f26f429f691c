"""Read the cells of a table: values of parameters, times, and statuses."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.values import is_failure, samples_of, shown, text_of

FINE = frozenset(
    {"ok", "success", "successful", "succeeded", "correct", "passed", "pass", "valid", "complete", "true", "1"}
)
"""Statuses that mean success; every other status is a failure."""
SIGNS = (
    (("compil", "ptxas", "nvcc"), Status.COMPILE_ERROR),
    (("timeout", "timed out", "time out"), Status.RUN_TIMEOUT),
    (("resource", "memory", "oom", "registers"), Status.OUT_OF_RESOURCES),
    (("wrong", "incorrect", "mismatch", "accuracy"), Status.WRONG_RESULT),
    (("crash", "segfault", "killed"), Status.WORKER_CRASH),
)
"""Parts of a failure's status and the kind of failure that they mean; the default is a run-time error."""
NOTHING = frozenset({"", "nan", "none", "null", "na", "n/a", "-", "inf", "+inf", "infinity"})


def typed_column(cells: Sequence[Any]) -> list[Any]:
    """Convert a column to one type: integers, floats, booleans or text; empty cells become ``None``.

    pandas turns a column of integers into floats if a cell is empty; they become integers again.
    """
    given = [None if _is_nothing(cell) else cell for cell in cells]
    there = [cell for cell in given if cell is not None]
    if there and all(isinstance(cell, str) for cell in there):
        for read in (_boolean, int, float):
            try:
                there = [read(cell) for cell in there]
                break
            except ValueError:
                continue
    if there and all(isinstance(cell, float) for cell in there) and all(cell.is_integer() for cell in there):
        there = [int(cell) for cell in there]
    found = iter(there)
    return [None if cell is None else next(found) for cell in given]


def _is_nothing(cell: Any) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and isnan(cell))


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(text)
    return word == "true"


def time_cell(where: str, cell: Any, ms_per_unit: float) -> tuple[tuple[float, ...], str]:
    """Return the sample in a cell, in ms, and an empty message; or no sample and the failure's message.

    Raises:
        UserError: the cell is neither a positive number nor a word for a failure: ``1.5ms``, ``true``, -3.
    """
    if isinstance(cell, str):
        text = cell.strip()
        if text.lower() in NOTHING:
            return (), f"no time, {shown(text)}" if text else "no time"
        try:
            cell = float(text)
        except ValueError:
            if any(character.isdigit() for character in text):
                raise UserError(
                    f"{where}={shown(text)}: expected a number alone, with its unit in the column's name or in --unit"
                ) from None
            return (), text_of(text)
    if is_failure(cell):
        return (), "no time" if cell is None else f"its time is {cell}"
    return samples_of(where, cell, ms_per_unit), ""


def status_of(word: str) -> Status:
    """Return the status that a word means: one of our own, a success, or a kind of failure by the word's parts."""
    text = word.strip().lower()
    if text in FINE:
        return Status.OK
    if text in {status.value for status in Status}:
        return Status(text)
    return next((status for signs, status in SIGNS if any(sign in text for sign in signs)), Status.RUNTIME_ERROR)
