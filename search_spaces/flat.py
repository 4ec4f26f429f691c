"""Configurations for tools that know neither conditions nor permutations: a value for every parameter.

An inactive parameter gets its first value, so that a configuration has only one flat form. Booleans become 0 and 1, and
permutations become text, as CATBench writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from search_spaces.enumeration import Codes
from search_spaces.parameter import Value
from search_spaces.space import SearchSpace

FlatConfiguration = tuple[Any, ...]


def flat_domains(space: SearchSpace) -> dict[str, list[Any]]:
    """Return the values of every parameter, in code order."""
    return {parameter.name: [_flat(value) for value in parameter.values] for parameter in space.parameters}


def flat_rows(domains: Mapping[str, list[Any]], codes: Codes) -> list[FlatConfiguration]:
    """Return the flat form of canonical rows of codes, shape ``[n, d]``."""
    columns = [
        [domain[code] for code in np.maximum(column, 0).tolist()]
        for domain, column in zip(domains.values(), codes.T, strict=True)
    ]
    return list(zip(*columns, strict=True))


def _flat(value: Value) -> Any:
    if isinstance(value, tuple):
        return str(value)
    return int(value) if isinstance(value, bool) else value
