"""Execute one run from its configuration to DONE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import Backend, EndsEarly, subject_of
from harness.backends.pipeline import TraceDiverged
from harness.config.schema import RunConfig, SweepOptions
from harness.errors import UserError
from harness.evaluation import Evaluation
from harness.run import contract, provenance
from harness.run.build import build_strategy, build_tracker, open_backend
from harness.run.code import code_digest
from harness.run.config_file import check_owner
from harness.run.damage import damage, read_done, refused
from harness.run.extension import extend, extendable, holds_run
from harness.run.failures import failed, failure_kept
from harness.run.given import check_startable, given
from harness.run.loop import run_loop
from harness.run.overlapped import run_overlapped
from harness.run.reference import check_reference, reference_facts, write_reference
from harness.run.sources import Sources, sources
from harness.run.store import RunDirectory, finished
from harness.run.streams import VERSION, streams
from harness.run.version import check_run_version
from harness.strategies.base import Strategy
from harness.strategies.source import SourceData
from harness.system.atomic import write_text, writing
from harness.system.digest import digest
from harness.system.lease import remove_abandoned
from harness.system.names import shown, task_fault
from harness.system.temporaries import remove_left_over
from harness.system.text import failure_reason
from harness.trackers.base import TrackedRun
from harness.trackers.guard import Guard


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        ended: ``budget``, ``exhausted``, ``skipped`` if the run was already finished, or ``failed`` if it failed before
            and ``resume=retry_failed`` was not given.
        evaluations: number of evaluations in the run.
        best_ms: lowest observed latency in ms, ``None`` if everything failed or the run was skipped.
        message: why it failed, in one line.
        unverified: number of evaluations from a log without checksums, which an older NearOpt wrote.
        began_with: the origin of the configurations that were evaluated first, if any.
        learned_from: what its strategy knew of other tasks, in one line; empty without a source.
        failures: counts of its failed evaluations by reason; empty if the run was skipped.
    """

    path: Path
    ended: str
    evaluations: int
    best_ms: float | None
    message: str = ""
    failures: Mapping[str, int] = field(default_factory=dict)
    unverified: int = 0
    began_with: str = ""
    learned_from: str = ""

    @property
    def none_succeeded(self) -> bool:
        """Whether all evaluations failed."""
        return self.best_ms is None and bool(self.failures)


def _ignore(_: Evaluation) -> None:
    return None


Build = Callable[[RunConfig, Backend, np.random.SeedSequence, Sequence[SourceData]], Strategy]
"""Builds a run's strategy anew from its seed; ``config.strategy`` holds all that decides its results."""


def execute(
    config: RunConfig,
    options: SweepOptions,
    progress: Callable[[Evaluation], None] = _ignore,
    build: Build = build_strategy,
) -> RunResult:
    """Run ``config``, resume it, or skip it if it is done.

    Raises:
        UserError: the configuration is wrong; an earlier run is left untouched.
        Busy: another process holds the run.
        Unwritable: its results cannot be written.
    """
    backend = open_backend(config)
    try:
        return _execute(config, options, backend, progress, build)
    finally:
        backend.close()


def _execute(
    config: RunConfig,
    options: SweepOptions,
    backend: Backend,
    progress: Callable[[Evaluation], None],
    build: Build,
) -> RunResult:
    path = options.results / backend.task / contract.run_name(config.label, config.seed)
    learned = sources(config, backend)
    document = _document(config, backend, learned)
    goes_on = holds_run(path) and extendable(path, document, options.allow_mixed_code)
    if not goes_on and (skipped := recognised(config, options, backend, document)) is not None:
        return skipped  # before anything is written: a finished study may be read-only
    seeds = streams(config.seed, subject_of(backend), config.strategy["_target_"])
    task_folder = options.results / backend.task
    if config.rules is not None and not isinstance(backend, EndsEarly):
        asked = ", ".join(f"rules.{name}={value}" for name, value in config.rules.to_json().items())
        raise UserError(
            f"{asked}: {config.backend['_target_']} cannot end evaluations early: expected backend=replay or "
            "backend=live"
        )
    # Built before the directory exists: wrong arguments must leave nothing behind.
    data = () if learned is None else learned.data
    strategy = build(config, backend, seeds.strategy, data)
    check_startable(config, strategy)
    begin = given(config, backend)
    start = () if begin is None else begin.configurations
    tracker = build_tracker(config)
    check_reference(task_folder, backend)
    if goes_on:
        extend(path, document, backend.space, options.allow_mixed_code)
    with RunDirectory(path, document, options.allow_mixed_code) as directory:
        if not damage(path) and (skipped := _skipped(path)) is not None:
            return skipped
        earlier = failed(path)
        if earlier is not None and earlier.final and not options.retry_failed:
            return RunResult(path, "failed", 0, None, earlier.message)
        with writing(options.results):
            write_reference(task_folder, backend, config.task)
            environment = _environment(options, backend, directory.started(), learned)
        if options.allow_mixed_code:
            directory.write_config(document)
        directory.write_environment(environment)
        study = options.results.resolve().name
        told = TrackedRun(path, study, backend.task, config.label, config.seed, document, environment)

        def attempt(strategy: Strategy, logged: list[Evaluation], mirror: Guard) -> tuple[str, Tally]:
            best = Tally(progress, mirror.log)
            rng = np.random.default_rng(seeds.repair)
            how = (rng, logged, directory.append, best)
            if (overlap := config.overlap) is None:
                ended = run_loop(strategy, backend, config.budget, config.batch, *how, start, config.rules)
            else:
                more = (overlap.ask_ahead, start, config.rules)
                ended = run_overlapped(strategy, backend, config.budget, overlap.workers, *how, *more)
            best.facts = strategy.facts() if hasattr(strategy, "facts") else {}
            return ended, best

        with Guard(tracker, told) as mirror, failure_kept(path):
            try:
                ended, best = attempt(strategy, directory.logged(), mirror)
            except TraceDiverged:
                directory.set_aside()
                mirror.restart()
                ended, best = attempt(build(config, backend, seeds.strategy, data), [], mirror)
            workers = None if config.overlap is None else config.overlap.workers
            directory.finish(backend.space, ended, document["config_hash"], best.facts, workers)
            mirror.done(ended, path / contract.EVALUATIONS)
        failures, began_with = best.failures, "" if begin is None else begin.source
        told_of = "" if learned is None else learned.told()
        facts = (failures, directory.unverified, began_with, told_of)
        return RunResult(path, ended, best.evaluations, best.latency_ms, "", *facts)


def recognised(
    config: RunConfig, options: SweepOptions, backend: Backend, document: contract.ConfigDocument | None = None
) -> RunResult | None:
    """The result of ``config`` if it is done; ``None`` if it is not, or is damaged and can be run again.

    Args:
        backend: the backend of this run, or of the same run with another seed.
        document: the content of its ``config.yaml``, if it is already known.

    Raises:
        UserError: the directory belongs to another run, is damaged beyond repair, or a newer NearOpt made it.
    """
    if fault := task_fault(backend.task):  # a user's backend may give it any name
        raise UserError(f"backend.task={shown(backend.task)}: {fault}")
    task_folder = options.results / backend.task
    path = task_folder / contract.run_name(config.label, config.seed)
    check_run_version(path)  # first, since damage in a newer NearOpt's run cannot be judged
    wrong = damage(path)
    if said := refused(path, wrong):
        raise UserError(f"{path}: damaged: {said}: move it away to run again")
    if wrong or not (path / contract.DONE).exists():
        return None
    done, _ = read_done(path / contract.DONE)
    remove_abandoned(path)  # by a process that was killed just before it released the run
    remove_left_over(path)
    check_reference(task_folder, backend)
    document = document or _document(config, backend, sources(config, backend))
    check_owner(path, document, options.allow_mixed_code)  # a newer NearOpt's run is not ours
    with writing(task_folder):
        write_reference(task_folder, backend, config.task)  # only replaces a damaged one
    return RunResult(path, "skipped", done["evaluations"], None)


def _skipped(path: Path) -> RunResult | None:
    """The result of an undamaged run that has ended; ``None`` if it has not."""
    done = finished(path)
    return None if done is None else RunResult(path, "skipped", done.evaluations, None)


class Tally:
    """Counts evaluations and keeps the lowest observed latency in ms, and passes both on to a progress report."""

    def __init__(self, *watchers: Callable[[Evaluation], None]) -> None:
        self._watchers = watchers
        self.evaluations = 0
        self.latency_ms: float | None = None
        self._compiled_s = self._clock_s = 0.0
        self._failures: Counter[str] = Counter()
        self.facts: Mapping[str, Any] = {}

    def __call__(self, evaluation: Evaluation) -> None:
        self.evaluations += 1
        self._compiled_s += evaluation.compile_s
        self._clock_s = max(self._clock_s, evaluation.clock_end_s)
        if evaluation.latency_ms is not None and (self.latency_ms is None or evaluation.latency_ms < self.latency_ms):
            self.latency_ms = evaluation.latency_ms
        if evaluation.latency_ms is None:
            self._failures[failure_reason(evaluation.status, evaluation.message)] += 1
        for watcher in self._watchers:
            watcher(evaluation)

    def busy(self, workers: int) -> float:
        """The share of the compile workers' time so far that they spent on completed evaluations."""
        return self._compiled_s / (workers * self._clock_s) if self._clock_s else 0.0

    @property
    def failures(self) -> dict[str, int]:
        """Reasons of failed evaluations, with counts."""
        return dict(self._failures)


def _document(config: RunConfig, backend: Backend, learned: Sources | None) -> contract.ConfigDocument:
    """The content of ``config.yaml``. The version comes first and is not hashed, since it describes the format."""
    deciding: contract.DecidingDocument = {
        "task": backend.task,
        "strategy": {"label": config.label, **config.strategy},
        "seed": config.seed,
        "streams": VERSION,
        "budget": asdict(config.budget),
        "batch": config.batch,
        "backend": dict(backend.identity()),
    }
    if config.overlap is not None:
        deciding["schedule"] = {"kind": "async", **asdict(config.overlap)}
    if (begin := given(config, backend)) is not None:
        deciding["start"] = begin.document()
    if learned is not None:
        deciding["source"] = learned.document()
    if config.rules is not None:
        deciding["rules"] = config.rules.to_json()
    document: contract.ConfigDocument = {
        "format_version": contract.FORMAT_VERSION,
        **deciding,  # type: ignore[typeddict-item]  # of which mypy takes optional keys for missing ones
        "config_hash": digest(deciding),
        "code_digest": code_digest(config.strategy, config.backend),
        "reference": reference_facts(backend),
    }
    if config.chosen_on:
        document["chosen_on"] = list(config.chosen_on)
    return document


def _environment(
    options: SweepOptions, backend: Backend, started: str | None, learned: Sources | None
) -> contract.FullEnvironmentDocument:
    """The content of environment.json; ``started`` is when an earlier process began the run, if one did."""
    environment = provenance.environment()
    diff = provenance.working_diff()
    if diff and options.keep_diff:
        folder = options.results / contract.PROVENANCE
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{environment['git']['diff_sha256'][:16]}.diff"
        if not file.exists() or file.stat().st_size != len(diff.encode()):
            write_text(file, diff)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    document: contract.FullEnvironmentDocument = {
        **environment,  # type: ignore[typeddict-item]  # as above
        "started": started or now,
        "backend": dict(backend.environment()),
    }
    if learned is not None:
        document["source"] = learned.environment()
    return document
