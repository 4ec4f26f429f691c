"""Launch runs on this machine's cores through joblib.

The library itself instead of hydra-joblib-launcher: that one returns only when all jobs have ended, and
returns nothing if one worker died.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from time import sleep

from harness.config.plugins import importable_folders
from harness.config.schema import RunConfig, SweepOptions
from harness.errors import UserError
from harness.launchers.base import Numbered, attempt_there, library, lost, portable, portable_options
from harness.study.attempt import AttemptResult
from harness.study.slots import Watch
from harness.study.sweep import any_needs_device
from harness.system.threads import inherited

WATCHER = "nearopt-watches-parent"
PATIENCE = 3
"""Most deaths of workers in a row without a finished run, since joblib does not say which run it was."""


@dataclass(frozen=True)
class JoblibLauncher:
    """``hydra/launcher=joblib``.

    Attributes:
        n_jobs: runs at once; ``None`` for one per core.
    """

    n_jobs: int | None = None

    def launch(
        self, numbered: Sequence[Numbered], options: SweepOptions, watch: Watch
    ) -> Generator[tuple[int, AttemptResult]]:
        """See :class:`~harness.launchers.base.Launcher`. A dying worker ends only its own runs."""
        del watch
        joblib = library("joblib", "joblib", "joblib")
        died = library("joblib.externals.loky.process_executor", "joblib", "joblib").TerminatedWorkerError
        if any_needs_device(config for _, config in numbered):
            raise UserError(
                "hydra/launcher=joblib: joblib does not assign GPUs: expected backend=replay, or another launcher"
            )
        fruitless = 0
        left = {i: portable(config) for i, config in numbered}
        while left:
            before = len(left)
            calls = [
                joblib.delayed(_attempt)(i, config, portable_options(options), os.getpid(), importable_folders())
                for i, config in left.items()
            ]
            parallel = joblib.Parallel(
                self.n_jobs or -1, backend="loky", return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs"
            )
            try:
                with inherited({}):
                    for i, outcome in parallel(calls):
                        del left[i]
                        yield i, outcome
            except died as error:
                fruitless = fruitless + 1 if len(left) == before else 0
                if fruitless == PATIENCE:  # the remaining runs kill their workers
                    for i, config in left.items():
                        yield i, lost(config, f"its worker died ({str(error).split(chr(10), 1)[0][:200]})")
                    return


def _attempt(
    i: int, config: RunConfig, options: SweepOptions, parent: int, folders: Sequence[str]
) -> tuple[int, AttemptResult]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    if not any(thread.name == WATCHER for thread in threading.enumerate()):
        threading.Thread(target=_end_with, args=(parent,), name=WATCHER, daemon=True).start()
    return i, attempt_there(config, options, folders)


def _end_with(parent: int) -> None:
    """End this process with the parent, since an orphan would keep its run locked."""
    while os.getppid() == parent:
        sleep(1.0)
    os._exit(1)
