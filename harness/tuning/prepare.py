"""Turn a request into a run: choose the strategy, the workers and the start, and report the choices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.backends.base import Backend
from harness.backends.declaration import declaration_of
from harness.backends.task import NoGpu, runs_on_cpu
from harness.config.compose import Composer
from harness.config.schema import RunConfig, SweepOptions
from harness.config.start import DEFAULT, Start
from harness.errors import UserError
from harness.run.build import build_strategy, open_backend
from harness.run.contract import run_name
from harness.run.given import given
from harness.run.sources import Sources, sources
from harness.strategies.base import Startable
from harness.tuning.auto import AUTO, LEARNS, auto_strategy
from harness.tuning.request import TuneRequest, overrides_of

FOLDER = Path("tuned")
MOST_WORKERS = 16
"""Most compile workers, as many as were measured (experiments/asynchronous)."""


@dataclass(frozen=True)
class Tuning:
    """One search, ready to start.

    Attributes:
        config, options: the configuration and options of the run.
        task: the task's name in results.
        size: number of feasible configurations; ``None`` if too many to enumerate.
        notes: one line per choice made for the user, with the reason.
    """

    config: RunConfig
    options: SweepOptions
    task: str
    size: int | None
    notes: tuple[str, ...]

    @property
    def out(self) -> Path:
        """The folder of the results."""
        return self.options.results

    @property
    def run(self) -> Path:
        """The run's directory."""
        return self.out / self.task / run_name(self.config.label, self.config.seed)

    @property
    def live(self) -> bool:
        """Whether the search measures on this machine."""
        return declaration_of(self.config.backend).needs_device


def prepare(request: TuneRequest, composer: Composer) -> Tuning:
    """Compose the run and choose what the request leaves open.

    Raises:
        UserError: the request is wrong, or there is no device.
    """
    overrides = overrides_of(request, composer)
    workers, overlapping = _workers(request, overrides, composer.compose(overrides))
    overrides += overlapping
    sweep = composer.single(overrides)
    config, notes = sweep.runs[0], list[str]()
    try:
        backend = open_backend(config)
    except NoGpu as error:
        raise UserError(f"{error}: expected a GPU, a kernel for the CPU, or --landscape FILE") from None
    with closing(backend):
        _check_landscape(config, backend)
        size = backend.space.size if backend.space.enumerable else None
        if request.strategy == AUTO:
            budget = config.budget
            choice = auto_strategy(size, budget.evaluations, budget.seconds, workers, _evaluation_s(backend))
            if config.source is not None:
                choice = LEARNS
            config = composer.compose([*overrides, f"strategy={choice.strategy}"])
            notes.append(f"strategy {choice.strategy}: {choice.reason}")
        learned = sources(config, backend)
        notes += [] if learned is None else [learned.told()]
        config, told = _started(config, backend, learned)
        out = request.out or FOLDER / backend.task
        count = "too many configurations to enumerate" if size is None else f"{size} configurations"
        of = f"{backend.task}: {len(backend.space.parameters)} parameters, {count}"
        return Tuning(config, replace(sweep.options, results=out), backend.task, size, (of, *notes, *told))


def _workers(request: TuneRequest, overrides: Sequence[str], config: RunConfig) -> tuple[int, list[str]]:
    """The number of compile workers and its overrides: on a GPU one per core, asynchronously; otherwise one."""
    said = ("workers", "schedule", "batch", "ask_ahead", "backend.compile_workers")
    if request.workers is None and any(each.lstrip("+").partition("=")[0] in said for each in overrides):
        return max(1, config.batch), []
    count = request.workers
    if count is None:
        on_gpu = (
            declaration_of(config.backend).needs_device and config.task is not None and not runs_on_cpu(config.task)
        )
        count = min(os.cpu_count() or 1, MOST_WORKERS) if on_gpu else 1
    return count, [f"workers={count}", *(["schedule=async"] if count > 1 else [])]


def _check_landscape(config: RunConfig, backend: Backend) -> None:
    """Refuse a recording of another task than the named one."""
    landscape = backend.reference()
    if landscape is not None and config.task is not None and landscape.metadata["task"] != config.task.name:
        raise UserError(
            f"{landscape.path}: is a recording of {landscape.metadata['task']}: expected a recording of "
            f"{config.task.name}"
        )


def _evaluation_s(backend: Backend) -> float | None:
    """Mean seconds of an evaluation according to the recording; ``None`` on a device."""
    landscape = backend.reference()
    mean_s = 0.0 if landscape is None else float(np.mean(landscape.costs_s.sum(axis=1)))
    return mean_s or None


def _started(config: RunConfig, backend: Backend, learned: Sources | None) -> tuple[RunConfig, list[str]]:
    """The run that begins with the task's default, if there is one and the strategy accepts it."""
    if config.start is not None or config.task is None:
        return config, []
    with_default = replace(config, start=Start(DEFAULT, DEFAULT))
    try:
        given(with_default, backend)
    except UserError as error:
        return config, [f"without the task's default: {error}"] if config.task.default else []
    data = () if learned is None else learned.data
    strategy = build_strategy(config, backend, np.random.SeedSequence(0), data)
    if not isinstance(strategy, Startable):
        return config, [f"without the task's default: {config.label} cannot be given it"]
    return with_default, ["begins with the task's default"]
