"""Launch runs on a Ray cluster: one per GPU for live runs, one per core in replay.

Ray itself instead of hydra-ray-launcher: 1.2.2, its last release, needs cloudpickle < 3, older than the
tested versions, and a dying worker loses the outcomes of all jobs.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.config.plugins import importable_folders
from harness.config.schema import SweepOptions
from harness.errors import UserError
from harness.launchers.base import Numbered, attempt_there, library, lost, portable, portable_options
from harness.study.attempt import AttemptResult
from harness.study.slots import Watch
from harness.study.sweep import any_needs_device
from harness.system.text import causes_line
from harness.system.threads import ONE_THREAD, SAFELY

WAIT_S = 5.0


@dataclass(frozen=True)
class RayLauncher:
    """``hydra/launcher=ray``.

    Attributes:
        address: address of a running cluster (``auto``, ``host:6379``); ``None`` starts one on this machine for the
            sweep.
        num_cpus: cores per run.
        num_gpus: GPUs per run; ``None`` for one per live run.
        at_once: most runs at once; ``None`` for as many as fit.
        local_cpus: cores of the cluster that is started here; ``None`` for all.
    """

    address: str | None = None
    num_cpus: float = 1
    num_gpus: float | None = None
    at_once: int | None = None
    local_cpus: int | None = None

    def launch(
        self, numbered: Sequence[Numbered], options: SweepOptions, watch: Watch
    ) -> Generator[tuple[int, AttemptResult]]:
        """See :class:`~harness.launchers.base.Launcher`. Live runs get a new process each."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray = library("ray", "ray", "ray")
        measures = any_needs_device(config for _, config in numbered)
        gpus = self.num_gpus if self.num_gpus is not None else float(measures)
        self._connect(ray)
        try:
            self._check_room(ray, gpus)
            task = ray.remote(num_cpus=self.num_cpus, num_gpus=gpus, max_calls=int(measures), max_retries=0)(
                attempt_there
            )
            yield from self._drive(ray, task, numbered, portable_options(options), gpus, watch)
        finally:
            ray.shutdown()

    def _connect(self, ray: Any) -> None:
        environment = {name: os.environ.get(name, value) for name, value in {**ONE_THREAD, **SAFELY}.items()}
        own: dict[str, Any] = {"num_cpus": self.local_cpus, "include_dashboard": False} if self.address is None else {}
        try:
            ray.init(
                address=self.address or "local",
                runtime_env={"env_vars": environment},
                log_to_driver=False,
                logging_level=logging.ERROR,
                **own,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(f"hydra.launcher.address={self.address}: no Ray cluster: {causes_line(error)}") from None

    def _check_room(self, ray: Any, gpus: float) -> None:
        """Refuse what our own cluster cannot provide; a cluster started elsewhere may grow."""
        has = ray.cluster_resources()
        for name, wanted in (("CPU", self.num_cpus), ("GPU", gpus)):
            if self.address is None and wanted > has.get(name, 0):
                field = f"hydra.launcher.num_{name.lower()}s"
                raise UserError(f"{field}={wanted:g}: this machine's Ray cluster has {has.get(name, 0):g}")

    def _slots(self, ray: Any, gpus: float) -> int:
        has = ray.cluster_resources()
        wanted = {"CPU": self.num_cpus, "GPU": gpus}
        slots = min(int(has.get(name, 0) / amount) for name, amount in wanted.items() if amount)
        return max(1, slots if self.at_once is None else min(slots, self.at_once))

    def _drive(
        self, ray: Any, task: Any, numbered: Sequence[Numbered], options: SweepOptions, gpus: float, watch: Watch
    ) -> Generator[tuple[int, AttemptResult]]:
        """Submit only as many runs as fit, since runs in Ray's own queue start in no fixed order."""
        queue = deque(numbered)
        running: dict[Any, Numbered] = {}
        while queue or running:
            while queue and len(running) < self._slots(ray, gpus):
                i, config = queue.popleft()
                running[task.remote(portable(config), options, importable_folders())] = (i, config)
                watch(f"run {i}", config, 0, None, None)
            for done in ray.wait(list(running), timeout=WAIT_S)[0]:
                i, config = running.pop(done)
                try:
                    outcome: AttemptResult = ray.get(done)
                except ray.exceptions.RayError as error:
                    outcome = lost(config, f"its process is gone ({type(error).__name__}: {causes_line(error, 200)})")
                yield i, outcome
