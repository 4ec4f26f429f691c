"""Long searches after a uniform sample: they set t* of a space that is too large to exhaust."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.config.schema import RunConfig
from harness.evaluation import Configuration, Evaluation, Measurement
from harness.measure.session import Session
from harness.record.log import RecordLog
from harness.run.build import build_strategy
from harness.run.loop import run_loop
from harness.system.progress import ProgressDisplay
from search_spaces.space import SearchSpace


class DeadlinePassed(Exception):
    """Raised when no further configuration may be started."""


class SearchBackend:
    """A backend for searches that measures through a recording's session and log; logged results are reused.

    Args:
        session, log, space: session, log and space of the recording.
        deadline: monotonic time after which :meth:`measure` raises :class:`DeadlinePassed`.
        measured: called with each key and its compiled plan.
    """

    def __init__(
        self,
        session: Session,
        log: RecordLog,
        space: SearchSpace,
        deadline: float,
        measured: Callable[[str, Any], None],
    ) -> None:
        self._session = session
        self._log = log
        self._space = space
        self._deadline = deadline
        self._measured = measured

    @property
    def task(self) -> str:
        """Empty, since no results are written under it."""
        return "recording"

    @property
    def space(self) -> SearchSpace:
        """The whole space, independent of the sample."""
        return self._space

    @property
    def compile_workers(self) -> int:
        """The number of compile processes."""
        return self._session.compile_pool.workers

    @property
    def charge_ask(self) -> bool:
        """False: no time is charged."""
        return False

    def identity(self) -> Mapping[str, Any]:
        """Empty: no run directory depends on it."""
        return {}

    def environment(self) -> Mapping[str, Any]:
        """Empty: the recording has its own."""
        return {}

    def reference(self) -> None:
        """``None``, since the recording is being made."""

    def start(self) -> None:
        """Nothing to do: the session has already started."""

    def measure(self, configurations: Sequence[Configuration]) -> list[Measurement]:
        """Measurements from the log or from the device.

        Raises:
            DeadlinePassed: the deadline has passed.
        """
        if time.monotonic() > self._deadline:
            raise DeadlinePassed
        known = self._log.content.results
        keys = [self._space.key(configuration) for configuration in configurations]
        new = [c for key, c in zip(keys, configurations, strict=True) if key not in known]
        for result in self._session.engine.evaluate(new):
            key = self._space.key(result.configuration)
            self._log.result(key, result, self._session.uuid_of(result), origin="search")
            self._measured(key, result)
        return [known[key].measurement for key in keys]

    def close(self) -> None:
        """Nothing to do: the recording closes its session."""


def run_search(config: RunConfig, backend: SearchBackend) -> None:
    """Run one search from its beginning to the end of its budget; earlier results come from the log.

    Raises:
        UserError: the strategy does not accept its arguments.
        DeadlinePassed: the deadline has passed.
    """
    strategy_seed, repair_seed = np.random.SeedSequence(config.seed).spawn(2)
    strategy = build_strategy(config, backend, strategy_seed)
    best = float("inf")

    with ProgressDisplay(f"search {config.label}", config.budget.evaluations) as progress:

        def show(evaluation: Evaluation) -> None:
            nonlocal best
            best = min(best, evaluation.latency_ms or float("inf"))
            progress.advance(f"best {best:.4g} ms")

        rng = np.random.default_rng(repair_seed)
        run_loop(strategy, backend, config.budget, config.batch, rng, [], lambda _: None, show)
