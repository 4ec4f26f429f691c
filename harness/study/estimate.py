"""Estimate the cost of a sweep from recorded costs. Writes nothing and needs no GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from harness.backends.declaration import declaration_of
from harness.config.schema import RunConfig, SweepOptions
from harness.errors import UserError
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.library import LIBRARY_DEVICE, SEPARATOR, find_landscape, recorded_landscapes
from harness.measure.device import NoDevice, probe_device
from harness.run import contract
from harness.run.damage import damage
from harness.run.failures import failed
from harness.run.store import finished
from harness.run.version import check_run_version
from harness.study.placement import visible_gpus
from harness.study.plan import ANY, PlannedRun, planned_run, run_directories
from harness.study.recorded_costs import RunCost, Thinking, random_run, thinking
from harness.study.sweep import default_jobs
from harness.system.documents import read_bytes


@dataclass(frozen=True)
class GroupEstimate:
    """The runs of one strategy on one task.

    Attributes:
        runs: number of runs in the sweep; ``done`` of them are skipped, and ``left`` of them failed before and are not
            retried.
        evaluations: evaluations of the runs to do; ``None`` if only seconds limit them and the task is not recorded.
        clock_s: seconds that they hold a GPU; ``None`` in replay and where it is not known.
        measuring_s: seconds of these in which the GPU is busy.
        cpu_s: core seconds in replay; ``None`` for live runs and if no run of the strategy has finished.
        source: the origin of the costs, in words.
    """

    task: str
    label: str
    runs: int
    done: int
    left: int
    evaluations: int | None
    clock_s: float | None
    measuring_s: float | None
    cpu_s: float | None
    source: str

    @property
    def open(self) -> int:
        """The number of runs to do."""
        return self.runs - self.done - self.left


@dataclass(frozen=True)
class Estimate:
    """The expected cost of a sweep.

    Attributes:
        on_device: whether its runs measure on a device.
        device: the device that such runs hold: ``GPU``, or ``CPU`` if none of their kernels needs a GPU.
        shared: whether its runs share GPUs.
        gpus: number of GPUs visible here; 1 if there is none.
        jobs: number of runs at once.
    """

    groups: tuple[GroupEstimate, ...]
    results: Path
    on_device: bool
    device: str
    shared: bool
    gpus: int
    jobs: int

    @property
    def unknown(self) -> int:
        """The number of runs to do whose cost is not known."""
        return sum(group.open for group in self.groups if (group.clock_s if self.on_device else group.cpu_s) is None)

    @property
    def wall_s(self) -> float:
        """Wall seconds of all runs whose cost is known."""
        at_once = max(1, min(self.jobs, sum(group.open for group in self.groups)))
        spread = (self.clock_s if self.on_device else self.cpu_s) / at_once
        return max(spread, self.measuring_s / self.gpus) if self.shared else spread

    @property
    def clock_s(self) -> float:
        """Seconds that runs hold a GPU, each counted by itself."""
        return sum(group.clock_s or 0.0 for group in self.groups)

    @property
    def cpu_s(self) -> float:
        """Core seconds in replay."""
        return sum(group.cpu_s or 0.0 for group in self.groups)

    @property
    def measuring_s(self) -> float:
        """Seconds that GPUs are busy."""
        return sum(group.measuring_s or 0.0 for group in self.groups)


def estimate(configs: Sequence[RunConfig], options: SweepOptions) -> Estimate:
    """Estimate the cost of the runs of ``configs`` that are not done.

    Raises:
        UserError: a task that a replay needs is not recorded, or a newer NearOpt made a run.
    """
    groups: dict[tuple[str, str], list[tuple[RunConfig, PlannedRun | None]]] = {}
    for config in configs:
        run = planned_run(config)
        name = run.task if run else str(config.backend.get("_target_"))
        groups.setdefault((name, config.label), []).append((config, run))
    first = configs[0]
    on_device = declaration_of(first.backend).needs_device
    here = _device() if on_device else None
    return Estimate(
        groups=tuple(_group(task, label, members, options, here) for (task, label), members in groups.items()),
        results=options.results,
        on_device=on_device,
        device=_held(configs) if on_device else "GPU",
        shared=bool(first.backend.get("share_device")),
        gpus=max(1, len(visible_gpus())) if on_device else 1,
        jobs=options.jobs or default_jobs(configs),
    )


def _held(configs: Sequence[RunConfig]) -> str:
    from harness.backends.task import runs_on_cpu  # imports torch, which an estimate of replays does not need

    tasks = {config.task.name: config.task for config in configs if config.task is not None}
    return "CPU" if tasks and all(runs_on_cpu(task) for task in tasks.values()) else "GPU"


def _group(
    task: str,
    label: str,
    members: Sequence[tuple[RunConfig, PlannedRun | None]],
    options: SweepOptions,
    here: str | None,
) -> GroupEstimate:
    states = [_state(options, run) for _, run in members]
    config = members[0][0]
    on_device = declaration_of(config.backend).needs_device
    landscape, recorded_on = _recording(config, here)
    cost = _run_cost(config, landscape)
    thought = thinking(_runs_like(options.results, task, label))
    to_do = [state for state in states if not state.done and not state.left]
    # Logged evaluations of an interrupted run are not measured again, but its strategy computes its asks again.
    rest = sum(1 - min(1.0, state.logged / cost.evaluations) if cost.evaluations else 1.0 for state in to_do)
    evaluations = None if cost.evaluations is None else rest * cost.evaluations
    thoughts = len(to_do) * (cost.evaluations or 0.0)
    own_s = thought.ask_tell_s * thoughts if thought and config.backend.get("charge_ask") else 0.0
    known = on_device and cost.clock_s is not None
    return GroupEstimate(
        task=task,
        label=label,
        runs=len(members),
        done=sum(s.done for s in states),
        left=sum(s.left for s in states),
        evaluations=None if evaluations is None else round(evaluations),
        clock_s=rest * (cost.clock_s or 0.0) + own_s if known else None,
        measuring_s=rest * cost.measuring_s if known and cost.measuring_s is not None else None,
        cpu_s=None if thought is None or cost.evaluations is None or on_device else thought.wall_s * thoughts,
        source=recorded_on if on_device else _thought_about(thought),
    )


@dataclass(frozen=True)
class _State:
    done: bool = False
    left: bool = False
    logged: int = 0


def _state(options: SweepOptions, run: PlannedRun | None) -> _State:
    places = run_directories(options.results, run) if run else []
    for place in places:
        check_run_version(place)  # before anything else, since only a newer NearOpt could read its files
    if any(not damage(place) and finished(place) is not None for place in places):
        return _State(done=True)
    failures = [failure for place in places if (failure := failed(place)) is not None]
    if not options.retry_failed and any(failure.final for failure in failures):
        return _State(left=True)
    return _State(logged=max(map(_logged, places), default=0))


def _logged(place: Path) -> int:
    try:
        return read_bytes(place / contract.LOG, at_most=None).count(b"\n")
    except OSError:
        return 0


def _device() -> str | None:
    try:
        return probe_device().slug
    except NoDevice:
        return None


def _recording(config: RunConfig, here: str | None) -> tuple[Landscape | None, str]:
    """The recording that gives the task's costs, and in words where it was recorded."""
    replayed = declaration_of(config.backend).landscape(config.task, config.backend)
    if replayed is not None:
        return read_landscape(replayed), replayed.stem
    if config.task is None:
        return None, "no task"
    name = config.task.name
    devices = [path.stem.split(SEPARATOR, 1)[1] for path in recorded_landscapes() if _is_of(path, name)]
    if not devices:
        return None, "not recorded"
    path = find_landscape(name, here if here in devices else None if LIBRARY_DEVICE in devices else devices[0])
    on = path.stem.split(SEPARATOR, 1)[1]
    place = "this GPU's model" if on == here else f"this is {here}" if here else "no GPU here"
    return read_landscape(path), f"recorded on {on} ({place})"


def _is_of(path: Path, task: str) -> bool:
    return path.stem.split(SEPARATOR, 1)[0] == task


def _run_cost(config: RunConfig, landscape: Landscape | None) -> RunCost:
    if landscape is None:
        return RunCost(config.budget.evaluations, config.budget.seconds, None)
    workers = config.backend.get("compile_workers", None)
    workers = (os.cpu_count() or 1) if workers is None else workers
    if not isinstance(workers, int) or workers < 1:
        raise UserError(f"backend.compile_workers={workers}: expected a whole number, 1 or more")
    return random_run(landscape, config.budget, config.batch, workers, config.overlap is not None)


def _runs_like(results: Path, task: str, label: str) -> Iterator[Path]:
    """Run directories of a strategy, those of the same task first."""
    same = sorted(results.glob(f"{escape(task.removesuffix(ANY))}*/{label}/{contract.SEED_PREFIX}*"))
    yield from same
    yield from (path for path in sorted(results.glob(f"*/{label}/{contract.SEED_PREFIX}*")) if path not in same)


def _thought_about(thought: Thinking | None) -> str:
    return "no finished run of it here" if thought is None else f"{thought.runs} finished runs"
