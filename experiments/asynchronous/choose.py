"""Choose what overlapping evaluations change: ``python -m experiments.asynchronous.choose SETTINGS [SETTINGS …]``.

SETTINGS are arguments of ``conditional_gp`` such as ``overlapping_cost_weight=4,overlapping_initial=3``; ``defaults``
changes none. Each is run asynchronously on 16 workers on the useful exhaustive H100 tasks on which the defaults were
chosen, with ``--h200`` on those of the H200 as well. A run ends when its incumbent comes within 5% of the optimum. The
output is the expected running time (ERT) of the same seeds with one worker, list-scheduled on 16 workers, over that of
the settings. Intervals are for other seeds of the same tasks.

``--new-kernels`` tests a choice on the tasks of ``experiment=claim_2``, on which none is made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from inspect import signature
from itertools import chain, product
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from analysis.progress import tracked
from experiments.asynchronous.table import TARGET, WORKERS
from experiments.contenders.tune import tasks_of
from experiments.hopeless.choose import development
from harness.backends.pipeline import measurement_of
from harness.backends.replay import ReplayBackend
from harness.evaluation import Evaluation, Measurement, Status
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.library import find_landscape
from harness.run.clock import schedule
from harness.run.loop import run_loop
from harness.run.overlapped import run_overlapped
from harness.run.streams import streams
from harness.strategies.base import Budget
from harness.strategies.conditional_gp import ConditionalGP
from harness.system.resources import conf_directory

Floats = NDArray[np.float64]
EVALUATIONS = 120
DRAWS = 2000
"""Bootstrap draws."""
NOT_USEFUL = ("layernorm-*", "matmul-wide-*")


@dataclass(frozen=True)
class Outcome:
    """Seconds until the hit, or of the whole run without one."""

    seconds: float
    hit: bool


class _Enough(Exception):
    """Nothing after this evaluation matters."""


@cache
def tasks(h200: bool = False) -> tuple[Landscape, ...]:
    """The landscapes to choose on: those of the H100, or of both devices."""
    found = (one for one in development() if h200 or one.path.stem.endswith("__h100"))
    return tuple(one for one in found if not any(fnmatchcase(one.path.stem, name) for name in NOT_USEFUL))


def new_tasks() -> tuple[str, ...]:
    """The names of the landscapes of the ten kernels that no default was chosen on."""
    return tuple(f"{task}__h100" for task in tasks_of("claim_2"))


@cache
def landscape_of(name: str) -> Landscape:
    """The landscape of a name."""
    return read_landscape(find_landscape(*name.split("__")))


def outcome(log: Sequence[Evaluation], near_ms: float, ends_s: Sequence[float] | None = None) -> Outcome:
    """When the incumbent's true latency came to ``near_ms``.

    Args:
        ends_s: when each evaluation ends; by default, when it did.
    """
    ends = [one.clock_end_s for one in log] if ends_s is None else ends_s
    best = np.inf
    for i in np.argsort(ends, kind="stable"):
        latency, true = log[i].latency_ms, log[i].oracle_ms
        if latency is not None and latency < best:
            best = latency
            if true is not None and true <= near_ms:
                return Outcome(ends[i], True)
    return Outcome(max(ends), False)


def rescheduled(log: Sequence[Evaluation]) -> tuple[list[float], float]:
    """When each evaluation of a run with one worker ends if list-scheduled on many, and when the next would start."""
    spans = schedule([*map(measurement_of, log), Measurement(Status.OK)], WORKERS, 0.0)
    return [span.end_s for span in spans[:-1]], spans[-1].start_s


def run(landscape: Landscape, seed: int, settings: Mapping[str, Any], workers: int) -> Outcome:
    """Run until the hit, as ``nearopt run`` does; a run with one worker is list-scheduled on :data:`WORKERS`."""
    backend = ReplayBackend(landscape, np.random.SeedSequence(seed))
    seeds = streams(seed, backend.subject, "harness.strategies.conditional_gp.ConditionalGP")
    strategy = ConditionalGP(space=backend.space, seed=seeds.strategy, budget=Budget(EVALUATIONS), **settings)
    near_ms = (1.0 + TARGET) * float(np.nanmin(landscape.oracle_ms))
    log: list[Evaluation] = []

    def found() -> tuple[Outcome, float]:
        """The outcome so far, and until when later evaluations cannot change it."""
        if workers > 1:
            return outcome(log, near_ms), np.inf
        ends_s, next_s = rescheduled(log)
        return outcome(log, near_ms, ends_s), next_s

    def check(_: Evaluation) -> None:
        so_far, certain_s = found()
        if so_far.hit and so_far.seconds <= certain_s:
            raise _Enough

    rng, budget = np.random.default_rng(seeds.repair), Budget(EVALUATIONS)
    loop: Callable[..., str] = run_overlapped if workers > 1 else run_loop
    with suppress(_Enough):
        loop(strategy, backend, budget, workers, rng, [], log.extend, check)
    return found()[0]


def ert_s(seconds: Floats, hits: Floats) -> Floats:
    """Expected running time in s, over the last axis: all seconds over the number of hits."""
    with np.errstate(divide="ignore"):
        return np.asarray(seconds.sum(axis=-1) / hits.sum(axis=-1))


@dataclass(frozen=True)
class Runs:
    """Runs of some settings: seconds and hits, [tasks, seeds]."""

    seconds: Floats
    hits: Floats

    @property
    def ert_s(self) -> Floats:
        """The ERT in s of each task."""
        return ert_s(self.seconds, self.hits)

    def share(self, bound: Runs) -> float:
        """The speed relative to ``bound``, as a geometric mean over the tasks."""
        return float(np.exp(np.log(bound.ert_s / self.ert_s).mean()))

    def drawn(self, seeds: NDArray[np.intp]) -> Runs:
        """The same runs with other seeds, [tasks, seeds], with replacement."""
        return Runs(np.take_along_axis(self.seconds, seeds, 1), np.take_along_axis(self.hits, seeds, 1))


def interval(runs: Runs, bound: Runs) -> tuple[float, float]:
    """The 95% bootstrap interval of the share over the seeds of these tasks; both have the same seeds."""
    rng = np.random.default_rng(0)
    tasks_, seeds = runs.seconds.shape
    shares = []
    for _ in range(DRAWS):
        again = rng.integers(seeds, size=(tasks_, seeds))
        shares.append(runs.drawn(again).share(bound.drawn(again)))
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def one(settings: Mapping[str, Any], workers: int, job: tuple[str, int]) -> Outcome:
    """:func:`run` on the landscape of a name, so that a process need not be sent the landscape."""
    name, seed = job
    return run(landscape_of(name), seed, settings, workers)


def runs_of(
    settings: Mapping[str, Any], workers: int, names: Sequence[str], seeds: Sequence[int], jobs: int, label: str
) -> Runs:
    """Runs on all tasks with all seeds, in ``jobs`` processes."""
    todo = list(product(names, seeds))
    with ProcessPoolExecutor(jobs) as pool:
        made = pool.map(partial(one, settings, workers), todo)
        found = [done for done, _ in zip(made, tracked(todo, label), strict=True)]
    shape = (len(names), len(seeds))
    return Runs(
        np.array([each.seconds for each in found]).reshape(shape),
        np.array([float(each.hit) for each in found]).reshape(shape),
    )


def parsed(text: str) -> dict[str, Any]:
    """Arguments as ``name=value,name=value``.

    Raises:
        ArgumentTypeError: it is something else, or no argument of ``conditional_gp``.
    """
    if text == "defaults":
        return {}
    parts = [part.partition("=") for part in text.split(",")]
    for name, equals, _ in parts:
        if not equals or name not in signature(ConditionalGP).parameters:
            raise argparse.ArgumentTypeError(f"{text}: expected defaults, or arguments of conditional_gp as name=value")
    return {name: yaml.safe_load(value) for name, _, value in parts}


def seeds_of(text: str) -> list[int]:
    """Seeds from ``FIRST:END[,FIRST:END…]``, END excluded.

    Raises:
        ArgumentTypeError: it is something else, or no seed.
    """
    try:
        pairs = [tuple(map(int, part.split(":"))) for part in text.split(",")]
        found = list(chain.from_iterable(range(first, end) for first, end in pairs))
    except ValueError:
        found = []
    if not found or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"{text}: expected FIRST:END[,FIRST:END…], each seed once, such as 300:316")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="+", type=lambda text: (text, parsed(text)))
    parser.add_argument("--seeds", type=seeds_of, default="300:316", help="FIRST:END[,FIRST:END…], END excluded")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--h200", action="store_true", help="the tasks of the H200 as well")
    which.add_argument("--new-kernels", action="store_true", help="the tasks of claim_2, to test a choice")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    arguments = parser.parse_args()
    given = yaml.safe_load((conf_directory() / "strategy" / "conditional_gp.yaml").read_text(encoding="utf-8"))
    usual = {name: value for name, value in given.items() if name not in ("_target_", "label", "chosen_on")}
    names = new_tasks() if arguments.new_kernels else [task.path.stem for task in tasks(arguments.h200)]
    of = partial(runs_of, names=names, seeds=arguments.seeds, jobs=arguments.jobs)
    bound = of(usual, 1, label="bound")
    runs = {text: of(usual | changed, WORKERS, label=text) for text, changed in arguments.settings}
    shares = {text: bound.ert_s / found.ert_s for text, found in runs.items()}
    print(pd.DataFrame(shares, index=names).to_string(float_format="%.2f"))
    first = next(iter(runs.values()))
    for text, found in runs.items():
        low, high = interval(found, bound)
        print(f"{text}: {found.share(bound):.3f} of the bound ({low:.3f} to {high:.3f})", end="")
        if found is not first:
            low, high = interval(found, first)
            print(f", {found.share(first):.3f} of the first ({low:.3f} to {high:.3f})", end="")
        print(f", {int(found.hits.sum())} of {found.hits.size} runs hit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
