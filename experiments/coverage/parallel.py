"""Parallel work whose results depend only on their arguments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

from analysis.progress import tracked

Item = TypeVar("Item")
Result = TypeVar("Result")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def done(work: Callable[[Item], Result], items: Sequence[Item], jobs: int, what: str) -> Iterator[tuple[Item, Result]]:
    """Yield each item with its result in order of completion, with progress.

    Args:
        work: a function of a module, which a new process imports.
        jobs: number of processes; 1: only this one.
    """
    if jobs <= 1:
        for item in tracked(items, what):
            yield item, work(item)
        return
    for name in _THREADS:  # as many threads as jobs would only get in each other's way
        os.environ.setdefault(name, "1")
    with ProcessPoolExecutor(min(jobs, max(1, len(items))), mp_context=get_context("spawn")) as pool:
        running = {pool.submit(work, item): item for item in items}
        finished = as_completed(running)
        for _ in tracked(items, what):
            future = next(finished)
            yield running[future], future.result()
