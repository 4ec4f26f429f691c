"""How live runs spend their tuning time, and the harness's overhead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.runs import contract

PARTS = ("ask", "tell", "compile", "verify", "benchmark")
NEEDED = (contract.ASK_S, contract.TELL_S, contract.COMPILE_S, contract.VERIFY_S, contract.BENCHMARK_S)
LOGGED = (*NEEDED, contract.WALL_S, contract.ALIAS)
"""Columns of evaluations.parquet that a split is made from; the last two are absent in older runs."""
_SUMMED = ("clock_s", *(f"{part}_s" for part in PARTS), "compile_cpu_s", "worker_s", "alias_s")


def run_split(
    evaluations: Mapping[str, Any], batch: int, charge_ask: bool, workers: int = 1, overlapped: bool = False
) -> dict[str, float] | None:
    """The seconds of a run by what they were spent on; ``None`` if its log lacks the costs.

    ``ask_s``, ``tell_s``, ``compile_s``, ``verify_s`` and ``benchmark_s`` add up to ``clock_s``, the tuning clock at
    the end of the last tell, ask and tell included. The GPU verifies and benchmarks one configuration at a time; for
    the rest of the clock it waits for compiles, which is ``compile_s`` however many overlap (``compile_cpu_s``: their
    total). ``overhead_s`` is wall time minus ``clock_s``: nan unless ``wall_s`` is known throughout, and negative if
    the clock charged more than the elapsed time. ``alias_s``: verification and benchmark charged to, but not spent on,
    configurations with the machine code of another one. ``worker_s`` is the clock times the number of compile workers,
    which compiled for ``compile_cpu_s`` and idled for the rest. In an asynchronous run ask and tell overlap with both,
    so ``ask_s`` and ``tell_s`` are 0 there, and the remaining time is in ``compile_s``.

    Args:
        evaluations: columns in order, with ``clock_end_s`` and ``LOGGED`` as far as present. [evaluations] each
        batch: the most configurations asked at once.
        charge_ask: whether the clock includes ask and tell.
        workers: number of compile workers.
        overlapped: whether the run is asynchronous.
    """
    if any(name not in evaluations for name in NEEDED):
        return None
    logged = np.stack([np.asarray(evaluations[name], dtype=np.float64) for name in NEEDED])
    if np.isnan(logged).any():
        return None
    ask, tell, cpu, verify, benchmark = logged.sum(axis=1).tolist()
    end = float(np.asarray(evaluations[contract.CLOCK_END_S]).max())
    if overlapped:
        ask = tell = 0.0
        charge_ask = False
    on_device = end - (ask + tell - _last_tell(logged[:2].T, batch)) if charge_ask else end
    clock = ask + tell + on_device
    wall, alias = float("nan"), np.zeros(len(logged[0]))
    if contract.WALL_S in evaluations:
        wall = float(np.asarray(evaluations[contract.WALL_S], dtype=np.float64).sum())
    if contract.ALIAS in evaluations:
        alias = np.nan_to_num(np.asarray(evaluations[contract.ALIAS], dtype=np.float64))
    return {
        "clock_s": clock,
        "ask_s": ask,
        "tell_s": tell,
        "compile_s": on_device - verify - benchmark,
        "verify_s": verify,
        "benchmark_s": benchmark,
        "compile_cpu_s": cpu,
        "worker_s": workers * clock,
        "alias_s": float((alias * (logged[3] + logged[4])).sum()),
        "wall_s": wall,
        "overhead_s": wall - clock,
    }


def _last_tell(ask_and_tell: NDArray[np.float64], batch: int) -> float:
    """The seconds of the last tell, which comes after the last ``clock_end_s`` and so is not in the log's clock.

    A batch shares its ask and its tell equally, which identifies the last one.
    """
    last = ask_and_tell[-batch:]
    same = (last == last[-1]).all(axis=1)[::-1]
    return float(last[-1, 1]) * int(np.logical_and.accumulate(same).sum())


def by_task_and_strategy(runs: pd.DataFrame, splits: pd.DataFrame, group: str = "task") -> pd.DataFrame:
    """Sums over seeds, and shares of the tuning clock. One row per task and strategy with a split.

    Args:
        runs, splits: from :class:`analysis.runs.load.Study`.
        group: ``task``, or ``kernel`` to pool the tasks of each.

    Returns:
        Columns ``group``, strategy, runs, what :func:`run_split` gives, a ``<part>_share`` for each of ``PARTS``,
        utilisation: the share of all compile workers' time in which they compiled, timed_runs (those with wall_s) and
        overhead_share: overhead over the clock, both over only the timed runs.
    """
    return _summed(runs, splits, [group, "strategy"])


def overhead_by_strategy(runs: pd.DataFrame, splits: pd.DataFrame) -> dict[str, float]:
    """Harness overhead over the tuning clock, over all runs of a strategy; nan if none logged wall_s."""
    table = _summed(runs, splits, ["strategy"])
    return {str(name): float(share) for name, share in zip(table["strategy"], table["overhead_share"], strict=True)}


def _summed(runs: pd.DataFrame, splits: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    columns = [*by, "runs", *_SUMMED, *(f"{part}_share" for part in PARTS)]
    columns += ["utilisation", "timed_runs", "wall_s", "overhead_s", "overhead_share"]
    if splits.empty:
        return pd.DataFrame(columns=columns)
    rows = splits.join(runs[list(by)], on="run")
    timed = rows["overhead_s"].notna()
    rows = rows.assign(runs=1, timed_runs=timed.astype(int), timed_clock_s=rows["clock_s"].where(timed))
    sums = [*_SUMMED, "runs", "timed_runs", "timed_clock_s", "wall_s", "overhead_s"]
    table = rows.groupby(list(by), sort=True)[sums].sum(min_count=1).reset_index()
    for part in PARTS:
        table[f"{part}_share"] = table[f"{part}_s"] / table["clock_s"]
    table["utilisation"] = table["compile_cpu_s"] / table["worker_s"]
    table["overhead_share"] = table["overhead_s"] / table["timed_clock_s"]
    return table[columns]
