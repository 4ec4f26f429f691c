"""Evaluations of one arm over those of another: ``python -m experiments.contenders.compare RUNS… --pair A/B``.

RUNS are files of :mod:`experiments.contenders.first_hit`. The ratio is that of the ERT to within 5%, as a geometric
mean over the tasks that both arms have, with runs of equal seeds. The 95% interval resamples the pairs of each task
2,000 times; a resample without a hit counts as half a hit. Pairs of which A's run is missing are left out; with
``--missing-fail`` they count as runs of A that spent the budget without a hit. Where A's runs were given up, the truth
lies between the two.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from experiments.contenders.first_hit import Run, read_runs

RESAMPLES = 2000
Pairs = NDArray[np.int64]
"""Of each seed, for both arms: hit and evaluations, [seeds, arms, 2]."""


def pairs(runs: Iterable[Run], one: str, other: str) -> dict[str, Pairs]:
    """The pairs of each task that both arms have.

    Raises:
        AnalysisError: there is none.
    """
    of = {(run.task, run.seed, run.arm): (run.hit, run.evaluations) for run in runs}
    shared = sorted((task, seed) for task, seed, arm in of if arm == one and (task, seed, other) in of)
    if not shared:
        raise AnalysisError(f"{one}/{other}: expected runs of both with the same tasks and seeds")
    return {
        task: np.array([[of[task, seed, arm] for arm in (one, other)] for name, seed in shared if name == task])
        for task in dict.fromkeys(task for task, _ in shared)
    }


def given_up(runs: Sequence[Run], one: str, other: str) -> list[Run]:
    """The runs of ``one`` that are missing on its tasks, with the seeds of ``other``, as if they had failed."""
    have = {(run.task, run.seed) for run in runs if run.arm == one}
    tasks = {task for task, _ in have}
    lacking = [run for run in runs if run.arm == other and run.task in tasks and (run.task, run.seed) not in have]
    return [replace(run, arm=one, hit=0, evaluations=run.budget) for run in lacking]


def ratio(of: dict[str, Pairs]) -> tuple[float, float, float]:
    """The ratio with its interval."""
    rng = np.random.default_rng(0)
    drawn = [_log(rng.choice(each, len(each)) for each in of.values()) for _ in range(RESAMPLES)]
    low, high = np.exp(np.quantile(drawn, [0.025, 0.975])).tolist()
    return float(np.exp(_log(of.values()))), low, high


def _log(tables: Iterable[Pairs]) -> float:
    """Mean over tasks of the log ratio of ERTs."""
    sums = np.array([table.sum(axis=0) for table in tables])  # [tasks, arms, 2]
    logs = np.log(sums[..., 1] / np.maximum(sums[..., 0], 0.5))
    return float(np.mean(logs[:, 0] - logs[:, 1]))


def line(runs: Sequence[Run], one: str, other: str) -> str:
    """``A / B: 1.25 [1.1, 1.4], 14 tasks, 139/140 and 140/140 hits``."""
    of = pairs(runs, one, other)
    value, low, high = ratio(of)
    hits, count = sum(table[..., 0].sum(axis=0) for table in of.values()), sum(map(len, of.values()))
    counted = f"{len(of)} tasks, {hits[0]}/{count} and {hits[1]}/{count} hits"
    return f"{one} / {other}: {value:.2f} [{low:.2f}, {high:.2f}], {counted}"


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--pair", action="append", required=True, metavar="A/B", dest="pairs")
    parser.add_argument("--missing-fail", action="store_true", help="count missing runs of A as failures")
    parser.add_argument("--tasks", help="only tasks whose names begin so, several separated by commas")
    arguments = parser.parse_args(given)
    begins = tuple((arguments.tasks or "").split(","))
    try:
        runs = [run for file in arguments.runs for run in read_runs(file) if run.task.startswith(begins)]
        for pair in arguments.pairs:
            one, slash, other = pair.partition("/")
            if not slash:
                raise AnalysisError(f"--pair={pair}: expected A/B")
            failed = given_up(runs, one, other) if arguments.missing_fail else []
            print(line(runs + failed, one, other))
    except AnalysisError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
