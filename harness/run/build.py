"""Build the backend, strategy and tracker of a run from its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.backends.base import Backend
from harness.config.schema import RunConfig
from harness.config.targets import check_strategy, declared_target, instantiate_target
from harness.errors import UserError
from harness.run.streams import backend_seed
from harness.strategies.base import Strategy
from harness.strategies.source import SourceData
from harness.trackers.base import NoTracker, Tracker


def open_backend(config: RunConfig) -> Backend:
    """Open the backend of a run.

    Raises:
        UserError: the target cannot be imported, does not accept its arguments, or is not a backend.
    """
    seed = backend_seed(config.seed, config.task.name if config.task is not None else "")
    backend = instantiate_target("backend", config.backend, task=config.task, seed=seed)
    if not isinstance(backend, Backend):
        raise UserError(f"backend._target_={config.backend['_target_']}: expected a function that opens a backend")
    return backend


def build_tracker(config: RunConfig) -> Tracker:
    """Build the tracker of a run or report.

    Raises:
        UserError: the target cannot be imported, does not accept its arguments, or is not a tracker.
    """
    if not config.tracker:
        return NoTracker()
    tracker = instantiate_target("tracker", config.tracker)
    if not isinstance(tracker, Tracker):
        raise UserError(
            f"tracker._target_={config.tracker['_target_']}: expected a class like harness.trackers.base.Tracker"
        )
    return tracker


def build_strategy(
    config: RunConfig, backend: Backend, seed: np.random.SeedSequence, sources: Sequence[SourceData] = ()
) -> Strategy:
    """Build the strategy of a run anew from its seed.

    Args:
        sources: sources to learn from; if there are any, a strategy without an argument ``sources`` is refused.

    Raises:
        UserError: the target cannot be imported or does not accept its arguments.
    """
    if sources:
        _check_takes_sources(config)
    learned: dict[str, Any] = {"sources": tuple(sources)} if sources else {}
    fresh = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)
    strategy = instantiate_target(
        "strategy", config.strategy, check_strategy, space=backend.space, seed=fresh, budget=config.budget, **learned
    )
    if not isinstance(strategy, Strategy):
        raise UserError(f"strategy._target_={config.strategy['_target_']}: expected a class with ask and tell")
    return strategy


def _check_takes_sources(config: RunConfig) -> None:
    target = declared_target("strategy", config.strategy)
    if "sources" not in inspect.signature(target).parameters:
        asked = config.source.text if config.source is not None else ""
        raise UserError(
            f"source={asked}: strategy {config.label}: {config.strategy['_target_']} cannot learn from sources: "
            "expected one with the argument sources, such as warm, portfolio or transfer_gp, or no source="
        )
