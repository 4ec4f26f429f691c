"""Random search on a recorded table, simulated where the closed form ends: the tuning clock of several workers.

The rule is that of the harness: compiles start in ask order on free workers; benchmarks run first-in first-out
on one GPU as compiles finish. Random search needs no answers to go on asking, so it never waits for a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics import random_search

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedSearches:
    """Random searches in the order in which their evaluations end.

    Attributes:
        rows: positions in the table. [R, B]
        end_s: the tuning clock in s at which each evaluation ends, non-decreasing along B. [R, B]
    """

    rows: NDArray[np.int64]
    end_s: Floats


def simulate(
    compile_s: Floats,
    device_s: Floats,
    budget: int,
    repetitions: int,
    rng: np.random.Generator,
    workers: int = 1,
    sequential: bool = False,
) -> SimulatedSearches:
    """Draw ``budget`` configurations without replacement, ``repetitions`` times, and run the clock.

    Args:
        compile_s: cost on a compile worker in s. [N]
        device_s: cost on the GPU (verify and benchmark) in s. [N]
        sequential: one evaluation at a time, as in batches of one; else compiling overlaps with the GPU.
    """
    n = len(compile_s)
    drawn = min(budget, n)
    rows = np.stack([rng.choice(n, drawn, replace=False) for _ in range(repetitions)])
    compiling, device = compile_s[rows], device_s[rows]
    if sequential:
        return SimulatedSearches(rows, np.cumsum(compiling + device, axis=1))
    free = np.zeros((repetitions, workers))
    compiled = np.empty_like(compiling)
    every = np.arange(repetitions)
    for j in range(drawn):
        worker = free.argmin(axis=1)
        free[every, worker] += compiling[:, j]
        compiled[:, j] = free[every, worker]
    order = np.argsort(compiled, axis=1, kind="stable")
    rows = np.take_along_axis(rows, order, axis=1)
    compiled = np.take_along_axis(compiled, order, axis=1)
    device = np.take_along_axis(device, order, axis=1)
    end, now = np.empty_like(compiled), np.zeros(repetitions)
    for j in range(drawn):
        now = np.maximum(now, compiled[:, j]) + device[:, j]
        end[:, j] = now
    return SimulatedSearches(rows, end)


def ert_seconds(n: int, k: int, budget: int, searches: SimulatedSearches) -> float:
    """ERT in s from simulated clocks: the law of T stays exact, only the mean clock at each t is simulated.

    sum_t P(T = t) clock(t) + S(B) clock(B), over 1 - S(B). It takes hits to cost what misses cost, which the
    closed form for one worker need not.
    """
    drawn = min(budget, n)
    survival = random_search.survival(n, k, np.arange(drawn + 1))
    if survival[-1] >= 1.0:
        return float("inf")
    clock = searches.end_s[:, :drawn].mean(axis=0)
    ending = survival[:-1] - survival[1:]
    return float((ending @ clock + survival[-1] * clock[-1]) / (1.0 - survival[-1]))


def first_hits(searches: SimulatedSearches, true_hit: NDArray[np.bool_], readings_ms: Floats) -> NDArray[np.int64]:
    """T of each search in order of ending, counted from 1; one more than drawn where it never hits. [R]

    T is the first evaluation after which the incumbent, chosen by reading, is a hit by its true latency: noise may
    hide a hit behind a lucky reading of a slower configuration.

    Args:
        true_hit: whether each configuration is a hit. [N]
        readings_ms: what each evaluation reads, inf where it failed. [R, B]
    """
    best = np.minimum.accumulate(readings_ms, axis=1)
    before = np.concatenate([np.full((len(best), 1), np.inf), best[:, :-1]], axis=1)
    positions = np.where(readings_ms < before, np.arange(best.shape[1]), 0)
    incumbent = np.take_along_axis(searches.rows, np.maximum.accumulate(positions, axis=1), axis=1)
    hit = true_hit[incumbent] & np.isfinite(best)
    first = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, best.shape[1] + 1)
    return np.asarray(first, dtype=np.int64)
