"""What runs cost before: on the GPU by a recording of the task, in the strategy by finished runs."""

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
"""Simulated runs that an expectation is the mean of."""
_THINKING = (contract.ASK_S, contract.TELL_S, contract.WALL_S)
READ = 20
"""Finished runs of a strategy that its thinking is averaged over."""


@dataclass(frozen=True)
class RunCost:
    """Of one run, expected.

    Attributes:
        evaluations: how many.
        clock_s: on the tuning clock, ask and tell left out.
        measuring_s: verification and benchmark in it: seconds that the GPU is busy.

    ``None`` where it is not known.
    """

    evaluations: float | None
    clock_s: float | None
    measuring_s: float | None


def random_run(landscape: Landscape, budget: Budget, batch: int, workers: int, overlapped: bool = False) -> RunCost:
    """What a run of random search on a recorded task costs: the mean of :data:`DRAWS` simulated ones.

    Args:
        overlapped: it is asynchronous: no batch waits for its slowest.
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
    """Of a strategy, per evaluation, over ``runs`` finished runs.

    Attributes:
        ask_tell_s: seconds in ask and tell.
        wall_s: seconds of the whole round; in replay that is all the CPU time there is.
    """

    runs: int
    ask_tell_s: float
    wall_s: float


def thinking(directories: Iterable[Path]) -> Thinking | None:
    """Averaged over the first :data:`READ` of ``directories`` that hold a readable finished run; ``None``: none."""
    tables = islice((table for directory in directories if (table := _costs(directory)) is not None), READ)
    means = [np.nanmean(table, axis=0) for table in tables]
    if not means:
        return None
    ask_tell_s, wall_s = np.mean(means, axis=0).tolist()
    return Thinking(len(means), ask_tell_s, wall_s)


def _costs(directory: Path) -> Floats | None:
    """Shape ``[evaluations, 2]``: ask and tell, and the round, in s; ask and tell again where no round was logged."""
    if not (directory / contract.DONE).exists() or not (directory / contract.EVALUATIONS).is_file():
        return None
    try:
        table = pq.read_table(directory / contract.EVALUATIONS, columns=list(_THINKING))
    except (OSError, pa.ArrowException):  # an estimate is no place to complain about one of many runs
        return None
    ask, tell, wall = (table.column(name).to_numpy() for name in _THINKING)
    own = ask + tell
    return np.column_stack([own, np.where(np.isfinite(wall), wall, own)]) if len(own) else None
