"""Recorded costs of runs: on the GPU from a recording of the task, in the strategy from finished runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.evaluation import Measurement, Status
from harness.landscapes.landscape import Landscape
from harness.landscapes.table import Floats
from harness.run import contract
from harness.run.clock import schedule
from harness.strategies.base import Budget

DRAWS = 16
"""Number of simulated runs that an expectation averages over."""
_THINKING = (contract.ASK_S, contract.TELL_S, contract.WALL_S)
READ = 20
"""Number of finished runs that a strategy's ask and tell times are averaged over."""


@dataclass(frozen=True)
class RunCost:
    """The expected cost of one run; each field is ``None`` where it is not known.

    Attributes:
        evaluations: number of evaluations.
        clock_s: seconds on the tuning clock, without ask and tell.
        measuring_s: seconds of verification and benchmark, in which the GPU is busy.
    """

    evaluations: float | None
    clock_s: float | None
    measuring_s: float | None


def random_run(landscape: Landscape, budget: Budget, batch: int, workers: int, overlapped: bool = False) -> RunCost:
    """The cost of a run of random search on a recorded task: the mean of :data:`DRAWS` simulated runs.

    Args:
        overlapped: whether the run is asynchronous, so that no batch waits for its slowest evaluation.
    """
    costs = landscape.costs_s[landscape.searchable]
    rng = np.random.default_rng(np.random.SeedSequence(0))
    simulated = partial(_overlapped, budget=budget, workers=workers)
    if not overlapped:
        simulated = partial(_simulated, budget=budget, batch=batch, workers=workers)
    drawn = [simulated(costs[rng.permutation(len(costs))]) for _ in range(DRAWS)]
    return RunCost(*(float(mean) for mean in np.mean(drawn, axis=0)))


def _simulated(costs: Floats, budget: Budget, batch: int, workers: int) -> tuple[float, float, float]:
    done, clock_s, measuring_s = 0, 0.0, 0.0
    limit = len(costs) if budget.evaluations is None else min(len(costs), budget.evaluations)
    while done < limit and (budget.seconds is None or clock_s < budget.seconds):
        chosen = costs[done : min(done + batch, limit)].tolist()
        measurements = [Measurement(Status.OK, compile_s=c, verify_s=v, benchmark_s=b) for c, v, b in chosen]
        clock_s = max(span.end_s for span in schedule(measurements, workers, clock_s))
        measuring_s += sum(m.verify_s + m.benchmark_s for m in measurements)
        done += len(chosen)
    return done, clock_s, measuring_s


def _overlapped(costs: Floats, budget: Budget, workers: int) -> tuple[float, float, float]:
    limit = len(costs) if budget.evaluations is None else min(len(costs), budget.evaluations)
    measurements = [
        Measurement(Status.OK, compile_s=c, verify_s=v, benchmark_s=b) for c, v, b in costs[:limit].tolist()
    ]
    spans = schedule(measurements, workers, 0.0)
    begun = [
        (span.end_s, m) for span, m in zip(spans, measurements, strict=True)
        if budget.seconds is None or span.start_s < budget.seconds
    ]  # fmt: skip
    return len(begun), max(end_s for end_s, _ in begun), sum(m.verify_s + m.benchmark_s for _, m in begun)


@dataclass(frozen=True)
class Thinking:
    """Cost of a strategy per evaluation, averaged over ``runs`` finished runs.

    Attributes:
        ask_tell_s: seconds in ask and tell.
        wall_s: seconds of the whole round; in replay this is all of the CPU time.
    """

    runs: int
    ask_tell_s: float
    wall_s: float


def thinking(directories: Iterable[Path]) -> Thinking | None:
    """The average over the first :data:`READ` readable finished runs in ``directories``; ``None`` if there is none."""
    tables = islice((table for directory in directories if (table := _costs(directory)) is not None), READ)
    means = [np.nanmean(table, axis=0) for table in tables]
    if not means:
        return None
    ask_tell_s, wall_s = np.mean(means, axis=0).tolist()
    return Thinking(len(means), ask_tell_s, wall_s)


def _costs(directory: Path) -> Floats | None:
    """Shape ``[evaluations, 2]``: ask and tell, and the round, in s; if no round was logged, ask and tell stand for
    it."""
    if not (directory / contract.DONE).exists() or not (directory / contract.EVALUATIONS).is_file():
        return None
    try:
        table = pq.read_table(directory / contract.EVALUATIONS, columns=list(_THINKING))
    except (OSError, pa.ArrowException):  # an estimate should not fail because of one run among many
        return None
    ask, tell, wall = (table.column(name).to_numpy() for name in _THINKING)
    own = ask + tell
    return np.column_stack([own, np.where(np.isfinite(wall), wall, own)]) if len(own) else None
