"""The backend, strategy and tracker of a run, built from its configuration."""

from __future__ import annotations

import numpy as np

from harness.backends.base import Backend
from harness.config.schema import RunConfig
from harness.config.targets import check_strategy, instantiate_target
from harness.errors import UserError
from harness.run.streams import backend_seed
from harness.strategies.base import Strategy
from harness.trackers.base import NoTracker, Tracker


def open_backend(config: RunConfig) -> Backend:
    """The backend of a run.

    Raises:
        UserError: when its target cannot be imported, does not take its arguments, or is no backend.
    """
    seed = backend_seed(config.seed, config.task.name if config.task is not None else "")
    backend = instantiate_target("backend", config.backend, task=config.task, seed=seed)
    if not isinstance(backend, Backend):
        raise UserError(f"backend._target_={config.backend['_target_']}: expected a function that opens a backend")
    return backend


def build_tracker(config: RunConfig) -> Tracker:
    """The tracker of a run or report.

    Raises:
        UserError: when its target cannot be imported, does not take its arguments, or is no tracker.
    """
    if not config.tracker:
        return NoTracker()
    tracker = instantiate_target("tracker", config.tracker)
    if not isinstance(tracker, Tracker):
        raise UserError(
            f"tracker._target_={config.tracker['_target_']}: expected a class like harness.trackers.base.Tracker"
        )
    return tracker


def build_strategy(config: RunConfig, backend: Backend, seed: np.random.SeedSequence) -> Strategy:
    """The strategy of a run, built anew from its seed.

    Raises:
        UserError: when its target cannot be imported or does not take its arguments.
    """
    fresh = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)
    strategy = instantiate_target(
        "strategy", config.strategy, check_strategy, space=backend.space, seed=fresh, budget=config.budget
    )
    if not isinstance(strategy, Strategy):
        raise UserError(f"strategy._target_={config.strategy['_target_']}: expected a class with ask and tell")
    return strategy
