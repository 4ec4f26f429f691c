"""Run many runs: one after another, in local processes, or through a launcher."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from glob import escape
from pathlib import Path
from time import sleep

from harness.backends.declaration import declaration_of
from harness.config.schema import RunConfig, SweepOptions
from harness.errors import Unwritable, UserError
from harness.evaluation import Evaluation
from harness.measure.device import VISIBLE_DEVICES
from harness.run import contract
from harness.run.build import build_strategy, open_backend
from harness.run.execute import Build, RunResult, execute, recognised
from harness.study.attempt import AttemptResult, Failure, Halt, Postponed, attempt
from harness.study.display import SweepDisplay
from harness.study.order import randomised_blocks
from harness.study.placement import placements, visible_gpus
from harness.study.slots import Slot, Watch, run_in_slots, throttled
from harness.system.lease import held
from harness.system.progress import ProgressDisplay
from harness.system.temporaries import remove_left_over

POLL_S = 0.5

Launch = Callable[[Sequence[tuple[int, RunConfig]], SweepOptions, Watch], Generator[tuple[int, AttemptResult]]]
"""Attempts numbered runs, started in the given order; yields their outcomes as they arrive."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a sweep; the message says how much is done."""


def default_jobs(configs: Sequence[RunConfig]) -> int:
    """One run per core in replay, one per GPU if runs need one."""
    if any_needs_device(configs):
        return max(1, min(len(configs), len(visible_gpus())))
    return max(1, min(len(configs), os.cpu_count() or 1))


def any_needs_device(configs: Iterable[RunConfig]) -> bool:
    """Whether any of the runs measures on a device of this machine.

    Raises:
        UserError: a backend cannot be imported.
    """
    targets = {str(config.backend.get("_target_")): config.backend for config in configs}
    return any(declaration_of(backend).needs_device for backend in targets.values())


def sweep(
    configs: Sequence[RunConfig], options: SweepOptions, launch: Launch | None = None
) -> list[RunResult | Failure]:
    """Run all of ``configs``; a failed one does not stop the others.

    Runs start in randomised blocks (:func:`~harness.study.order.randomised_blocks`). A run that another process holds
    is retried at the end, when that process has finished or released it.

    Args:
        launch: starts the runs elsewhere than on this machine.

    Returns: outcomes in the order of ``configs``.

    Raises:
        Unwritable: results cannot be written; finished runs are intact.
        Interrupted: on Ctrl-C, after the workers have ended.
    """
    launch = launch or _local(default_jobs(configs) if options.jobs is None else min(options.jobs, len(configs)))
    _tidy(options.results)
    results: dict[int, RunResult | Failure] = {}
    elsewhere: dict[int, Path] = {}
    try:
        with SweepDisplay(len(configs)) as display:
            for i, known in done_before(configs, options):
                display.ended(configs[i], known)
                results[i] = known
            left = [i for i in range(len(configs)) if i not in results]
            pending = [left[k] for k in randomised_blocks([configs[i] for i in left])]
            while pending:
                with closing(launch([(i, configs[i]) for i in pending], options, display.running)) as outcomes:
                    for i, outcome in outcomes:
                        if isinstance(outcome, Halt):
                            kept = "finished runs are kept; the same command resumes"
                            raise Unwritable(f"{outcome.message}: {kept}")
                        display.ended(configs[i], outcome)
                        if isinstance(outcome, Postponed):
                            elsewhere[i] = outcome.path
                        else:
                            results[i] = outcome
                pending = _come_back_to(elsewhere, display)
    except KeyboardInterrupt:
        raise Interrupted(
            f"{len(results)} of {len(configs)} runs finished; the others keep their evaluations"
        ) from None
    return [results[i] for i in range(len(configs))]


def done_before(configs: Sequence[RunConfig], options: SweepOptions) -> Iterator[tuple[int, RunResult]]:
    """Yield the finished replays among ``configs`` with their numbers, without opening a process or backend for each.

    Runs that differ only in their seed share a backend, which is not opened if none of them is done. Errors are left
    to the run's own attempt, which names the run and does not end the sweep.
    """
    groups: dict[str, list[int]] = {}
    for i, config in enumerate(configs):
        groups.setdefault(repr(replace(config, seed=0)), []).append(i)
    for numbers in groups.values():
        first = configs[numbers[0]]
        with suppress(Exception):
            if any_needs_device([first]) or not _any_done([configs[i] for i in numbers], options.results):
                continue
            with closing(open_backend(first)) as backend:
                for i in numbers:
                    with suppress(Exception):
                        if (known := recognised(configs[i], options, backend)) is not None:
                            yield i, known


def _any_done(configs: Sequence[RunConfig], results: Path) -> bool:
    """Whether any run of a strategy may be done, by names alone, since only the backend knows their task."""
    folders = [folder for folder in results.glob(f"*/{escape(configs[0].label)}") if folder.is_dir()]
    names = [contract.run_name(config.label, config.seed).name for config in configs]
    return any((folder / name / contract.DONE).exists() for folder in folders for name in names)


def _tidy(results: Path) -> None:
    """Remove temporary files of killed processes, except those in run directories, which their run removes."""
    with suppress(OSError):
        for folder in (results, *(place for place in results.iterdir() if place.is_dir())):
            remove_left_over(folder)


def _come_back_to(elsewhere: dict[int, Path], display: SweepDisplay) -> list[int]:
    """Wait until other processes have finished or released at least one run, and take those runs off the list."""
    while elsewhere:
        display.waiting(len(elsewhere))
        free = [i for i, path in elsewhere.items() if not held(path)]
        if free:
            for i in free:
                del elsewhere[i]
            return free
        sleep(POLL_S)
    return []


def _local(jobs: int) -> Launch:
    """A launch on this machine, with ``jobs`` runs at once."""

    def launch(
        numbered: Sequence[tuple[int, RunConfig]], options: SweepOptions, watch: Watch
    ) -> Generator[tuple[int, AttemptResult]]:
        if jobs == 1:
            return _serial(numbered, options, watch)
        configs = [config for _, config in numbered]
        fresh = any_needs_device(configs)
        return run_in_slots(numbered, options, _slots(configs, jobs), watch, fresh=fresh)

    return launch


def _slots(configs: Sequence[RunConfig], jobs: int) -> list[Slot]:
    """One slot per worker, with a GPU if runs need one and one is available.

    Raises:
        UserError: there are more workers than GPUs, and GPUs are not to be shared.
    """
    measuring = [config for config in configs if any_needs_device([config])]
    gpus = visible_gpus() if measuring else []
    if not gpus:
        return [Slot(f"worker {k}") for k in range(jobs)]
    taken = placements(jobs, gpus, all(config.backend.get("share_device") for config in measuring))
    return [Slot(f"worker {k}, GPU {gpus.index(gpu)}", {VISIBLE_DEVICES: gpu}) for k, gpu in enumerate(taken)]


def _serial(
    numbered: Sequence[tuple[int, RunConfig]], options: SweepOptions, watch: Watch
) -> Generator[tuple[int, AttemptResult]]:
    for i, config in numbered:

        def report(evaluations: int, best_ms: float | None, busy: float | None, config: RunConfig = config) -> None:
            watch("this process", config, evaluations, best_ms, busy)

        report(0, None, None)
        yield i, attempt(config, options, throttled(report))


def check_wanted(options: SweepOptions) -> None:
    """Refuse to start runs in a dry run.

    Raises:
        UserError: ``options`` ask for a dry run.
    """
    if options.dry_run:
        raise UserError("dry_run=true: not supported here: expected dry_run=true with nearopt run")


def run_alone(config: RunConfig, options: SweepOptions, build: Build = build_strategy) -> RunResult:
    """Make one run and show its evaluations on the progress display.

    Args:
        build: builds its strategy, if that is an object which no ``_target_`` can build.

    Raises:
        UserError: the configuration is wrong.
    """
    check_wanted(options)
    _tidy(options.results)
    with ProgressDisplay("evaluations", config.budget.evaluations) as display:
        best: list[float] = []

        def advance(evaluation: Evaluation) -> None:
            if evaluation.latency_ms is not None and (not best or evaluation.latency_ms < best[0]):
                best[:] = [evaluation.latency_ms]
            display.advance(f"best {best[0]:.4g} ms" if best else str(evaluation.status))

        return execute(config, options, advance, build)
