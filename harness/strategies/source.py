"""The interface through which a strategy learns from earlier tunings (``source=…``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.evaluation import Configuration, Status
from harness.landscapes.facts import TaskFacts

__all__ = ["SourceData", "TaskFacts", "all_ranked", "apart", "coherent"]

FEWEST_FOR_COHERENCE = 200
"""Configurations of a source below which its coherence says too little to distrust it."""
COHERENT = 0.25
"""Least coherence of a source that is followed; ``python -m experiments.transfer.coherence`` has that of recordings."""
_QUERIES = 300


@dataclass(frozen=True)
class SourceData:
    """An earlier tuning of another task, in the search space of the current task.

    A strategy takes sources as its argument ``sources: Sequence[SourceData] = ()``. Latencies of two tasks are not
    comparable, but their ranks are.

    Attributes:
        facts: facts about the source: kernel, shape, dtype, device.
        target: facts about the current task.
        configurations: distinct and feasible in the current space, in arbitrary order.
        statuses: status of each in the source.
        latencies_ms: measured there, in ms; ``None`` unless the status is ``ok``.
    """

    facts: TaskFacts
    target: TaskFacts
    configurations: tuple[Configuration, ...]
    statuses: tuple[Status, ...]
    latencies_ms: tuple[float | None, ...]

    def __len__(self) -> int:
        return len(self.configurations)

    @cached_property
    def ranked(self) -> tuple[tuple[Configuration, float], ...]:
        """Successful configurations with their slowdowns, fastest first."""
        order = np.argsort(self.slowdowns, kind="stable")
        worked = [i for i in order.tolist() if np.isfinite(self.slowdowns[i])]
        return tuple((self.configurations[i], float(self.slowdowns[i])) for i in worked)

    @cached_property
    def slowdowns(self) -> NDArray[np.float64]:
        """Latency over the lowest that was seen there, [n]; infinite where it failed."""
        latencies = np.array([np.inf if value is None else value for value in self.latencies_ms], dtype=float)
        finite = np.isfinite(latencies)
        return latencies / latencies[finite].min() if finite.any() else latencies

    @cached_property
    def coherence(self) -> float:
        """How well configurations predict each other's latencies in this source: a rank correlation, -1 to 1.

        A configuration's rank is predicted by the mean rank of the nearest others, those that differ in the fewest
        parameters; of large sources at evenly spaced configurations. Latencies that have nothing to do with the
        parameters give 0.
        """
        from scipy.stats import rankdata, spearmanr  # a run without sources does without SciPy

        names = sorted({name for configuration in self.configurations for name in configuration})
        codes = np.array([
            np.unique([str(one.get(name)) for one in self.configurations], return_inverse=True)[1] for name in names
        ]).T  # fmt: skip
        ranks = rankdata(self.slowdowns)
        queries = np.arange(len(codes))[:: max(1, len(codes) // _QUERIES)]
        foretold = np.empty(len(queries))
        for place, row in enumerate(queries.tolist()):
            distances = (codes != codes[row]).sum(axis=1)
            distances[row] = len(names) + 1
            foretold[place] = ranks[distances == distances.min()].mean()
        seen = ranks[queries]
        if np.ptp(seen) == 0 or np.ptp(foretold) == 0:
            return 0.0
        return float(spearmanr(foretold, seen).statistic)


def coherent(sources: Sequence[SourceData]) -> list[SourceData]:
    """The sources from which there is something to learn.

    A source whose own latencies do not follow from its parameters (:attr:`SourceData.coherence`) cannot say anything
    about another task. Small sources are trusted.
    """
    return [one for one in sources if len(one) < FEWEST_FOR_COHERENCE or one.coherence >= COHERENT]


def apart(ranking: Sequence[tuple[Configuration, float]], least: int) -> Iterator[tuple[Configuration, float]]:
    """Reorder a ranking: first those that differ from all earlier ones in at least ``least`` parameters, best
    first; then the same with the rest."""
    left = list(ranking)
    while left:
        passed: list[tuple[Configuration, float]] = []
        taken: list[Configuration] = []
        for pair in left:
            if all(_differences(pair[0], other) >= least for other in taken):
                taken.append(pair[0])
                yield pair
            else:
                passed.append(pair)
        left = passed


def _differences(a: Configuration, b: Configuration) -> int:
    return sum(a.get(name) != b.get(name) for name in {*a, *b})


def all_ranked(sources: Sequence[SourceData]) -> list[tuple[Configuration, float]]:
    """The successes of several sources with their slowdowns there: in turn the fastest of each not named before."""
    seen: set[tuple[tuple[str, object], ...]] = set()
    found: list[tuple[Configuration, float]] = []
    for place in range(max((len(source.ranked) for source in sources), default=0)):
        for source in sources:
            if place < len(source.ranked):
                configuration, slowdown = source.ranked[place]
                key = tuple(sorted(configuration.items()))
                if key not in seen:
                    seen.add(key)
                    found.append((configuration, slowdown))
    return found
