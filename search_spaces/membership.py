"""Express a set of configurations as constraints, so that files can store what a user's function keeps."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from search_spaces.enumeration import Codes
from search_spaces.errors import SpaceError
from search_spaces.expression import MAX_LENGTH
from search_spaces.limits import MAX_RULES_TEXT
from search_spaces.parameter import Parameter


def membership(parameters: Sequence[Parameter], kept: Codes) -> tuple[str, ...]:
    """Find constraints that hold for exactly the kept rows of a product of unconditional parameters.

    Values for which the same rows of the other parameters are kept share one constraint.

    Args:
        kept: rows of codes, shape ``[n, d]``: at least one, and each only once.

    Raises:
        SpaceError: no rule for the set is short enough to be stored.
    """
    first, rest = parameters[0], parameters[1:]
    groups = _grouped(kept)
    present = sorted(code for codes, _ in groups for code in codes)
    constraints = [] if len(present) == first.size else [_among(first, present)]
    for codes, below in groups:
        if inner := _expression(rest, below):
            constraints.append(inner if len(codes) == len(present) else f"not ({_among(first, codes)}) or {inner}")
    if any(len(text) > MAX_LENGTH for text in constraints) or sum(map(len, constraints)) > MAX_RULES_TEXT:
        raise SpaceError(f"{len(kept)} of {prod(p.size for p in parameters)} configurations are kept by no short rule: "
                         "expected constraints in its place")  # fmt: skip
    return tuple(constraints)


def _expression(parameters: Sequence[Parameter], kept: Codes) -> str:
    """Return a rule for the kept rows, in brackets if it has parts; empty if all rows are kept."""
    if len(kept) == prod(parameter.size for parameter in parameters):
        return ""
    first, rest = parameters[0], parameters[1:]
    parts = []
    for codes, below in _grouped(kept):
        among = "" if len(codes) == first.size else _among(first, codes)
        inner = _expression(rest, below)
        parts.append(" and ".join(part for part in (among, inner) if part))
    return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"


def _grouped(kept: Codes) -> list[tuple[list[int], Codes]]:
    """Group the first parameter's codes by the rows of the other parameters that are kept with them."""
    groups: dict[bytes, tuple[list[int], Codes]] = {}
    for code in np.unique(kept[:, 0]).tolist():
        below = np.unique(kept[kept[:, 0] == code, 1:], axis=0) if kept.shape[1] > 1 else kept[:1, 1:]
        groups.setdefault(below.tobytes(), ([], below))[0].append(code)
    return list(groups.values())


def _among(parameter: Parameter, codes: Sequence[int]) -> str:
    values = [parameter.values[code] for code in codes]
    return f"{parameter.name} == {values[0]!r}" if len(values) == 1 else f"{parameter.name} in {tuple(values)!r}"
