"""``nearopt run``: from the command line to runs and their printed results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.backends.declaration import declaration_of
from harness.cli.exit_codes import DONE, FAILED, USER_ERROR
from harness.config.compose import Composer, Sweep
from harness.config.overrides import TARGET
from harness.config.plugins import GIVEN
from harness.config.schema import RunConfig
from harness.config.targets import check_takes, instantiate_target
from harness.errors import UserError
from harness.run.build import build_tracker
from harness.run.execute import RunResult
from harness.run.state import State
from harness.study.attempt import Failure
from harness.study.mixed_code import check_code
from harness.study.plan import check_apart, planned, planned_run, without_repeats
from harness.study.status import state_of
from harness.study.sweep import run_alone, sweep
from harness.system.terminal import say, warn
from harness.system.text import by_status, mostly_failed, none_succeeded


def run(overrides: Sequence[str], multirun: bool, show: bool, config_dir: Path | None) -> int:
    """One run or a sweep; returns the exit code.

    Args:
        multirun: expand lists and ranges.
        show: print the composed configuration and stop.
        config_dir: a further folder of Hydra configuration.

    Raises:
        UserError: an override is wrong.
    """
    composer = Composer(config_dir)
    if show:
        say(composer.yaml(overrides), end="")
        return DONE
    launcher = composer.launcher(overrides)
    if launcher is not None and not multirun:
        raise UserError(f"hydra.launcher._target_={launcher['_target_']}: launchers are for sweeps: add -m")
    asked = composer.expand(overrides) if multirun else composer.single(overrides)
    asked = Sweep(without_repeats(asked.runs), asked.options)
    check_apart(asked.runs, asked.options.results)
    check_code(asked.runs, asked.options)
    if any(override.startswith(("+", f"{TARGET}=")) for override in overrides):  # otherwise their YAML lists them
        _check_arguments(asked.runs)
    _check_trackers(asked.runs)
    if asked.options.dry_run:
        from harness.cli.estimate_text import format_estimate  # imported here because a run does not need it
        from harness.study.estimate import estimate

        say(format_estimate(estimate(asked.runs, asked.options)))
        return DONE
    if not multirun:
        result = run_alone(asked.runs[0], asked.options)
        say(_told(result))
        for line in failure_lines([result]):
            warn(f"nearopt: {line}")
        return FAILED if result.ended == "failed" or result.none_succeeded else DONE
    launch = None if launcher is None else instantiate_target("hydra.launcher", launcher).launch
    if launch is None:
        _check_device(asked.runs)
    with planned(asked.runs, asked.options.results) as plan:
        results = sweep(asked.runs, asked.options, launch)
        plan.refused = all(isinstance(result, Failure) and not result.trace for result in results)
    return _conclude(results, asked.options.results)


def _check_trackers(configs: Sequence[RunConfig]) -> None:
    """Build each tracker once, so that a mistake in its options is reported once and not by every run.

    Raises:
        UserError: a tracker rejects its options.
    """
    checked: list[RunConfig] = []
    for config in configs:
        if all(config.tracker != other.tracker for other in checked):
            checked.append(config)
            build_tracker(config)


def _check_arguments(configs: Sequence[RunConfig]) -> None:
    """Check the arguments of all targets once, before every run would report the same mistake.

    Raises:
        UserError: a strategy, backend or tracker does not accept an argument.
    """
    checked = set()
    for config in configs:
        parts = (
            ("strategy", config.strategy, GIVEN),
            ("backend", config.backend, ("task", "seed")),
            ("tracker", config.tracker, ()),
        )
        for what, target, given in parts:
            names = (what, str(target.get("_target_")), *sorted(target))
            if target and names not in checked:
                checked.add(names)
                check_takes(what, target, given)


def _check_device(configs: Sequence[RunConfig]) -> None:
    """Look for a device once, before every run of a sweep would report after seconds that there is none.

    Raises:
        UserError: a run needs a GPU, and there is none.
    """
    tasks = {
        config.task.name: config.task
        for config in configs
        if config.task and declaration_of(config.backend).needs_device
    }
    if tasks:
        from harness.backends.task import device_of  # this imports torch, which a sweep of replays does not need

        for task in tasks.values():
            device_of(task)


def _conclude(results: Sequence[RunResult | Failure], folder: Path) -> int:
    """Print how a sweep ended; returns the exit code."""
    runs = [result for result in results if isinstance(result, RunResult) and result.ended != "failed"]
    left = [result for result in results if isinstance(result, RunResult) and result.ended == "failed"]
    failures = [result for result in results if not isinstance(result, RunResult)]
    skipped = sum(result.ended == "skipped" for result in runs)
    say(
        f"{len(runs) - skipped} runs done, {skipped} were done before, {len(failures)} failed"
        f"{f', {len(left)} had failed before' if left else ''}{_account(results, folder)}: {folder}"
    )
    if unverified := sum(result.unverified > 0 for result in runs):
        warn(f"nearopt: {unverified} runs resumed from logs without checksums and are unverified")
    for line in [*_learned(runs), *failure_lines(runs)]:
        warn(f"nearopt: {line}")
    for failure in failures:
        warn(f"nearopt: {failure.config.label} seed {failure.config.seed}: {failure.message}")
        if failure.trace and os.environ.get("NEAROPT_TRACEBACK"):
            warn(failure.trace)
    if left:
        warn(
            f"nearopt: {len(left)} runs had failed before and were skipped (the first: {left[0].message}): "
            f"resume=retry_failed retries them, nearopt status {folder} lists them",
        )
        return FAILED
    if not failures:
        return FAILED if any(all(run.none_succeeded for run in own) for own in _of_tasks(runs).values()) else DONE
    return FAILED if any(failure.trace for failure in failures) else USER_ERROR


def _learned(runs: Sequence[RunResult]) -> list[str]:
    """One line for each task with a source: what the first new run of the task learned from it."""
    first = {
        task: next((run.learned_from for run in own if run.learned_from), "") for task, own in _of_tasks(runs).items()
    }
    return [f"{task}: {told}" for task, told in first.items() if told]


def _account(results: Sequence[RunResult | Failure], folder: Path) -> str:
    """Counts of a sweep's runs that nearopt status does not report as done, such as `` (7 of 12 runs failed)``."""
    states: Counter[State] = Counter()
    for result in results:
        if isinstance(result, RunResult):
            states[State.FAILED if result.ended == "failed" else State.DONE] += 1
        else:
            states[_state(result, folder)] += 1
    said = [
        f"{states[state]} of {len(results)} runs {state}" for state in State if states[state] and state != State.DONE
    ]
    return f" ({', '.join(said)})" if said else ""


def _state(failure: Failure, folder: Path) -> State:
    try:
        run = planned_run(failure.config)
        return State.FAILED if run is None else state_of(folder, run)
    except UserError:  # the run directory is not known
        return State.MISSING


def failure_lines(runs: Sequence[RunResult]) -> Iterator[str]:
    """One line for each task on which the new runs found no working configuration or mostly failed."""
    for task, own in _of_tasks(runs).items():
        bare = [run for run in own if run.none_succeeded]
        if bare:
            reasons = _reasons(bare)
            yield f"{task}: in {len(bare)} of {len(own)} runs {none_succeeded(reasons)}"
            yield from (f"{task}: {part}" for part in by_status(reasons))
        rest = [run for run in own if not run.none_succeeded and run.ended != "skipped"]
        if line := mostly_failed(_reasons(rest), sum(run.evaluations for run in rest)):
            yield f"{task}: {line}"


def _of_tasks(runs: Sequence[RunResult]) -> dict[str, list[RunResult]]:
    """Runs by task, for the tasks with at least one new run."""
    of_tasks: dict[str, list[RunResult]] = {}
    for run in runs:
        of_tasks.setdefault(run.path.parent.parent.name, []).append(run)
    return {task: own for task, own in of_tasks.items() if any(run.ended != "skipped" for run in own)}


def _reasons(runs: Sequence[RunResult]) -> Counter[str]:
    return sum((Counter(run.failures) for run in runs), Counter[str]())


def _told(result: RunResult) -> str:
    if result.ended == "skipped":
        return f"done before ({result.evaluations} evaluations): {result.path}"
    if result.ended == "failed":
        return f"failed before ({result.message}), resume=retry_failed retries it: {result.path}"
    best = f"best observed {result.best_ms:.6g} ms" if result.best_ms is not None else "none succeeded"
    if result.unverified:
        best += f", {result.unverified} of them unverified (log without checksums)"
    first = f"first {result.began_with}; " if result.began_with else ""
    first += f"{result.learned_from}; " if result.learned_from else ""
    return f"{result.evaluations} evaluations, {first}{best} (ended: {result.ended}): {result.path}"
