"""Simulate random search on a recorded table with several workers, whose tuning clock has no closed form.

The clock is that of the harness: compiles start in ask order on free workers, and benchmarks run first in, first out
on one GPU as compiles finish. Random search needs no results to ask, so it never waits for a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.weighted_orders import orders

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedSearches:
    """Random searches in the order in which their evaluations end.

    Attributes:
        asked: positions in the table in the order asked. [R, B]
        rows: the same in the order in which they end. [R, B]
        end_s: the tuning clock in s at which each evaluation ends, non-decreasing along B. [R, B]
    """

    asked: NDArray[np.int64]
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
    p: Floats | None = None,
    independent: bool = False,
) -> SimulatedSearches:
    """Draw ``budget`` configurations without replacement, ``repetitions`` times, and run the clock.

    Args:
        compile_s: cost on a compile worker in s. [N]
        device_s: cost on the GPU (verify and benchmark) in s. [N]
        sequential: make one evaluation at a time, as in batches of one; else compiling overlaps with the GPU.
        p: the probability of each configuration, up to a factor; ``None`` if all are equal. [N]
        independent: draw with replacement and equal probabilities, as recorded draws are drawn.
    """
    n = len(compile_s)
    if independent:
        asked = rng.integers(n, size=(repetitions, budget))
    else:
        asked = orders(np.ones(n) if p is None else p, min(budget, n), repetitions, rng)
    return clocked(asked, compile_s, device_s, workers, sequential)


def clocked(
    asked: NDArray[np.int64], compile_s: Floats, device_s: Floats, workers: int = 1, sequential: bool = False
) -> SimulatedSearches:
    """Run the clock of searches whose draws are known. Arguments as in :func:`simulate`; ``asked`` is [R, B]."""
    repetitions, drawn = asked.shape
    compiling, device = compile_s[asked], device_s[asked]
    if sequential:
        return SimulatedSearches(asked, asked, np.cumsum(compiling + device, axis=1))
    free = np.zeros((repetitions, workers))
    compiled = np.empty_like(compiling)
    every = np.arange(repetitions)
    for j in range(drawn):
        worker = free.argmin(axis=1)
        free[every, worker] += compiling[:, j]
        compiled[:, j] = free[every, worker]
    order = np.argsort(compiled, axis=1, kind="stable")
    rows = np.take_along_axis(asked, order, axis=1)
    compiled = np.take_along_axis(compiled, order, axis=1)
    device = np.take_along_axis(device, order, axis=1)
    end, now = np.empty_like(compiled), np.zeros(repetitions)
    for j in range(drawn):
        now = np.maximum(now, compiled[:, j]) + device[:, j]
        end[:, j] = now
    return SimulatedSearches(asked, rows, end)


def costs_and_evaluations(searches: SimulatedSearches, hit: NDArray[np.bool_]) -> Floats:
    """Return each search's cost until its first hit, in s of the clock and in evaluations in the order asked; [R, 2].

    A search without a hit costs all that it drew. The ratio of the two means, times the known ERT in evaluations, is an
    ERT in s, because equally many searches hit in both units.

    Args:
        hit: whether each configuration is a hit. [N]
    """
    drawn = searches.rows.shape[1]
    ended, found = (first_true(hit[rows]) for rows in (searches.rows, searches.asked))
    clock = searches.end_s[np.arange(len(ended)), np.minimum(ended, drawn) - 1]
    return np.column_stack([clock, np.minimum(found, drawn)])


def first_true(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find the first true column of each row, counted from 1; B + 1 if none is true. [R, B] to [R]"""
    return np.asarray(np.where(flags.any(axis=1), flags.argmax(axis=1) + 1, flags.shape[1] + 1), dtype=np.int64)


def first_hits(rows: NDArray[np.int64], true_hit: NDArray[np.bool_], readings_ms: Floats) -> NDArray[np.int64]:
    """T of each search in the order of ending, counted from 1; B + 1 if it never hits. [R]

    T is the first evaluation after which the incumbent, chosen by its reading, is a hit by its true latency: with
    noise, a lucky reading of a slower configuration may hide a hit.

    Args:
        rows: positions in the table, in the order in which they end. [R, B]
        true_hit: whether each configuration is a hit. [N]
        readings_ms: the reading of each evaluation, inf if it failed. [R, B]
    """
    best = np.minimum.accumulate(readings_ms, axis=1)
    before = np.concatenate([np.full((len(best), 1), np.inf), best[:, :-1]], axis=1)
    positions = np.where(readings_ms < before, np.arange(best.shape[1]), 0)
    incumbent = np.take_along_axis(rows, np.maximum.accumulate(positions, axis=1), axis=1)
    return first_true(true_hit[incumbent] & np.isfinite(best))
