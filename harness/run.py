"""One run from its configuration to its DONE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from harness import provenance
from harness.backends.base import Backend
from harness.backends.replay import ReplayBackend
from harness.config.schema import RunConfig
from harness.config.targets import instantiate_checked
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.evaluation import Evaluation
from harness.failures import failed, failure_kept
from harness.landscapes.default_configuration import recorded_default
from harness.landscapes.landscape import COSTS, Landscape
from harness.loop import TraceDiverged, run_loop
from harness.store import RunDirectory, check_owner, finished
from harness.strategies.base import Strategy
from harness.system.atomic import replacing, write_text, writing
from harness.system.digest import digest
from harness.trackers.base import NoTracker, TrackedRun, Tracker
from harness.trackers.guard import Guard


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        ended: ``budget``, ``exhausted``, ``skipped`` when it was finished before, or ``failed`` when it broke down
            before and ``resume=retry_failed`` was not given.
        evaluations: how many it holds.
        best_ms: lowest observed latency in ms, ``None`` if everything failed or the run was skipped.
        message: why it broke down, one line.
    """

    path: Path
    ended: str
    evaluations: int
    best_ms: float | None
    message: str = ""


def _ignore(_: Evaluation) -> None:
    return None


def execute(config: RunConfig, progress: Callable[[Evaluation], None] = _ignore) -> RunResult:
    """Run ``config``, resume it, or skip it if it is done.

    Raises:
        UserError: on configuration at fault; nothing of an earlier run is touched then.
        Busy: another process is at it.
        Unwritable: there is no room for its results, or no permission.
    """
    strategy_seed, noise_seed, repair_seed = np.random.SeedSequence(config.seed).spawn(3)
    backend = open_backend(config, noise_seed)
    try:
        return _execute(config, backend, strategy_seed, repair_seed, progress)
    finally:
        backend.close()


def open_backend(config: RunConfig, seed: np.random.SeedSequence) -> Backend:
    """The backend of a run; ``seed`` is that of its noise or of the kernel's inputs.

    Raises:
        UserError: when its target cannot be imported, does not take its arguments, or is no backend.
    """
    backend = instantiate_checked("backend", config.backend, task=config.task, seed=seed)
    if not isinstance(backend, Backend):
        raise UserError(f"backend._target_={config.backend['_target_']}: expected a function that opens a backend")
    return backend


def _execute(
    config: RunConfig,
    backend: Backend,
    strategy_seed: np.random.SeedSequence,
    repair_seed: np.random.SeedSequence,
    progress: Callable[[Evaluation], None],
) -> RunResult:
    document = _document(config, backend)
    path = config.results / backend.task / config.label / f"seed-{config.seed}"
    if (skipped := _skipped(path)) is not None:  # before anything is written: a finished study may be read-only
        _check_reference(config.results / backend.task, backend)
        check_owner(path, document)
        return skipped
    # Built before the directory exists: arguments at fault must leave nothing behind.
    strategy = build_strategy(config, backend, strategy_seed)
    tracker = build_tracker(config)
    _check_reference(config.results / backend.task, backend)
    with RunDirectory(path, document) as directory:
        if (skipped := _skipped(path)) is not None:
            return skipped
        earlier = failed(path)
        if earlier is not None and earlier.final and config.resume != "retry_failed":
            return RunResult(path, "failed", 0, None, earlier.message)
        with writing(config.results):
            _write_reference(config.results / backend.task, backend, config.task)
            environment = _environment(config, backend)
        directory.write_environment(environment)
        study = config.results.resolve().name
        told = TrackedRun(path, study, backend.task, config.label, config.seed, document, environment)

        def attempt(strategy: Strategy, recorded: list[Evaluation], mirror: Guard) -> tuple[str, Tally]:
            best = Tally(progress, mirror.log)
            rng = np.random.default_rng(repair_seed)
            ended = run_loop(strategy, backend, config.budget, config.batch, rng, recorded, directory.append, best)
            best.facts = strategy.facts() if hasattr(strategy, "facts") else {}
            return ended, best

        with Guard(tracker, told) as mirror, failure_kept(path):
            try:
                ended, best = attempt(strategy, directory.recorded(), mirror)
            except TraceDiverged:
                directory.set_aside()
                mirror.restart()
                ended, best = attempt(build_strategy(config, backend, strategy_seed), [], mirror)
            directory.finish(backend.space, ended, document["config_hash"], best.facts)
            mirror.done(ended, path / "evaluations.parquet")
        return RunResult(path, ended, best.evaluations, best.latency_ms)


def _skipped(path: Path) -> RunResult | None:
    done = finished(path)
    return None if done is None else RunResult(path, "skipped", done.evaluations, None)


def build_tracker(config: RunConfig) -> Tracker:
    """The tracker of a run or report.

    Raises:
        UserError: when its target cannot be imported, does not take its arguments, or is no tracker.
    """
    if not config.tracker:
        return NoTracker()
    tracker = instantiate_checked("tracker", config.tracker)
    if not isinstance(tracker, Tracker):
        raise UserError(
            f"tracker._target_={config.tracker['_target_']}: expected a class like harness.trackers.base.Tracker"
        )
    return tracker


class Tally:
    """Counts evaluations and keeps the lowest observed latency in ms, on the way to whoever watches."""

    def __init__(self, *watchers: Callable[[Evaluation], None]) -> None:
        self._watchers = watchers
        self.evaluations = 0
        self.latency_ms: float | None = None
        self.facts: Mapping[str, Any] = {}

    def __call__(self, evaluation: Evaluation) -> None:
        self.evaluations += 1
        if evaluation.latency_ms is not None and (self.latency_ms is None or evaluation.latency_ms < self.latency_ms):
            self.latency_ms = evaluation.latency_ms
        for watcher in self._watchers:
            watcher(evaluation)


def build_strategy(config: RunConfig, backend: Backend, seed: np.random.SeedSequence) -> Strategy:
    """The strategy of a run, built anew from its seed.

    Raises:
        UserError: when its target cannot be imported or does not take its arguments.
    """
    fresh = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)
    strategy = instantiate_checked("strategy", config.strategy, space=backend.space, seed=fresh, budget=config.budget)
    if not isinstance(strategy, Strategy):
        raise UserError(f"strategy._target_={config.strategy['_target_']}: expected a class with ask and tell")
    return strategy


def _document(config: RunConfig, backend: Backend) -> dict[str, Any]:
    """What ``config.yaml`` holds. Everything in it but the hash and the reference decides the results."""
    deciding = {
        "task": backend.task,
        "strategy": {"label": config.label, **config.strategy},
        "seed": config.seed,
        "budget": asdict(config.budget),
        "batch": config.batch,
        "backend": dict(backend.identity()),
    }
    return {**deciding, "config_hash": digest(deciding), "reference": _reference_facts(backend)}


def _environment(config: RunConfig, backend: Backend) -> dict[str, Any]:
    environment = provenance.environment()
    diff = provenance.working_diff()
    if diff:
        folder = config.results / "provenance"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{environment['git']['diff_sha256'][:16]}.diff"
        if not file.exists():
            write_text(file, diff)
    return {**environment, "backend": dict(backend.environment())}


def _reference_facts(backend: Backend) -> dict[str, Any]:
    if not isinstance(backend, ReplayBackend):
        return {"source": "none"}
    landscape = backend.landscape
    oracle = landscape.oracle_ms
    return {
        "source": "landscape",
        "n": landscape.space.size,
        "t_star_ms": float(np.nanmin(oracle)) if np.isfinite(oracle).any() else None,
        "coverage": "exhaustive" if landscape.exhaustive else "sample",
    }


def _check_reference(folder: Path, backend: Backend) -> None:
    """One task is one recording: refuse a folder with runs of another."""
    note = folder / "reference.yaml"
    if not isinstance(backend, ReplayBackend) or not note.exists():
        return
    try:
        theirs = yaml.safe_load(note.read_text(encoding="utf-8"))["landscape_sha256"]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        raise UserError(f"{note}: not readable: move it away, it is written again") from None
    if theirs != backend.landscape.sha256:
        raise UserError(f"{folder}: holds runs of another recording of {backend.task}: choose another results=")


def _write_reference(folder: Path, backend: Backend, task: TaskSpec | None) -> None:
    """Put the task's table beside its runs, so that results can be analysed without the landscape."""
    if not isinstance(backend, ReplayBackend):
        return
    landscape = backend.landscape
    if (folder / "reference.yaml").exists() and (folder / "reference.parquet").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "reference.parquet") as temporary:
        pq.write_table(_reference_table(landscape), temporary, compression="zstd")
    kept = ("task", "kernel", "device", "coverage", "vendor", "roofline", "shape", "dtype")
    facts = {name: landscape.metadata[name] for name in kept if name in landscape.metadata}
    default = recorded_default(landscape, task.default) if task is not None else None
    if default is not None:
        facts["default"] = default
    write_text(
        folder / "reference.yaml", yaml.safe_dump({"landscape_sha256": landscape.sha256, **facts}, sort_keys=False)
    )


def _reference_table(landscape: Landscape) -> pa.Table:
    space = landscape.space
    columns = {
        "key": pa.array([space.key_of_codes(row) for row in landscape.codes]),
        "status": pa.array([str(status) for status in landscape.status]),
        "latency_ms": pa.array(landscape.latency_ms, from_pandas=True),
        "oracle_ms": pa.array(landscape.oracle_ms, from_pandas=True),
        "samples_ms": pa.array([list(samples) for samples in landscape.samples_ms], pa.list_(pa.float64())),
        **{name: pa.array(landscape.costs_s[:, i]) for i, name in enumerate(COSTS)},
        "origin": pa.array(landscape.origin),
    }
    return pa.table(columns)
