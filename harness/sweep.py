"""Many runs, one after another or over local processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.queues import SimpleQueue

from harness.compose import one_line
from harness.config import RunConfig
from harness.errors import UserError
from harness.evaluation import Evaluation
from harness.gpu.placement import placements, take_gpu, visible_gpus
from harness.progress import ProgressDisplay
from harness.run import RunResult, execute

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A run that ended with an error.

    Attributes:
        message: one line.
        trace: the traceback, empty where the user's input was at fault.
    """

    config: RunConfig
    message: str
    trace: str


def _attempt(config: RunConfig) -> RunResult | Failure:
    try:
        return execute(config)
    except UserError as error:
        return Failure(config, str(error), "")
    except Exception as error:
        return Failure(config, f"{type(error).__name__}: {one_line(error)}", traceback.format_exc())


def default_jobs(configs: Sequence[RunConfig]) -> int:
    """One run a core in replay, one a GPU where they are needed."""
    if any(config.live for config in configs):
        return max(1, min(len(configs), len(visible_gpus())))
    return max(1, min(len(configs), os.cpu_count() or 1))


def sweep(configs: Sequence[RunConfig], jobs: int | None) -> list[RunResult | Failure]:
    """Run all of ``configs``; a failed one does not stop the others. Order of the results is that of ``configs``."""
    jobs = default_jobs(configs) if jobs is None else min(jobs, len(configs))
    results: dict[int, RunResult | Failure] = {}
    with ProgressDisplay("runs", len(configs)) as display:
        outcomes = _serial(configs) if jobs == 1 else _parallel(configs, jobs)
        for i, outcome in outcomes:
            results[i] = outcome
            display.advance(f"{configs[i].label} seed {configs[i].seed}")
    return [results[i] for i in range(len(configs))]


def _serial(configs: Sequence[RunConfig]) -> Iterator[tuple[int, RunResult | Failure]]:
    for i, config in enumerate(configs):
        yield i, _attempt(config)


def _parallel(configs: Sequence[RunConfig], jobs: int) -> Iterator[tuple[int, RunResult | Failure]]:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update({name: before[name] or "1" for name in THREAD_VARIABLES})
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (_waiting_gpus(configs, jobs, context),))
    try:
        with _ctrl_c_held_back():
            waiting = {pool.submit(_attempt, config): i for i, config in enumerate(configs)}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BaseException:
        for worker in multiprocessing.active_children():  # their logs are whole lines: the next sweep resumes
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Hold SIGINT back until the block ends; workers started in it never see one, so that only the parent answers."""
    resource_tracker.ensure_running()  # it lets SIGINT through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _waiting_gpus(configs: Sequence[RunConfig], jobs: int, context: BaseContext) -> SimpleQueue[str] | None:
    """A GPU for each worker to take as it starts; ``None`` where they need none, or where there is none to be had."""
    live = [config for config in configs if config.live]
    gpus = visible_gpus() if live else []
    if not gpus:
        return None
    waiting: SimpleQueue[str] = context.SimpleQueue()
    for gpu in placements(jobs, gpus, all(config.backend.get("share_device") for config in live)):
        waiting.put(gpu)
    return waiting


def _start_worker(gpus: SimpleQueue[str] | None) -> None:
    if gpus is not None:
        take_gpu(gpus)
    _end_with_parent()


def _end_with_parent() -> None:
    """In a worker: end as soon as the parent is gone, killed or not; an orphan would hold its run's lock."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_alone(config: RunConfig) -> RunResult:
    """One run with its evaluations on the progress display.

    Raises:
        UserError: on configuration at fault.
    """
    with ProgressDisplay("evaluations", config.budget.evaluations) as display:
        best: list[float] = []

        def advance(evaluation: Evaluation) -> None:
            if evaluation.latency_ms is not None and (not best or evaluation.latency_ms < best[0]):
                best[:] = [evaluation.latency_ms]
            display.advance(f"best {best[0]:.4g} ms" if best else str(evaluation.status))

        return execute(config, advance)
