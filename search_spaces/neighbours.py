"""One-parameter changes of a configuration."""

from __future__ import annotations

import numpy as np

from search_spaces.enumeration import FREE, INACTIVE, Codes, Rules, concatenated
from search_spaces.parameter import Parameter, Permutation

MAX_NEIGHBOURS = 1_000_000


def neighbour_codes(rules: Rules, codes: Codes) -> Codes:
    """Return the feasible one-parameter changes of a feasible row (shape ``[d]``); shape ``[n, d]``, lexicographic.

    Ordered kinds step to the next value up or down, categoricals and booleans to any other value, and permutations swap
    two positions. Parameters that a change activates take every value, and parameters that it deactivates become
    absent, so that the relation is symmetric.

    Raises:
        SpaceTooLarge: a change activates parameters with more than a million combinations.
    """
    templates: list[Codes] = []
    for i, parameter in enumerate(rules.parameters):
        code = int(codes[i])
        if code < 0:
            continue
        for other in adjacent(parameter, code):
            template = codes.copy()
            template[template == INACTIVE] = FREE
            template[i] = other
            templates.append(template)
    stacked = np.array(templates, dtype=np.int32).reshape(len(templates), len(codes))
    completed = concatenated(list(rules.complete(stacked, MAX_NEIGHBOURS)), len(codes))
    return np.unique(completed, axis=0).astype(np.int32) if len(completed) else completed


def adjacent(parameter: Parameter, code: int) -> list[int]:
    """Codes one step from ``code``: the next value up or down, any other choice, or an order with two items swapped."""
    if parameter.ordered:
        return [other for other in (code - 1, code + 1) if 0 <= other < parameter.size]
    if isinstance(parameter, Permutation):
        order = parameter.values[code]
        assert isinstance(order, tuple)
        swapped = []
        for i in range(len(order)):
            for j in range(i):
                changed = list(order)
                changed[i], changed[j] = changed[j], changed[i]
                swapped.append(parameter.code_of[tuple(changed)])
        return swapped
    return [other for other in range(parameter.size) if other != code]
