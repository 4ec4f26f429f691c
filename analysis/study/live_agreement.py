"""Whether replay predicts live runs: by pairs of equal seeds, and by cells whose live runs are ranked among replays.

The pairs answer the question (:mod:`analysis.study.live_pairs`): they can show that live runs and replays are
equivalent. The ranks can only show that they differ; not rejecting does not show equivalence.

A cell is a (task, strategy). Both sides are judged by the recording of the replays: a hit is decided by the
configuration's recorded latency, against the recording's t*, which no live reading lowers. The seconds cover only
compiling, verifying and benchmarking. The live clock also includes the strategy's ask and tell, the replay clock does
not, and the strategy's own time depends on its CPU, so it can neither be dropped on one side nor transferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.reference import HEADLINE_TARGET, kernel_of, true_latency
from analysis.runs.load import Study
from analysis.statistics.agreement import RankTest, StratifiedTest, rank_test, stratified
from analysis.statistics.ert import ErtEstimate, LogEstimate, combine, estimate
from analysis.statistics.multiplicity import holm
from analysis.statistics.supported import THESE_TASKS, refusal
from analysis.study.comparable import check_kind, check_protocol, judged_by_own_readings
from analysis.study.incumbents import Optima, incumbent_steps
from analysis.study.live_pairs import Paired, paired
from analysis.study.pairing import compared
from analysis.study.time_to_target import AXES, budgets, times_to_target
from analysis.study.workers import one_after_another

EVALUATIONS, SECONDS = AXES
QUALITY = "quality"
COMPARED = (EVALUATIONS, QUALITY, SECONDS)
CLOCK = one_after_another()
"""The clock of :func:`on_costs_alone`, on both sides."""
ALPHA = 0.05
SHARE = ALPHA / 2
"""The error rate of the cells together, and of the whole: an axis is wrongly rejected in at most 5%."""


@dataclass(frozen=True)
class Cell:
    """One task and strategy on one axis.

    Attributes:
        axis: one of ``COMPARED``.
        test: the rank test of the live runs among the replays; rank 1 is the best, and a run that never came within 5%
            is last.
        p_holm: adjusted over the cells of the axis.
        live, replay: hits and runs, within 5% on the quality axis too.
        live_median, replay_median: of the ranked values, t*/t for quality; inf if half never came within 5%.
        ratio: ERT live over ERT replay: value, interval and bound as in :data:`analysis.study.speedup.COLUMNS`.
    """

    task: str
    strategy: str
    axis: str
    test: RankTest
    p_holm: float
    live: tuple[int, int]
    replay: tuple[int, int]
    live_median: float
    replay_median: float
    ratio: Mapping[str, Any]

    @property
    def rejected(self) -> bool:
        """Whether this cell alone rejects its axis."""
        return self.p_holm <= SHARE


@dataclass(frozen=True)
class Axis:
    """All cells on one axis.

    Attributes:
        p: of "live and replay have one law", from cells and whole: twice the smaller of the two, at most 1.
        ratio: geometric mean of ERTs, live over replay, over the ``known`` cells where both sides hit; without an error
            if those are not all cells, or if an interval is not supported (:mod:`analysis.statistics.supported`).
    """

    name: str
    cells: tuple[Cell, ...]
    whole: StratifiedTest
    p: float
    ratio: LogEstimate
    known: int

    @property
    def differs(self) -> bool:
        """Whether a cell or the whole is rejected."""
        return self.p <= ALPHA


@dataclass(frozen=True)
class Agreement:
    """The comparison.

    Attributes:
        axes: in the order of ``COMPARED``.
        paired: the paired runs of the same cells.
        missing: the (task, strategy) cells of the live study without replays, which are not compared.
        beaten: number of live runs that ended below the recording's t*.
        unjudged: number of live runs whose hits were decided by their own readings, for lack of a recording where they
            ran.
    """

    axes: tuple[Axis, ...]
    paired: Paired
    missing: tuple[tuple[str, str], ...]
    beaten: int
    unjudged: int


def agreement(live: Study, replays: Study, partners: Study | None = None) -> Agreement:
    """Compare every (task, strategy) of ``live`` with the same one of ``replays``.

    Args:
        partners: replays with the live runs' seeds, for the pairs, if ``replays`` has other seeds; of the same
            recordings, which need not lie beside them too. Ranks exclude them, because they depend on their partners.

    Raises:
        AnalysisError: nothing in common, a study of the wrong kind, another protocol or recording, or no costs.
    """
    check_kind(live, "live", "LIVE_RESULTS")
    check_kind(replays, "replay", "REPLAY_RESULTS")
    wanted, there = _cells(live), _cells(replays)
    common = sorted(set(wanted) & set(there))
    missing = tuple(sorted(set(wanted) - set(there)))
    if not common:
        listed = "; ".join(f"{task} with {strategy}" for task, strategy in missing[:3])
        raise AnalysisError(f"no replay of any live task and strategy ({listed}): expected runs of the same names")
    unjudged = 0
    for cell in common:
        both = live.runs.loc[wanted[cell]], replays.runs.loc[there[cell]]
        check_protocol(*both)
        unjudged += judged_by_own_readings(*both)
    optimum = recorded_optima(replays, {task for task, _ in common})
    chosen = [_chosen(cells, common) for cells in (wanted, there)]
    sides = [_measured(study, optimum, runs) for study, runs in zip((live, replays), chosen, strict=True)]
    axes = tuple(_axis(name, common, *sides) for name in COMPARED)
    ours, theirs = (replace(s, runs=s.runs.loc[runs]) for s, runs in zip((live, replays), chosen, strict=True))
    live_times, replay_times = (side[side["axis"] == EVALUATIONS] for side in sides)
    if partners is not None:
        theirs = replace(partners, references={**replays.references, **partners.references})
        replay_times = times_to_target(partners, optimum, (HEADLINE_TARGET,)).query(f"axis == '{EVALUATIONS}'")
    by_pairs = paired(ours, theirs, live_times, replay_times)
    beaten = sides[0].loc[sides[0]["axis"] == QUALITY, "value"] < -1 - 1e-12
    return Agreement(axes, by_pairs, missing, int(beaten.sum()), unjudged)


def _cells(study: Study) -> dict[tuple[str, str], pd.Index[int]]:
    groups = study.runs.groupby(["task", "strategy"], sort=True)
    return {(str(task), str(strategy)): part.index for (task, strategy), part in groups}


def _chosen(cells: Mapping[tuple[str, str], pd.Index[int]], common: list[tuple[str, str]]) -> NDArray[np.int64]:
    return np.sort(np.concatenate([cells[cell].to_numpy() for cell in common]))


def recorded_optima(replays: Study, tasks: set[str]) -> Optima:
    """The t* of the recorded tables of ``tasks``; no run lowers it.

    Raises:
        AnalysisError: a task has no recorded table.
    """
    without = sorted(tasks - set(replays.references))
    if without:
        raise AnalysisError(f"{without[0]}: no reference.parquet beside its replays: expected their recording")
    return Optima({task: float(true_latency(replays.references[task]).min()) for task in tasks}, {})


def on_costs_alone(study: Study) -> Study:
    """The study on a clock without ask and tell: compile, verify and benchmark one after another.

    This requires batches of one; see ``harness.run.clock``. The clock of a replay that charged neither is this clock
    already, and kept where the costs were not (``experiments.collect --steps``).

    Raises:
        AnalysisError: a run did not log its costs, and its clock holds more.
    """
    rows = study.evaluations
    cost = rows["compile_s"] + rows["device_s"]
    without = rows["run"].isin(rows.loc[cost.isna(), "run"].unique())
    more = without & rows["run"].isin(study.runs.index[study.runs["asks_charged"]])
    if more.any():
        path = study.runs.loc[rows.loc[more, "run"].iloc[0], "path"]
        raise AnalysisError(f"{path}: evaluations.parquet lacks costs: expected compile_s, verify_s and benchmark_s")
    clock = cost.groupby(rows["run"]).cumsum().where(~without, rows["clock_end_s"])
    return replace(study, evaluations=rows.assign(clock_end_s=clock))


def _measured(study: Study, optimum: Optima, chosen: NDArray[np.int64]) -> pd.DataFrame:
    """run, task, strategy, axis, value (smaller is better), cost and hit: a row per chosen run and axis."""
    runs = study.runs.loc[chosen]
    own = replace(study, evaluations=study.evaluations[study.evaluations["run"].isin(chosen)])
    clock = on_costs_alone(own)
    times = times_to_target(clock, optimum, (HEADLINE_TARGET,), budgets(study, runs))
    times["value"] = times["time"].fillna(np.inf)
    last = incumbent_steps(own.evaluations).groupby("run")["true_ms"].last().reindex(chosen).fillna(np.inf)
    final = times[times["axis"] == EVALUATIONS].set_index("run")
    quality = final["task"].map(optimum.t_star_ms) / last
    final = final.assign(axis=QUALITY, value=-quality).rename_axis("run").reset_index()
    return pd.concat([times, final], ignore_index=True)


def _axis(name: str, common: list[tuple[str, str]], live: pd.DataFrame, replays: pd.DataFrame) -> Axis:
    sides = [dict(list(side[side["axis"] == name].groupby(["task", "strategy"]))) for side in (live, replays)]
    if any(cell not in side for side in sides for cell in common):
        raise AnalysisError("recorded without costs: expected compile_s, verify_s and benchmark_s above 0")
    pairs = [(sides[0][cell], sides[1][cell]) for cell in common]
    tests = [rank_test(ours["value"], theirs["value"]) for ours, theirs in pairs]
    adjusted = holm([test.p for test in tests])
    cells = tuple(
        _cell(name, cell, test, float(p), *pair)
        for cell, test, p, pair in zip(common, tests, adjusted, pairs, strict=True)
    )
    whole = stratified(tests)
    known = [LogEstimate.of_row(c.ratio) for c in cells if c.ratio["bound"] == "none"]
    ratio = _pooled(known, cells) if known and name != QUALITY else LogEstimate(float("nan"), float("nan"))
    p = min(1.0, 2 * min(whole.p, float(adjusted.min())))
    return Axis(name, cells, whole, p, ratio, len(known))


def _pooled(known: list[LogEstimate], cells: tuple[Cell, ...]) -> LogEstimate:
    """The geometric mean over cells in which live runs hit.

    Leaving cells out favours live, so there is no interval then.
    """
    mean = combine(known, [1 / len(known)] * len(known))
    runs = sum(cell.live[1] for cell in cells)
    kernels = len({kernel_of(cell.task) for cell in cells})
    hit_rate = sum(cell.live[0] for cell in cells) / runs
    of_base = sum(cell.replay[0] for cell in cells) / sum(cell.replay[1] for cell in cells)
    seeds = min(min(cell.live[1], cell.replay[1]) for cell in cells)
    reason = refusal(THESE_TASKS, seeds, hit_rate, kernels, of_base)
    return (
        mean
        if len(known) == len(cells) and not reason
        else LogEstimate(mean.log, float("nan"), float("nan"), mean.bias)
    )


def _ratio(ours: ErtEstimate, theirs: ErtEstimate) -> dict[str, Any]:
    """The ratio of live over replay; without an interval if the number of live runs does not support one."""
    ratio = compared(theirs, ours)
    if ratio["bound"] == "none" and refusal(
        THESE_TASKS, min(ours.runs, theirs.runs), ours.hits / ours.runs, 1, theirs.hits / theirs.runs
    ):
        ratio |= {"speedup_low": float("nan"), "speedup_high": float("nan")}
    return ratio


def _cell(
    axis: str, cell: tuple[str, str], test: RankTest, p_holm: float, live: pd.DataFrame, replays: pd.DataFrame
) -> Cell:
    ours, theirs = (estimate(side["cost"], side["hit"]) for side in (live, replays))
    sign = -1.0 if axis == QUALITY else 1.0
    return Cell(
        task=cell[0],
        strategy=cell[1],
        axis=axis,
        test=test,
        p_holm=p_holm,
        live=(ours.hits, ours.runs),
        replay=(theirs.hits, theirs.runs),
        live_median=float(np.median(sign * live["value"])),
        replay_median=float(np.median(sign * replays["value"])),
        ratio=_ratio(ours, theirs),
    )
