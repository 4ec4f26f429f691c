"""Pair each strategy's ERT with that of the random search it is compared with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import Difficulty, StratumRule, difficulty, is_drawn
from analysis.runs.contract import FIRST_STREAMS
from analysis.runs.load import Study
from analysis.runs.rules import NO_RULES, rules_of
from analysis.statistics.ert import ErtEstimate, LogEstimate, estimate
from analysis.statistics.no_hits import RatioLimit, lower_limit_without_hits
from analysis.statistics.seed_clusters import SeedShares, difference, seed_shares
from analysis.study.baseline import DRAWN_RANDOM, EXACT_RANDOM, Baseline
from analysis.study.incumbents import Optima
from analysis.study.laws import BY_PARAMETER, DRAWN
from analysis.study.simulated_baseline import Conditions
from analysis.study.table_erts import TableErts
from analysis.study.time_to_target import AXES, budgets, times_to_target


@dataclass(frozen=True)
class Pair:
    """A strategy and its baseline on one task, at one target and on one axis.

    Attributes:
        budget: as in :data:`analysis.study.speedup.COLUMNS`.
        own, base: the ERTs of the strategy and of the baseline.
        shared: the influence of seeds on the log speedup; ``None`` if runs of other tasks do not share seeds.
        workers, baseline_workers: compile workers of both sides.
    """

    target: float
    axis: str
    baseline: str
    budget: float
    own: ErtEstimate
    base: ErtEstimate
    shared: SeedShares | None
    workers: int
    baseline_workers: int


NOTHING_TO_FIND = ErtEstimate(float("inf"), 0, 1, LogEstimate(float("inf")))


Erts = dict[tuple[str, str], dict[tuple[float, str], tuple[float, ErtEstimate]]]
"""The budget and the ERT for each (task, strategy) and then (target, axis)."""


def erts(times: pd.DataFrame) -> Erts:
    """ERTs of every task and strategy in a table of :func:`analysis.study.time_to_target.times_to_target`."""
    by_strategy: Erts = {}
    keys = ["task", "strategy", "target", "axis"]
    for key, group in times.groupby(keys, sort=False):
        task, strategy, target, axis = cast(tuple[str, str, float, str], key)
        result = estimate(group["cost"].to_numpy(), group["hit"].to_numpy())
        of_strategy = by_strategy.setdefault((task, strategy), {})
        of_strategy[target, axis] = float(group["budget"].iloc[0]), result
    return by_strategy


Shares = dict[tuple[str, str], dict[tuple[float, str], SeedShares | None]]
"""The shares of seeds for each (task, strategy) and then (target, axis), if random streams are of version 1."""


def first_shares(times: pd.DataFrame, runs: pd.DataFrame) -> Shares:
    """The seed shares, keyed as in :func:`erts`; ``runs``: the runs of ``times``."""
    if "streams" not in runs or not (first := runs["streams"] == FIRST_STREAMS).any():
        return {}
    cells = set(zip(runs["task"][first], runs["strategy"][first], strict=True))
    found: Shares = {}
    for key, group in times.groupby(["task", "strategy", "target", "axis"], sort=False):
        task, strategy, target, axis = cast(tuple[str, str, float, str], key)
        if (task, strategy) in cells:
            shares = seed_shares(group["seed"].to_list(), group["cost"].to_numpy(), group["hit"].to_numpy())
            found.setdefault((task, strategy), {})[target, axis] = shares
    return found


def _shared(
    own: SeedShares | None, base: SeedShares | None, result: ErtEstimate, baseline: ErtEstimate
) -> SeedShares | None:
    """Return the seed shares of a log speedup. A side without a hit has another law and is left out."""
    others = [(own, result), (base, baseline)]
    rest = [of.log.se for shares, of in others if shares is None and not of.bounded]
    df = [of.log.df for shares, of in others if shares is None and not of.bounded]
    return difference(base, own, LogEstimate(0.0, rest[0], df[0]) if rest else LogEstimate(0.0))


class Ground:
    """Quantities that every baseline of a study needs, cached once computed."""

    def __init__(
        self,
        study: Study,
        optima: Optima,
        targets: Sequence[float],
        times: pd.DataFrame,
        rule: StratumRule | None = None,
        precise: Collection[str] = (),
    ) -> None:
        self.study, self.optima, self.targets = study, optima, tuple(targets)
        self.rule = rule or StratumRule()
        self.erts, self.shares = erts(times), first_shares(times, study.runs)
        self.runs = {
            (str(task), str(strategy)): part
            for (task, strategy), part in study.runs.groupby(["task", "strategy"], sort=True)
        }
        self._difficulties: dict[tuple[str, float], Difficulty] = {}
        self.random = TableErts(study, optima, targets, precise)

    def difficulty(self, task: str, target: float) -> Difficulty:
        """The difficulty of a recorded task with a known optimum."""
        if (task, target) not in self._difficulties:
            table, t_star = self.study.references[task], self.optima.t_star_ms[task]
            self._difficulties[task, target] = difficulty(table, t_star, target)
        return self._difficulties[task, target]

    def findable(self, task: str, target: float) -> bool:
        """Whether any configuration is known to be within the target of a known optimum."""
        if not np.isfinite(self.optima.t_star_ms[task]):
            return False
        if task not in self.study.references:
            return True
        return self.difficulty(task, target).k > 0 or self.drawn(task)

    def drawn(self, task: str) -> bool:
        """Whether the task's recording is of independent draws."""
        return task in self.study.references and is_drawn(self.study.references[task])

    def standing_in(self, baseline: Baseline, task: str) -> Baseline:
        """Replace uniform random search by the measured rate if draws were recorded: their list is not the space."""
        drawn = baseline.name == EXACT_RANDOM and self.drawn(task)
        return replace(baseline, name=DRAWN_RANDOM) if drawn else baseline

    def ruled(self, task: str) -> bool:
        """Whether rules ended evaluations of any runs of a task."""
        return task in self._ruled

    @cached_property
    def _ruled(self) -> frozenset[str]:
        runs = self.study.runs
        return frozenset(map(str, runs["task"][runs["rules"] != NO_RULES])) if "rules" in runs else frozenset()

    def expected(self, task: str, target: float, baseline: Baseline, label: str) -> float:
        """Return E[T], without noise, of a random search from the table; nan if it is unknown or ``label`` has runs."""
        if label != baseline.label or not baseline.from_table or self.ruled(task):
            return float("nan")
        hard = self.difficulty(task, target)
        needed = hard.by_parameter if baseline.kind == BY_PARAMETER else hard.expected_evaluations
        return float("nan") if needed is None else needed

    def ert(
        self, task: str, conditions: Conditions, target: float, axis: str, baseline: Baseline
    ) -> ErtEstimate | None:
        """Return the ERT of random search on a recorded task; ``None`` if it is not known."""
        if baseline.kind == DRAWN and self.findable(task, target):
            return self.random.drawn_ert(task, conditions, target, axis)
        log = self.log_ert(task, conditions, target, axis, baseline)
        if log is None:
            return None
        return NOTHING_TO_FIND if np.isinf(log.log) else ErtEstimate(log.value, 1, 1, log)

    def log_ert(
        self, task: str, conditions: Conditions, target: float, axis: str, baseline: Baseline
    ) -> LogEstimate | None:
        """Return log ERT by a law of the whole table; inf if there is nothing to find, ``None`` if it is not known."""
        if not self.findable(task, target):
            return LogEstimate(float("inf"))
        return self.random.log_ert(task, conditions, target, axis, baseline)


def pairs(ground: Ground, baseline: Baseline, task: str, strategy: str) -> list[Pair]:
    """A strategy and its baseline at every target and axis that the baseline covers."""
    baseline = ground.standing_in(baseline, task)
    paired = _against_table(ground, baseline, task, strategy) if baseline.from_table else []
    rival = baseline.fallback if baseline.from_table else baseline.name
    missing = {(t, a) for t in ground.targets for a in AXES} - {(pair.target, pair.axis) for pair in paired}
    if missing and rival is not None and strategy != rival:
        paired += [p for p in _against_runs(ground, task, strategy, rival) if (p.target, p.axis) in missing]
    return paired


def _against_table(ground: Ground, baseline: Baseline, task: str, strategy: str) -> list[Pair]:
    if task not in ground.study.references:
        return []
    first, own = ground.runs[task, strategy].iloc[0], ground.erts[task, strategy]
    budget = next(budget for (_, axis), (budget, _) in own.items() if axis == "evaluations")
    workers = baseline.workers
    conditions = Conditions(
        max(1, round(budget)),
        int(first["batch"]) if workers is None else workers,
        int(first["compile_workers"]) if workers is None else workers,
        workers is None and first.get("schedule", "batch") != "batch",
        rules_of(first.get("rules", NO_RULES)),
    )
    shares = ground.shares.get((task, strategy), {})
    paired = []
    for (target, axis), (of_run, result) in own.items():
        base = ground.ert(task, conditions, target, axis, baseline)
        if base is not None:
            shared = _shared(shares.get((target, axis)), None, result, base)
            sides = int(first["compile_workers"]), conditions.compile_workers
            paired.append(Pair(target, axis, baseline.label, of_run, result, base, shared, *sides))
    return paired


def _against_runs(ground: Ground, task: str, strategy: str, rival: str) -> list[Pair]:
    """Pair with the runs of a strategy on the same task, cut to the smaller of the two budgets."""
    if (task, rival) not in ground.runs:
        return []
    both = pd.concat([ground.runs[task, strategy], ground.runs[task, rival]])
    limits, seconds = budgets(ground.study, both), both["budget_seconds"]
    table, shares = ground.erts, ground.shares
    if limits.isna().any() or limits.nunique() > 1 or seconds.notna().any():
        part = _part(ground.study, both.index.to_numpy(), float(seconds.min()))
        smallest = pd.Series(float(limits.min()), index=part.runs.index)
        times = times_to_target(part, ground.optima, ground.targets, smallest)
        table, shares = erts(times), first_shares(times, part.runs)
    # seconds are comparable only with the same batch, compile workers and rules
    same = [name for name in ("batch", "compile_workers", "rules") if name in both]
    axes = AXES if len(both[same].drop_duplicates()) == 1 else ("evaluations",)
    own, theirs = table[task, strategy], table[task, rival]
    moved, moved_theirs = (shares.get((task, label), {}) for label in (strategy, rival))
    paired = []
    for at, (budget, result) in own.items():
        if at[1] in axes:
            base = theirs[at][1]
            shared = _shared(moved.get(at), moved_theirs.get(at), result, base)
            sides = (int(ground.runs[task, name]["compile_workers"].iloc[0]) for name in (strategy, rival))
            paired.append(Pair(*at, rival, budget, result, base, shared, *sides))
    return paired


def _part(study: Study, index: NDArray[np.int64], seconds: float) -> Study:
    """Select some runs of a study, renumber them from 0 and limit them to ``seconds`` (nan: no limit)."""
    runs = study.runs.loc[index].reset_index(drop=True).rename_axis("run").assign(budget_seconds=seconds)
    number = study.evaluations["run"].to_numpy()
    starts, ends = np.searchsorted(number, index), np.searchsorted(number, index, side="right")
    chosen = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])
    renumbered = np.repeat(np.arange(len(index)), ends - starts)
    evaluations = study.evaluations.iloc[chosen].assign(run=renumbered).reset_index(drop=True)
    return replace(study, runs=runs, evaluations=evaluations)


def compared(result: ErtEstimate, base: ErtEstimate, drawn: bool = False) -> dict[str, Any]:
    """Return the numbers of one row: a ratio of two ERTs, either of which may be only a lower bound.

    Args:
        drawn: whether ``base`` is a measured rate, whose hits and runs are single draws.
    """
    ratio: LogEstimate = base.log - result.log
    low, high = ratio.interval()
    bound, limit = "none", None
    if result.bounded and base.bounded:
        ratio, low, high, bound = LogEstimate(float("nan"), float("nan")), 0.0, float("inf"), "unknown"
    elif result.bounded:
        bound, low = "upper", 0.0
        upper_base = base.log.interval()[1]
        high = upper_base / lower_limit_without_hits(result.ert, result.runs)
        limit = RatioLimit(ratio.centre, result.runs, 1, base.log.se, base.log.df)
    elif base.bounded:
        bound, high = "lower", float("inf")
        upper_own = result.log.interval()[1]
        low = lower_limit_without_hits(base.ert, base.runs) / upper_own
        limit = RatioLimit(ratio.centre, base.runs, -1, result.log.se, result.log.df)
    exact = drawn or np.isinf(base.log.df)
    return {
        "hits": result.hits,
        "runs": result.runs,
        "base_hits": 0 if exact else base.hits,
        "base_runs": 0 if exact else base.runs,
        "ert": result.ert,
        "bound": bound,
        "speedup": ratio.value,
        "speedup_low": low,
        "speedup_high": high,
        "log": ratio.log,
        "se": ratio.se,
        "df": ratio.df,
        "bias": ratio.bias,
        "limit": limit,
    }
