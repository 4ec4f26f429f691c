"""What a pilot study says about a hypothesis's tests: estimates, their spread and their correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.reference import TARGETS
from analysis.runs.load import Study, part_of
from analysis.statistics.ert import LogEstimate, combine
from analysis.statistics.random_effects import Components, components
from analysis.study.aggregate import TaskSpeedup, over_seeds, task_of
from analysis.study.baseline import Baseline
from analysis.study.incumbents import Optima, optima
from analysis.study.pairing import Ground
from analysis.study.reference_error import disturb, errors_of_speedups, kind_of
from analysis.study.results import BASELINES, analyse
from analysis.study.speedup import counted, task_speedups_on
from analysis.study.time_to_target import times_to_target
from analysis.study.workers import common_workers
from analysis.verdict.hypothesis import ALL, Hypothesis
from analysis.verdict.sensitivity import counterparts
from analysis.verdict.unreachable import expected

Floats = NDArray[np.float64]
NO_ERROR = LogEstimate(0.0)
Key = tuple[str, str, str, float]
"""One test: strategy, axis, baseline (as named in the hypothesis) and target."""


@dataclass(frozen=True)
class Test:
    """One test on the pilot's tasks.

    Attributes:
        log, se, df: of the mean log speedup on these tasks.
        spread: variance components between kernels, tasks and seeds.
        hit_rate, base_rate: of the strategy's runs, and of the runs of random search (``None``: it is exact).
        unsolved: number of tasks that the strategy or the runs of random search never solved; then nothing else is
            known.
        reference: what the error of the recorded latencies adds to the mean on these tasks, around 0; more seeds do not
            reduce it. 0 if the hypothesis registers none.
        sides: compile workers of the strategy and of random search; nan if tasks differ in them.
    """

    __test__ = False  # not a pytest test

    log: float
    se: float
    df: float
    spread: Components
    hit_rate: float
    unsolved: int
    base_rate: float | None = None
    reference: LogEstimate = NO_ERROR
    sides: tuple[float, float] = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Pilot:
    """The tests of a hypothesis in its first stratum of which the pilot has tasks.

    Attributes:
        stratum: that stratum.
        seeds, tasks, kernels: the size of the pilot; seeds are the fewest of any task.
        keys, tests: strategies x axes x baselines x targets, in this order; then the same over random search that never
            restarts, where available.
        over_seeds, over_tasks: correlation of the tests' estimates under other seeds, and under other tasks.
            [tests, tests]
    """

    stratum: str
    seeds: int
    tasks: int
    kernels: int
    keys: tuple[Key, ...]
    tests: tuple[Test, ...]
    over_seeds: Floats
    over_tasks: Floats


def pilot_of(study: Study, hypothesis: Hypothesis, where: str) -> Pilot:
    """Estimate what planning needs.

    Args:
        where: the results, for error messages.

    Raises:
        AnalysisError: a strategy or baseline of the hypothesis has no runs here, or no task is in its strata.
    """
    best = optima(study)
    by_label = {baseline.label: baseline for baseline in BASELINES}
    chosen = [by_label[label] for label in hypothesis.baselines]
    ran = set(study.runs["strategy"])
    for name in hypothesis.strategies:
        if name not in ran:
            raise AnalysisError(f"{where}: no runs of {name}: expected those of every strategy of the hypothesis")
    names = {*hypothesis.strategies, *(n for b in chosen for n in (b.name, b.fallback) if n in ran)}
    part = part_of(
        study, {(t, s) for t, s in zip(study.runs["task"], study.runs["strategy"], strict=True) if s in names}
    )
    times = times_to_target(part, best)
    ground = Ground(part, best, TARGETS, times, hypothesis.stratum_rule, hypothesis.baselines)
    harder = [by_label[label] for label in dict.fromkeys(counterparts(hypothesis).values())]
    every = {b.label: b for b in (*chosen, *harder)}
    tables = {label: counted(ground, task_speedups_on(ground, b)) for label, b in every.items()}
    if hypothesis.leave_out_unreachable:
        tables = {label: _reachable(tables[label], part, best, b, hypothesis.threshold) for label, b in every.items()}
    own = pd.concat([tables[b.label] for b in chosen], ignore_index=True)
    own = own[own["strategy"].isin(hypothesis.strategies)]
    keys = tuple(product(hypothesis.strategies, hypothesis.axes, hypothesis.baselines, hypothesis.targets))
    for key in keys:
        if not _tasks(tables[key[2]], key, ALL):
            raise AnalysisError(
                f"{where}: {key[0]} cannot be compared with {key[2]} in {key[1]}: expected runs or recordings"
            )
    stratum = next((s for s in hypothesis.strata if s == ALL or (own["stratum"] == s).any()), None)
    if stratum is None:
        raise AnalysisError(f"{where}: no task in the strata {', '.join(hypothesis.strata)}: expected at least one")
    tasks = {key: _tasks(tables[key[2]], key, stratum) for key in keys}
    lacking = [key for key, of in tasks.items() if not of]
    if lacking:
        raise AnalysisError(f"{where}: {lacking[0][0]}: no {stratum} task over {lacking[0][2]}: expected at least one")
    beside = product(hypothesis.strategies, hypothesis.axes, (b.label for b in harder), hypothesis.targets)
    tasks |= {key: of for key in beside if key not in tasks and (of := _tasks(tables[key[2]], key, stratum))}
    keys = tuple(tasks)
    first = tasks[keys[0]]
    errors = _errors(part, hypothesis)
    return Pilot(
        stratum=stratum,
        seeds=min(task.runs for task in first.values()),
        tasks=len(first),
        kernels=len({task.kernel for task in first.values()}),
        keys=keys,
        tests=tuple(_test(key, tasks[key], errors) for key in keys),
        over_seeds=_over_seeds(times, keys, chosen, tasks),
        over_tasks=_over_tasks([tasks[key] for key in keys]),
    )


def _reachable(table: pd.DataFrame, study: Study, best: Optima, baseline: Baseline, threshold: float) -> pd.DataFrame:
    """The table without the tasks that :mod:`analysis.verdict.unreachable` names."""
    cells = list(zip(table["task"], table["target"], strict=True))
    out = set()
    for task, target in dict.fromkeys(cells):
        if task in study.references:
            needed = expected(study, best, baseline, task, target)
            if needed is not None and needed < threshold:
                out.add((task, target))
    return table[[cell not in out for cell in cells]]


def _tasks(table: pd.DataFrame, key: Key, stratum: str) -> dict[str, TaskSpeedup]:
    strategy, axis, _, target = key
    rows = table[(table["strategy"] == strategy) & (table["axis"] == axis) & (table["target"] == target)]
    rows = rows if stratum == ALL else rows[rows["stratum"] == stratum]
    return {str(row["task"]): task_of(row) for row in rows.to_dict("records")}


Errors = dict[tuple[str, str, str, float, str], LogEstimate]


def _errors(study: Study, hypothesis: Hypothesis) -> Errors:
    """The effect of the registered reference error on the speedups; empty if none is registered."""
    if hypothesis.reference_error is None:
        return {}
    return errors_of_speedups(disturb(analyse(study, ()), hypothesis.reference_error))


def _test(key: Key, by_task: dict[str, TaskSpeedup], errors: Errors) -> Test:
    strategy, axis, baseline, target = key
    tasks, kind = list(by_task.values()), kind_of(baseline)
    of_reference = [errors.get((task, strategy, kind, target, axis), NO_ERROR) for task in by_task]
    sides = common_workers(task.workers for task in tasks), common_workers(task.baseline_workers for task in tasks)
    unsolved = sum(task.bound != "none" for task in tasks)
    mean = over_seeds(tasks)
    hits, runs = sum(task.hits for task in tasks), sum(task.runs for task in tasks)
    known = [task for task in tasks if task.bound == "none"]
    spread = components(
        [t.log.log for t in known], [t.log.se for t in known], [t.kernel for t in known]
    ) if known else Components(float("nan"), float("nan"), float("nan"))  # fmt: skip
    base = sum(task.base_runs for task in tasks)
    rate = sum(task.base_hits for task in tasks) / base if base else None
    reference = combine(of_reference, [1 / len(tasks)] * len(tasks))
    return Test(mean.log, mean.se, mean.df, spread, hits / runs, unsolved, rate, reference, sides)


def _over_tasks(tasks: Sequence[dict[str, TaskSpeedup]]) -> Floats:
    """The correlation over tasks, from the estimates on the tasks that all tests share."""
    common = set.intersection(*({name for name, t in of.items() if t.bound == "none"} for of in tasks))
    if len(common) < 3:
        return np.eye(len(tasks))
    return _correlation(np.atleast_2d(np.cov([[of[name].log.log for name in sorted(common)] for of in tasks])))


def _over_seeds(
    times: pd.DataFrame, keys: Sequence[Key], baselines: Sequence[Baseline], tasks: dict[Key, dict[str, TaskSpeedup]]
) -> Floats:
    """The correlation over seeds, from each run's influence on log ERT; strategies have independent runs."""
    runs_of = {b.label: b.name for b in baselines if not b.from_table}
    column = {(axis, target): i for i, (axis, target) in enumerate(dict.fromkeys((k[1], k[3]) for k in keys))}
    names = {key[0] for key in keys} | set(runs_of.values())
    used = set().union(*tasks.values())
    covariance = {name: np.zeros((len(column), len(column))) for name in names}
    for key, group in times[times["strategy"].isin(names) & times["task"].isin(used)].groupby(["strategy", "task"]):
        table = np.full((group["seed"].nunique(), len(column)), np.nan)
        for (axis, target), at in column.items():
            part = group[(group["axis"] == axis) & (group["target"] == target)]
            ordered = part.sort_values("seed")
            if ordered["hit"].any():
                cost, hit = ordered["cost"].to_numpy(np.float64), ordered["hit"].to_numpy(np.float64)
                table[:, at] = cost / cost.mean() - hit / hit.mean()
        covariance[str(key[0])] += np.nan_to_num(table.T @ table) / len(table) ** 2
    found = np.zeros((len(keys), len(keys)))
    for (i, a), (j, b) in product(enumerate(keys), repeat=2):
        places = column[a[1], a[3]], column[b[1], b[3]]
        found[i, j] += covariance[a[0]][places] if a[0] == b[0] else 0.0
        if a[2] == b[2] and a[2] in runs_of:
            found[i, j] += covariance[runs_of[a[2]]][places]
    return _correlation(found)


def _correlation(covariance: Floats) -> Floats:
    """Convert to a correlation matrix, with 1 on the diagonal even without variance."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)
    found = np.asarray(covariance / np.outer(scale, scale), dtype=np.float64)
    np.fill_diagonal(found, 1.0)
    return found
