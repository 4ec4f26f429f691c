"""Replayed runs with and without a source, and the results to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from harness.backends.base import Backend, subject_of
from harness.config.compose import Composer
from harness.config.schema import RunConfig
from harness.evaluation import Evaluation
from harness.run.build import build_strategy, open_backend
from harness.run.loop import run_loop
from harness.run.sources import Sources, sources
from harness.run.streams import streams

EVALUATIONS = 120
NEAR = 1.05
MOMENTS = (1, 3, 5, 10, 20)


@dataclass(frozen=True)
class Way:
    """How a task is tuned.

    Attributes:
        name: the name of the row.
        overrides: the overrides of ``nearopt run``, including the strategy.
        source: the value of ``source``: ``null``, a word or a path.
        draws: paths that runs take in turn, by their seeds, instead of ``source``.
    """

    name: str
    overrides: tuple[str, ...]
    source: str = "null"
    draws: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The results that are kept of a run.

    Attributes:
        hit: evaluations until the incumbent's true latency is within 5% of the best known; ``None`` if the run ended
            before.
        seconds: seconds on the tuning clock until then.
        slowdowns: true latency of the incumbent over the best known after each of :data:`MOMENTS` evaluations; infinite
            before the first success.
    """

    task: str
    way: str
    source: str
    seed: int
    hit: int | None
    seconds: float
    slowdowns: tuple[float, ...]


class _Enough(Exception):
    """A run has hit its target and is past the last moment."""


class _Watch:
    """Follows a run's incumbent, chosen by observed latency."""

    def __init__(self, best_ms: float) -> None:
        self._best_ms = best_ms
        self._observed_ms = self._true_ms = float("inf")
        self.hit: int | None = None
        self.seconds = 0.0
        self.path: list[float] = []

    def __call__(self, evaluation: Evaluation) -> None:
        if evaluation.latency_ms is not None and evaluation.latency_ms < self._observed_ms:
            self._observed_ms, self._true_ms = evaluation.latency_ms, float(evaluation.oracle_ms or np.inf)
        self.path.append(self._true_ms / self._best_ms)
        if self.hit is None:
            self.seconds = evaluation.clock_end_s
            if self.path[-1] <= NEAR:
                self.hit = len(self.path)
        if self.hit is not None and len(self.path) >= MOMENTS[-1]:
            raise _Enough


def outcomes(task: str, way: Way, seeds: Sequence[int], composer: Composer) -> Iterator[Outcome]:
    """Make runs of a recording, such as ``matmul-2048x2048x2048-bf16__h100``, as ``nearopt run`` would.

    Each ends after :data:`EVALUATIONS`, or once it has hit the target and is past the last of :data:`MOMENTS`.
    """
    held: dict[str, tuple[RunConfig, Sources | None]] = {}
    for seed in seeds:
        source = way.draws[seed % len(way.draws)] if way.draws else way.source
        if source not in held:
            overrides = [f"task={task}", f"source={source}", f"budget.evaluations={EVALUATIONS}", *way.overrides]
            held[source] = _prepared(composer.compose(overrides))
        config, learned = held[source]
        yield _outcome(task, way.name, replace(config, seed=seed), learned)


def _prepared(config: RunConfig) -> tuple[RunConfig, Sources | None]:
    """Return the configuration with its sources, if these are the same for every seed."""
    whole = config.source is not None and config.source.evaluations is None and config.source.runs is None
    return config, sources(config, open_backend(config)) if whole else None


def _outcome(task: str, way: str, config: RunConfig, learned: Sources | None) -> Outcome:
    backend = open_backend(config)
    learned = sources(config, backend) if learned is None else learned
    seeds = streams(config.seed, subject_of(backend), config.strategy["_target_"])
    strategy = build_strategy(config, backend, seeds.strategy, () if learned is None else learned.data)
    watch, rng = _Watch(best_ms(backend)), np.random.default_rng(seeds.repair)
    with suppress(_Enough):
        run_loop(strategy, backend, config.budget, 1, rng, [], lambda _: None, watch)
    path = [*watch.path, *[watch.path[-1]] * MOMENTS[-1]]
    known = () if learned is None else [one.source for one in learned.accounts if one.configurations]
    slowdowns = tuple(path[moment - 1] for moment in MOMENTS)
    return Outcome(task, way, "+".join(known), config.seed, watch.hit, watch.seconds, slowdowns)


def best_ms(backend: Backend) -> float:
    """Return the lowest known latency of a recorded task in ms."""
    landscape = backend.reference()
    assert landscape is not None
    return float(np.nanmin(landscape.oracle_ms))
