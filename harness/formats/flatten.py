"""Turn configurations with lists, missing values and arbitrary names into one scalar for each parameter.

Each element of a list becomes a parameter, such as ``block_sizes_0``; a list that is an order of 0 … n-1 in every row
stays whole, as a permutation. A value that is missing in a row becomes null, which counts as a separate value. Names
become identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from pathlib import Path
from typing import Any
from unicodedata import normalize

from harness.errors import UserError
from harness.formats.values import check_value, shown
from search_spaces.parameter import MAX_PERMUTATION_LENGTH

MAX_PARAMETERS = 1_000
MAX_DEPTH = 4


def flattened(path: Path, wheres: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the configurations with the same names in each row, and a scalar or permutation for each name.

    Args:
        path: the file's path, for messages about a name.
        wheres: each row's place in the file, for messages about a value.
        rows: values by name, as in the file.

    Raises:
        UserError: no parameter can take a value, or two names become the same identifier.
    """
    columns: dict[str, list[Any]] = {}
    for i, row in enumerate(rows):
        for name, value in row.items():
            if name not in columns:
                columns[name] = [None] * len(rows)
            columns[name][i] = value
    flat = _unfolded(path, columns)
    for name, values in flat.items():
        for where, value in zip(wheres, values, strict=True):
            check_value(f"{where}: {name}", value)
    return [dict(zip(flat, values, strict=True)) for values in zip(*flat.values(), strict=True)] if flat else []


def domains(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each name in the order in which they first occur; true and 1 are different."""
    found: dict[str, dict[Any, Any]] = {name: {} for name in (rows[0] if rows else ())}
    for row in rows:
        for name, value in row.items():
            key = tuple(value) if isinstance(value, list) else value
            found[name].setdefault((isinstance(value, bool), key), value)
    return {name: list(values.values()) for name, values in found.items()}


def identifier(name: str) -> str:
    """Return a valid parameter name for a text; empty if the text has no usable character."""
    text = (
        re.sub(r"\W+", "_", normalize("NFKC", name)).strip("_") if not name.isidentifier() else normalize("NFKC", name)
    )
    return f"p_{text}" if text and (not text.isidentifier() or iskeyword(text)) else text


def _unfolded(path: Path, columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    open_ = dict(columns)
    for _ in range(MAX_DEPTH):
        folded = [name for name, values in open_.items() if any(map(_is_list, values)) and not _all_orders(values)]
        if not folded:
            break
        open_ = {
            element: values
            for name, column in open_.items()
            for element, values in (_elements(path, name, column) if name in folded else [(name, column)])
        }
        if len(open_) > MAX_PARAMETERS:
            raise UserError(f"{path}: more than {MAX_PARAMETERS} values in a configuration: expected fewer")
    named: dict[str, str] = {}
    for name in open_:
        short = identifier(name)
        if not short:
            raise UserError(f"{path}: parameter {shown(name)}: expected a name with a letter in it")
        if short in named:
            raise UserError(
                f"{path}: parameters {shown(named[short])} and {shown(name)}: both are {short}: expected two names"
            )
        named[short] = name
    return {short: _listed(open_[name]) for short, name in named.items()}


def _elements(path: Path, name: str, values: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Split a column of lists into one column for each element; a scalar counts for every element."""
    length = max(len(value) for value in values if _is_list(value))
    if length > MAX_PARAMETERS:
        raise UserError(f"{path}: {shown(name)} has {length} values: expected at most {MAX_PARAMETERS}")
    return [
        (f"{name}_{i}", [(value[i] if i < len(value) else None) if _is_list(value) else value for value in values])
        for i in range(length)
    ]


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _all_orders(values: Sequence[Any]) -> bool:
    """Return whether every value is a permutation of 0 … n-1, all of the same length."""
    if not all(_is_list(value) for value in values):
        return False
    length = len(values[0])
    whole = all(len(value) == length and all(type(part) is int for part in value) for value in values)
    return 2 <= length <= MAX_PERMUTATION_LENGTH and whole and all(sorted(v) == list(range(length)) for v in values)


def _listed(values: list[Any]) -> list[Any]:
    """Turn tuples into lists, as in JSON, so that fingerprints agree."""
    return [list(value) if isinstance(value, tuple) else value for value in values]
