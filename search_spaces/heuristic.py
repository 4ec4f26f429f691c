"""Rules of thumb for GPU kernels: a score of configurations from what a space declares, before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search_spaces.encoding import Codes, Floats
from search_spaces.helion import description_of
from search_spaces.parameter import Categorical
from search_spaces.space import SearchSpace
from search_spaces.work import log_work_per_thread

STAGES = "num_stages"
"""The parameter that names the stages of a software pipeline, as in Triton."""
ENOUGH_STAGES = 3
"""A load, a wait and a use can overlap."""
USUAL_WORK = 5.5
"""Log2 of the usual work per thread: about 45 numbers, which registers hold and which hide a thread's overhead."""
WAVES = "waves"
"""How the names of features end that give the programs per multiprocessor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heuristic:
    """Weights of the rules of thumb; together they predict the normal score of a configuration's rank by latency.

    The defaults are rounded coefficients of a regression on the recordings that ``conf/strategy/conditional_gp.yaml``
    names (``experiments/ablation/heuristic.py`` prints them, and those with each kernel left out). A rule
    that a space declares nothing for says nothing.

    Attributes:
        few_stages: added where ``num_stages`` is below 3.
        work: added for each doubling or halving of the work per thread from 2 ** 5.5
            (:func:`~search_spaces.work.log_work_per_thread`).
        idle: added for each halving of the programs per multiprocessor below one. They are the features whose names
            end in ``waves``; of several that are active the last declared counts.
        alternative: added where the program's structure is not the first declared one, which is the simplest. A
            structure is a categorical that is always active and on which conditions of others depend; of several the
            first declared counts.
    """

    few_stages: float = 0.4
    work: float = 0.3
    idle: float = 0.5
    alternative: float = 0.5

    def scores(self, space: SearchSpace, codes: Codes) -> Floats | None:
        """Scores of the rows of ``codes`` [n, d], lower is faster: [n]; ``None`` if no rule applies to the space."""
        weighted = [getattr(self, rule) * amount for rule, amount in amounts(space, codes).items()]
        return np.sum(weighted, axis=0) if weighted else None

    def applies(self, space: SearchSpace) -> bool:
        """Whether any rule applies to the space."""
        return bool(amounts(space, np.empty((0, len(space.parameters)), dtype=np.int32)))


def amounts(space: SearchSpace, codes: Codes) -> dict[str, Floats]:
    """By how much each row of ``codes`` [n, d] goes against each rule that applies to the space, [n] each.

    It is 0 where a rule's parameter or feature is inactive. No rule applies to the spaces that Helion generates: their
    features count elements of all blocks, and in four samples of them the rules cost evaluations.
    """
    if description_of(space) is not None:
        return {}
    found = {
        "few_stages": _few_stages(space, codes),
        "work": _unusual_work(space, codes),
        "idle": _idle(space, codes),
        "alternative": _alternative(space, codes),
    }
    return {rule: np.nan_to_num(amount) for rule, amount in found.items() if amount is not None}


def _few_stages(space: SearchSpace, codes: Codes) -> Floats | None:
    """1 where the pipeline has fewer than :data:`ENOUGH_STAGES` stages, [n]."""
    if STAGES not in space.names:
        return None
    column = space.names.index(STAGES)
    values = space.parameters[column].values
    few = [isinstance(value, int | float) and value < ENOUGH_STAGES for value in values]
    return np.append(few, False).astype(float)[codes[:, column]]  # inactive is -1, the last


def _unusual_work(space: SearchSpace, codes: Codes) -> Floats | None:
    """Doublings between the work per thread and the usual one, [n]; NaN where it is unknown."""
    work = log_work_per_thread(space, codes)
    return None if work is None else np.abs(work / np.log(2.0) - USUAL_WORK)


def _idle(space: SearchSpace, codes: Codes) -> Floats | None:
    """Halvings of the programs per multiprocessor below one, [n]; NaN where their number is unknown."""
    names = [name for name in space.features if name.endswith(WAVES)]
    if not names:
        return None
    values = space.feature_values(codes, names)
    waves = np.full(len(codes), np.nan)
    for column in values.T:
        waves = np.where(np.isnan(column), waves, column)
    logs = np.log2(waves, out=np.full(len(codes), np.nan), where=waves > 0)
    return np.asarray(np.maximum(-logs, 0.0))


def _alternative(space: SearchSpace, codes: Codes) -> Floats | None:
    """1 where the structure is not the first declared one, [n]."""
    columns = [
        i
        for i, parameter in enumerate(space.parameters)
        if isinstance(parameter, Categorical) and parameter.condition is None and parameter.name in space.deciding
    ]
    return np.asarray((codes[:, columns[0]] > 0).astype(float)) if columns else None
