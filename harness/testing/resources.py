"""What asking costs: seconds beside random search, and bytes kept per evaluation."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from statistics import median

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.random import RandomSearch
from harness.testing.driver import drive, evaluation, smooth_latency
from search_spaces.space import SearchSpace


def ask_seconds(strategy: Strategy, space: SearchSpace, evaluations: int) -> float:
    """Median wall seconds of an ask for one configuration and the tell that follows, over a run."""
    spent: list[float] = []
    for index in range(evaluations):
        before = time.perf_counter()
        asked = strategy.ask(1)
        between = time.perf_counter()
        if not asked:
            break
        told = [evaluation(index, asked[0], smooth_latency(space, asked[0]))]
        after = time.perf_counter()
        strategy.tell(told)
        spent.append(between - before + time.perf_counter() - after)
    return median(spent)


def ask_ratio(build: Callable[[SearchSpace], Strategy], space: SearchSpace, evaluations: int) -> float:
    """Median seconds of an ask and its tell over those of random search on the same space."""
    own_s = ask_seconds(build(space), space, evaluations)
    random = RandomSearch(space, np.random.SeedSequence(0), Budget())
    return own_s / ask_seconds(random, space, min(space.size, 200))


def kept_bytes(build: Callable[[SearchSpace], Strategy], space: SearchSpace, evaluations: int) -> float:
    """Bytes that Python and numpy hold more at the end of a run than halfway, per evaluation in between.

    What is allocated once does not count: a first run imports what is imported lazily, and the first half of the second
    one fits the first models. Memory that a library takes from elsewhere (torch's tensors, for one) is not seen.
    """
    half = evaluations // 2
    drive(build(space), space, evaluations=evaluations)
    ours = gc.get_freeze_count() == 0
    gc.freeze()  # what is imported by now stays: collecting looks at a million objects less
    tracemalloc.start()
    try:
        strategy = build(space)
        drive(strategy, space, evaluations=half)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        drive(strategy, space, evaluations=evaluations - half)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        if ours:
            gc.unfreeze()
    return (after - before) / (evaluations - half)
