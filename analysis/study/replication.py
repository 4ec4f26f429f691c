"""Whether a card agrees with the recordings and with the study: order of two strategies, speedup, costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.reference import HEADLINE_TARGET
from analysis.runs.load import Study, part_of
from analysis.statistics.ert import LogEstimate, combine, estimate
from analysis.study.incumbents import Optima, optima
from analysis.study.live_agreement import recorded_optima
from analysis.study.live_pairs import Paired, paired
from analysis.study.time_to_target import AXES, times_to_target

EVALUATIONS = AXES[0]
AGREES, DISAGREES, UNDECIDED = "agrees", "disagrees", "undecided"
SEPARATOR = "__"


@dataclass(frozen=True)
class Speedup:
    """The ERT of the base strategy over that of the compared strategy, in evaluations to the target.

    Attributes:
        log: log of the geometric mean over the tasks on which both strategies hit; nan without any.
        known, tasks: the number of these tasks, and of all tasks.
        hits, runs: of both strategies on all tasks.
    """

    log: LogEstimate
    known: int
    tasks: int
    hits: int
    runs: int

    @property
    def order(self) -> int:
        """1 or -1 if the interval shows which strategy is faster, otherwise 0."""
        low, high = self.log.interval()
        return 1 if low > 1 else -1 if high < 1 else 0


@dataclass(frozen=True)
class Replicated:
    """The comparison.

    Attributes:
        strategies: the base strategy and the compared one.
        device, recorded: the device of the live runs, and of the recordings.
        live, replay: speedups of the live runs, and of replays of the same seeds.
        study: the speedup of the study's runs on the same tasks at the same budget; ``None`` without such runs.
        paired: costs of the same configurations, and pairs of equal seeds.
    """

    strategies: tuple[str, str]
    tasks: tuple[str, ...]
    device: str
    recorded: str
    live: Speedup
    replay: Speedup
    study: Speedup | None
    paired: Paired

    @property
    def same_model(self) -> bool:
        """Whether the recordings are of the same model; only then should costs and latencies agree."""
        return self.device == self.recorded

    def beside(self, other: Speedup) -> LogEstimate:
        """The live speedup over another one."""
        return self.live.log - other.log

    def with_recordings(self) -> str:
        """Agreement in order, speedup and, on the same model, costs: all consistent, one not, or too little known."""
        judged = [_consistent(self.live, self.replay, self.beside(self.replay))]
        if self.same_model:
            cost = self.paired.cost
            judged.append(AGREES if cost.equivalent else DISAGREES if cost.different else UNDECIDED)
        return _worst(judged)

    def with_study(self) -> str:
        """Agreement in order and speedup."""
        return UNDECIDED if self.study is None else _consistent(self.live, self.study, self.beside(self.study))


def _consistent(one: Speedup, other: Speedup, ratio: LogEstimate) -> str:
    low, high = ratio.interval()
    if not (np.isfinite(low) and np.isfinite(high)):
        return UNDECIDED
    if low > 1 or high < 1 or one.order * other.order < 0:
        return DISAGREES
    return AGREES if (one.log.log > 0) == (other.log.log > 0) else UNDECIDED


def _worst(judged: Sequence[str]) -> str:
    return next((word for word in (DISAGREES, UNDECIDED) if word in judged), AGREES)


def replicated(
    live: Study, replays: Study, study: Study | None, strategies: tuple[str, str], evaluations: int
) -> Replicated:
    """Compare live runs with replays of the same plan, and with a study.

    Args:
        live, replays: runs of the same tasks, whose device follows the last ``__`` of their names.
        study: further replays; those of the same tasks and strategies count, cut to ``evaluations``.
        strategies: labels of the base strategy and of the compared one.

    Raises:
        AnalysisError: a strategy has no run, or the live runs are not of one device.
    """
    for side, name in ((live, "live runs"), (replays, "replays")):
        lacking = sorted(set(strategies) - set(side.runs["strategy"]))
        if lacking:
            raise AnalysisError(f"{name}: none of {lacking[0]}: expected some of {' and '.join(strategies)}")
    devices = {str(task).rpartition(SEPARATOR)[2] for task in live.runs["task"]}
    recordings = {str(task).rpartition(SEPARATOR)[2] for task in replays.runs["task"]}
    if len(devices) > 1 or len(recordings) > 1:
        raise AnalysisError(
            f"runs on {', '.join(sorted(devices | recordings))}: expected one device and one recorded one"
        )
    device, recorded = devices.pop(), recordings.pop()
    tasks = tuple(sorted(str(task) for task in replays.references))
    here = _renamed(live, device, recorded)
    truth = recorded_optima(replays, set(tasks))
    own = truth if device == recorded else optima(here)
    live_times, replay_times = (_times(side, known, evaluations) for side, known in ((here, own), (replays, truth)))
    return Replicated(
        strategies=strategies,
        tasks=tuple(task.rpartition(SEPARATOR)[0] for task in tasks),
        device=device,
        recorded=recorded,
        live=_speedup(live_times, strategies, tasks),
        replay=_speedup(replay_times, strategies, tasks),
        study=None if study is None else _of_study(study, strategies, tasks, evaluations),
        paired=paired(here, replays, live_times, replay_times),
    )


def _renamed(live: Study, device: str, recorded: str) -> Study:
    """Rename the tasks like those of the recordings, so that they match."""
    ending, other = f"{SEPARATOR}{device}", f"{SEPARATOR}{recorded}"
    names = [str(task).removesuffix(ending) + other for task in live.runs["task"]]
    return replace(live, runs=live.runs.assign(task=names))


def _of_study(study: Study, strategies: tuple[str, str], tasks: tuple[str, ...], evaluations: int) -> Speedup | None:
    there = set(zip(study.runs["task"], study.runs["strategy"], strict=True))
    wanted = {(task, strategy) for task in tasks for strategy in strategies}
    if not wanted <= there:
        return None
    part = part_of(study, wanted)
    return _speedup(_times(part, recorded_optima(part, set(tasks)), evaluations), strategies, tasks)


def _times(study: Study, known: Optima, evaluations: int) -> pd.DataFrame:
    limit = study.runs["budget_evaluations"].clip(upper=float(evaluations))
    times = times_to_target(study, known, (HEADLINE_TARGET,), limit)
    return times[times["axis"] == EVALUATIONS]


def _speedup(times: pd.DataFrame, strategies: tuple[str, str], tasks: tuple[str, ...]) -> Speedup:
    logs = []
    for task in tasks:
        sides = [times[(times["task"] == task) & (times["strategy"] == label)] for label in strategies]
        if any(side.empty for side in sides):
            continue
        base, own = (estimate(side["cost"], side["hit"]) for side in sides)
        if not (base.bounded or own.bounded):
            logs.append(base.log - own.log)
    mean = combine(logs, [1 / len(logs)] * len(logs)) if logs else LogEstimate(float("nan"), float("nan"))
    return Speedup(mean, len(logs), len(tasks), int(times["hit"].sum()), len(times))
