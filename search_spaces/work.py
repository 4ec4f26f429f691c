"""How much a thread of a configuration's program does, from the features that its space declares."""

from __future__ import annotations

import numpy as np

from search_spaces.encoding import Codes, Floats
from search_spaces.space import SearchSpace

SUFFIX = "_per_thread"
NOT_WORK = frozenset({"registers_per_thread"})
"""Features with that suffix that say what a thread may use rather than what it does."""


def log_work_per_thread(space: SearchSpace, codes: Codes) -> Floats | None:
    """Log of the work of a thread in every row of ``codes`` [n, d]: [n], or ``None`` if the space declares none.

    Compilers unroll what a thread does, so that compile times grow with it. A space declares it as features whose name
    ends in ``_per_thread``, such as the accumulators or elements that a thread holds, in any unit. Of several that are
    active in a row the geometric mean counts. Where none is active, or one is not positive, the result is NaN.
    """
    names = [name for name in space.features if name.endswith(SUFFIX) and name not in NOT_WORK]
    if not names:
        return None
    values = space.feature_values(codes, names)
    inactive = np.isnan(values)
    logs = np.log(values, out=np.full_like(values, np.nan), where=values > 0)
    total = np.where(inactive, 0.0, logs).sum(axis=1)
    active = (~inactive).sum(axis=1)
    return np.asarray(np.divide(total, active, out=np.full(len(values), np.nan), where=active > 0))
