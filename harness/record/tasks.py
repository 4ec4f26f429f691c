"""``nearopt record`` and ``nearopt retime``: from composed configurations to measurements on this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.backends.task import build_task, find_device, find_devices, runs_on_cpu, session_options
from harness.config.schema import RunConfig
from harness.errors import UserError
from harness.landscapes.library import SEPARATOR
from harness.measure.cpu.device import cpu_device
from harness.measure.folders import PrivateFolder
from harness.measure.work import SessionOptions
from harness.record.facts import Recording, RecordOptions
from harness.record.progress import RecordingProgress
from harness.record.recorder import record
from harness.record.retime import Retiming
from harness.record.retime_study import Retimed, retime_task
from harness.system.resources import recording_directory
from harness.system.terminal import warn

DRAWN_FACTOR = 1.3
"""Draws within this factor of the best are re-timed, so that no hit is missed because of its first reading."""


@dataclass(frozen=True)
class RecordRequest:
    """Options of the command line, without the tasks.

    Attributes:
        out: the landscape file, or the folder for several tasks; default: the library of landscapes.
        limit: number of configurations drawn uniformly; default: all.
        deadline_s: stop cleanly after this many seconds.
        searches: searches to run afterwards in the same session.
        draws: number of independent draws, parameter by parameter, instead of a uniform sample.
        finish: write the landscape from the draws made by the deadline.

    Raises:
        UserError: a value is out of range.
    """

    out: Path | None = None
    limit: int | None = None
    deadline_s: float | None = None
    searches: tuple[RunConfig, ...] = ()
    draws: int | None = None
    finish: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UserError(f"--limit {self.limit}: expected 1 or more")
        if self.deadline_s is not None and not self.deadline_s > 0:
            raise UserError(f"--deadline-s {self.deadline_s}: expected more than 0")
        if self.draws is not None and self.draws < 1:
            raise UserError(f"--draws {self.draws}: expected 1 or more")
        if self.draws is not None and self.limit is not None:
            raise UserError(f"--limit {self.limit}: cannot be combined with --draws")
        if self.finish and (self.draws is None or self.deadline_s is None):
            raise UserError("--finish: needs --draws N and --deadline-s S")
        if self.searches and self.limit is None and self.draws is None:
            raise UserError(
                "--search: needs --limit N: a complete recording already contains everything a search could find"
            )
        for search in self.searches:
            if search.budget.evaluations is None:
                raise UserError(f"--search {search.label}: expected NAME=EVALUATIONS")


def record_tasks(configs: Sequence[RunConfig], request: RecordRequest) -> Iterator[RecordingProgress]:
    """Record the tasks of live configurations one after the other, yielding the progress of each as it ends.

    Their sessions share one compile cache: code that two shapes share is compiled once, and both are
    charged its cost. If there are several tasks, those already recorded are skipped.

    Raises:
        UserError: no task, no GPU, options out of range, or the only landscape already exists.
    """
    began = time.monotonic()
    with PrivateFolder() as folder:
        for config in configs:
            path = _path(config, request, alone=len(configs) == 1)
            if path.exists():
                if len(configs) == 1:
                    raise UserError(f"{path}: already exists: choose another --output, or move it away")
                warn(f"{path}: already exists; skipped")
                continue
            left_s = None if request.deadline_s is None else request.deadline_s - (time.monotonic() - began)
            progress = _record_task(config, request, path, folder.path / "cache", left_s)
            yield progress
            if progress.landscape is None:
                return


def retime_tasks(
    configs: Sequence[RunConfig], results: Path, retiming: Retiming, finalists: int = 0
) -> Iterator[Retimed]:
    """Re-time what live runs found on this device, task by task (see :mod:`harness.record.retime_study`).

    Raises:
        UserError: no task, no GPU, options out of range, or no live runs.
    """
    for config in configs:
        if config.task is None:
            raise UserError("task=null: expected task=NAME")
        device = cpu_device() if runs_on_cpu(config.task) else find_device()
        kernel, space = build_task(config.task, device)
        folder = results / f"{config.task.name}{SEPARATOR}{device.slug}"
        rng = np.random.default_rng(np.random.SeedSequence(config.seed))
        yield retime_task(folder, kernel, space, device, _session_options(config), retiming, rng, finalists=finalists)


def _session_options(config: RunConfig) -> SessionOptions:
    values = {name: value for name, value in config.backend.items() if name not in ("_target_", "charge_ask")}
    return session_options(config.seed, **values)


def _path(config: RunConfig, request: RecordRequest, alone: bool) -> Path:
    if config.task is None:
        raise UserError("task=null: expected task=NAME")
    if alone and request.out is not None:
        return request.out
    if request.out is not None and (request.out.suffix or request.out.is_file()):
        raise UserError(f"--output {request.out}: expected a folder for several tasks")
    device = cpu_device() if runs_on_cpu(config.task) else find_device()
    return (request.out or recording_directory()) / f"{config.task.name}{SEPARATOR}{device.slug}.parquet"


def _record_task(
    config: RunConfig, request: RecordRequest, path: Path, cache: Path, deadline_s: float | None
) -> RecordingProgress:
    assert config.task is not None
    device, *beside = [cpu_device()] if runs_on_cpu(config.task) else find_devices()
    kernel, space = build_task(config.task, device)
    options = RecordOptions(
        session=_session_options(config),
        limit=request.limit,
        deadline_s=deadline_s,
        searches=request.searches,
        retiming=Retiming() if request.draws is None else Retiming(factor=DRAWN_FACTOR),
        draws=request.draws,
        finish=request.finish,
    )
    recording = Recording(
        task=config.task.name,
        kernel=kernel,
        space=space,
        out=path,
        device=device,
        beside=tuple(beside),
        options=options,
        command=" ".join(["nearopt", *sys.argv[1:]]),
    )
    return record(recording, cache=cache)
