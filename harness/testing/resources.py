"""The cost of asks, counted instead of timed: lines of Python, and bytes kept per evaluation."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from statistics import median
from types import FrameType
from typing import Any

from harness.evaluation import Configuration
from harness.strategies.base import Strategy
from harness.testing.driver import drive, evaluation, smooth_latency
from search_spaces.space import SearchSpace


def lines_run(act: Callable[[], object]) -> int:
    """Lines of Python that ``act`` executes, including its calls; the same on every machine and under any load.

    Compiled code, other threads and the garbage collector, in which a test library may have hooks, are not counted.
    """
    lines = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        nonlocal lines
        lines += event == "line"
        return trace

    before, collecting = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
        if collecting:
            gc.enable()
    return lines


def ask_lines(strategy: Strategy, space: SearchSpace, evaluations: int) -> float:
    """Median lines of Python of an ask for one configuration and the tell that follows, over a run."""
    run: list[int] = []
    asked: list[Configuration] = []
    for index in range(evaluations):
        asking = lines_run(lambda: asked.extend(strategy.ask(1)))
        if len(asked) == index:
            break
        told = [evaluation(index, asked[-1], smooth_latency(space, asked[-1]))]
        run.append(asking + lines_run(lambda told=told: strategy.tell(told)))  # type: ignore[misc]
    return median(run)


def kept_bytes(build: Callable[[SearchSpace], Strategy], space: SearchSpace, evaluations: int) -> float:
    """Growth of the bytes held by Python and numpy over the second half of a run, per evaluation.

    One-off allocations do not count: a first run triggers lazy imports, and the first half of the second
    one fits the first models. Memory that a library allocates elsewhere (such as torch's tensors) is not counted.
    """
    half = evaluations // 2
    drive(build(space), space, evaluations=evaluations)
    ours = gc.get_freeze_count() == 0
    gc.freeze()  # keeps imported objects, so that collections scan a million objects fewer
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
