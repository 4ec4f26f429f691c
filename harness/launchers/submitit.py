"""Launch runs as Slurm array jobs, or as local processes under the same supervision, through submitit.

The library itself instead of hydra-submitit-launcher, with the same group and parameter names: that one composes each
job anew, has no limit on an array's length, returns only when all jobs have ended, and raises an exception instead
of returning outcomes if one of them was killed.
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from harness.config.plugins import importable_folders
from harness.config.schema import RunConfig, SweepOptions
from harness.errors import UserError
from harness.launchers.base import Numbered, attempt_there, library, lost, portable, portable_options
from harness.study.attempt import AttemptResult
from harness.study.slots import Watch
from harness.study.sweep import any_needs_device
from harness.system.text import causes_line
from harness.system.threads import inherited

FOLDER = ".submitit"
POLL_S = 0.5
QUEUE_POLL_S = 5.0
LATE_S = 15.0
SHARED = ("name", "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node")
"""Parameters of every submitit executor; others get their cluster's prefix."""


@dataclass(frozen=True)
class Share:
    """The runs of one job, one after another. A requeued job resumes from the logs of its runs."""

    options: SweepOptions
    folders: Sequence[str] = ()

    def __call__(self, configs: Sequence[RunConfig]) -> list[AttemptResult]:
        """Attempt them all."""
        return [attempt_there(config, self.options, self.folders) for config in configs]

    def checkpoint(self, configs: Sequence[RunConfig]) -> Any:
        """The job that submitit requeues when this one is preempted or out of time."""
        return library("submitit", "submitit_slurm", "slurm").helpers.DelayedSubmission(self, configs)


class SubmititLauncher:
    """``hydra/launcher=submitit_slurm`` and ``submitit_local``.

    Args:
        cluster: ``slurm`` or ``local``.
        runs_per_job: runs that share a job, one after another; live runs get one job each.
        max_array_size: jobs in one array; at most Slurm's ``MaxArraySize`` minus one.
        at_once: jobs at once (Slurm: ``array_parallelism``); ``None`` for no limit, or locally one per core.
        folder: for submitit's scripts and logs; default ``RESULTS/.submitit``. All hosts must see it.
        max_num_timeout: how often a job that ran out of time is requeued.
        parameters: additional parameters of submitit: ``timeout_min``, ``partition``, ``gpus_per_node``, …
    """

    def __init__(
        self,
        cluster: str,
        runs_per_job: int = 1,
        max_array_size: int = 1000,
        at_once: int | None = None,
        folder: str | None = None,
        max_num_timeout: int = 3,
        **parameters: Any,
    ) -> None:
        if cluster not in ("slurm", "local"):
            raise UserError(f"hydra.launcher.cluster={cluster}: expected slurm or local")
        for name, value in (("runs_per_job", runs_per_job), ("max_array_size", max_array_size)):
            if value < 1:
                raise UserError(f"hydra.launcher.{name}={value}: expected 1 or more")
        self._cluster = cluster
        self._runs_per_job = runs_per_job
        self._array_size = max_array_size if cluster == "slurm" else 1
        self._at_once = at_once
        self._folder = folder
        self._max_num_timeout = max_num_timeout
        self._parameters = {name: value for name, value in parameters.items() if value is not None}

    def launch(
        self, numbered: Sequence[Numbered], options: SweepOptions, watch: Watch
    ) -> Generator[tuple[int, AttemptResult]]:
        """See :class:`~harness.launchers.base.Launcher`."""
        del watch
        there = portable_options(options)
        measures = any_needs_device(config for _, config in numbered)
        if measures and self._runs_per_job > 1:
            raise UserError(
                f"hydra.launcher.runs_per_job={self._runs_per_job}: expected 1: a live run gets a job to itself"
            )
        executor = self._executor(there.results, measures)
        shares = [numbered[k : k + self._runs_per_job] for k in range(0, len(numbered), self._runs_per_job)]
        arrays = deque(shares[k : k + self._array_size] for k in range(0, len(shares), self._array_size))
        most = (self._at_once or os.cpu_count() or 1) if self._cluster == "local" else len(shares)
        jobs: dict[Any, Sequence[Numbered]] = {}
        watcher = _Queue(self._cluster)
        try:
            while arrays or jobs:
                while arrays and len(jobs) < most:
                    array = arrays.popleft()
                    jobs.update(zip(_submit(executor, array, there), array, strict=True))
                for job in watcher.ended(list(jobs)):
                    yield from _outcomes(job, jobs.pop(job))
                sleep(POLL_S)
        finally:
            for job in jobs:
                with suppress(Exception):
                    job.cancel()

    def _executor(self, results: Path, measures: bool) -> Any:
        submitit = library("submitit", f"submitit_{self._cluster}", "slurm")
        parameters: dict[str, Any] = {"gpus_per_node": 1} if measures and self._cluster == "slurm" else {}
        parameters |= self._parameters
        if self._cluster == "slurm" and self._at_once is not None:
            parameters["array_parallelism"] = self._at_once
        prefixed = {name if name in SHARED else f"{self._cluster}_{name}": value for name, value in parameters.items()}
        timeouts = {f"{self._cluster}_max_num_timeout": self._max_num_timeout} if self._cluster == "slurm" else {}
        folder = Path(self._folder).absolute() if self._folder else results / FOLDER
        try:
            executor = submitit.AutoExecutor(folder=folder, cluster=self._cluster, **timeouts)
            executor.update_parameters(**prefixed)
        except (NameError, AssertionError, TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"hydra/launcher=submitit_{self._cluster}: {causes_line(error)}") from None
        return executor


def _submit(executor: Any, array: Sequence[Sequence[Numbered]], options: SweepOptions) -> list[Any]:
    shares = [[portable(config) for _, config in share] for share in array]
    try:
        with inherited({}), _children_silent():
            jobs: list[Any] = executor.map_array(Share(options, importable_folders()), shares)
    except (RuntimeError, OSError) as error:
        raise UserError(f"hydra/launcher=submitit: submitting failed: {causes_line(error)}") from None
    return jobs


@contextmanager
def _children_silent() -> Iterator[None]:
    """Silence local jobs, which share the terminal: on Ctrl-C each would print a traceback (they log to files)."""
    ours = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(ours, 2)
        os.close(ours)
        os.close(nowhere)


def _outcomes(job: Any, share: Sequence[Numbered]) -> Iterator[tuple[int, AttemptResult]]:
    try:
        if not job.paths.result_pickle.exists():  # submitit would wait for its result forever
            raise RuntimeError("it left the queue without a result")
        outcomes: list[AttemptResult] = job.result()
    except Exception as error:  # an error of submitit or of the job
        for i, config in share:
            yield (
                i,
                lost(config, f"job {job.job_id} did not come back ({causes_line(error, 200)}): see {job.paths.stderr}"),
            )
        return
    for (i, _), outcome in zip(share, outcomes, strict=True):
        yield i, outcome


class _Queue:
    """Finds ended jobs by their result files, and by Slurm's queue for those that will never write one.

    submitit would query Slurm's accounting, which small clusters lack.
    """

    def __init__(self, cluster: str) -> None:
        self._slurm = cluster == "slurm"
        self._asked = monotonic()
        self._missing: Mapping[str, float] = {}

    def ended(self, jobs: Sequence[Any]) -> list[Any]:
        """The jobs whose outcome is available, or will never be."""
        if not self._slurm:
            return [job for job in jobs if job.done()]
        over = [job for job in jobs if _has_result(job)]
        if monotonic() - self._asked > QUEUE_POLL_S and len(over) < len(jobs):
            self._asked = monotonic()
            queued = _queued([job for job in jobs if job not in over])
            if queued is not None:
                gone = [job.job_id for job in jobs if job not in over and job.job_id not in queued]
                self._missing = {job_id: self._missing.get(job_id, self._asked) for job_id in gone}
        # A result may come late over a network file system.
        dead = {job_id for job_id, since in self._missing.items() if monotonic() - since > LATE_S}
        return over + [job for job in jobs if job not in over and job.job_id in dead]


def _has_result(job: Any) -> bool:
    folder: Path = job.paths.folder
    with suppress(OSError):
        folder.chmod(folder.stat().st_mode)  # makes an NFS client look again
    return bool(job.paths.result_pickle.exists())


def _queued(jobs: Sequence[Any]) -> set[str] | None:
    """Ids of the jobs that Slurm still knows, each array element separately; ``None`` if Slurm does not answer."""
    arrays = sorted({str(job.job_id).split("_", 1)[0] for job in jobs})
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={','.join(arrays)}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    if answer.returncode and "Invalid job id" not in answer.stderr:
        return None
    return set(answer.stdout.split())
