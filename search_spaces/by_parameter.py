"""How likely each configuration is if one parameter is drawn after the other, as most tuners do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search_spaces.enumeration import Codes
from search_spaces.space import SearchSpace


def draw_probabilities(space: SearchSpace, codes: Codes) -> NDArray[np.float64]:
    """Probability of each feasible row under uniform draws of every active parameter, before rejection; shape ``[n]``.

    It is the product of 1 / (number of values) over the active parameters. Draws that break a rule are rejected, which
    keeps the proportions between the other probabilities: over the whole feasible set, the probabilities add up to the
    share of draws that are accepted.

    Args:
        codes: canonical feasible rows, [n, d].
    """
    sizes = np.array([parameter.size for parameter in space.parameters], dtype=np.float64)
    logarithms: NDArray[np.float64] = np.where(codes >= 0, np.log(sizes), 0.0).sum(axis=1)
    return np.exp(-logarithms)
