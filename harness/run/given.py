"""Resolve ``start``: the configurations that a run evaluates before its strategy is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.backends.base import Backend
from harness.config.schema import RunConfig
from harness.config.start import COMPILER, DEFAULT, Start
from harness.errors import UserError
from harness.evaluation import Configuration
from harness.strategies.base import Startable, Strategy
from harness.strategies.common.default import default_of, recorded
from harness.strategies.common.extras import extra
from search_spaces.helion import description_of
from search_spaces.space import SearchSpace

OF_DEFAULT = ("task.default", "task.fallbacks", "helion")
"""Prefix of the source of a task's default."""


@dataclass(frozen=True)
class Given:
    """Distinct feasible configurations to evaluate first.

    Attributes:
        source: their origin: ``task.default``, ``task.fallbacks[0]``, ``helion``, ``compiler`` or ``file``.
    """

    source: str
    configurations: tuple[Configuration, ...]

    def document(self) -> dict[str, Any]:
        """The entry in ``config.yaml``."""
        return {"source": self.source, "configurations": [_plain(each) for each in self.configurations]}


def given(config: RunConfig, backend: Backend) -> Given | None:
    """The configurations that a run evaluates first; ``None`` without ``start``.

    Raises:
        UserError: the task has no such configurations, or one of them is not feasible.
    """
    if config.start is None:
        return None
    try:
        return _given(config, config.start, backend.space)
    except UserError as error:  # it names the values but not the option
        raise UserError(f"start={config.start.option}: {backend.task}: {error}") from None


def given_default(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The task's default that a run began with, from its ``config.yaml``; ``None`` if it did not begin with it."""
    start = document.get("start") or {}
    is_default = str(start.get("source", "")).startswith(OF_DEFAULT)
    configurations = start.get("configurations") or []
    return dict(configurations[0]) if is_default and configurations else None


def check_startable(config: RunConfig, strategy: Strategy) -> None:
    """Check that a strategy accepts evaluations that it did not ask for, if the run has any.

    Raises:
        UserError: the strategy has no method ``start``.
    """
    if config.start is not None and not isinstance(strategy, Startable):
        raise UserError(
            f"start={config.start.option}: strategy {config.label}: {type(strategy).__name__} cannot be given "
            "evaluations that it did not ask for: expected a strategy with start(evaluations), or no start"
        )


def _given(config: RunConfig, start: Start, space: SearchSpace) -> Given:
    if start.kind == DEFAULT:
        task = config.task
        default, source = default_of(space, task.default, task.fallbacks) if task is not None else default_of(space, {})
        return Given(source, (default,))
    if start.kind == COMPILER:
        return Given(COMPILER, _distinct(space, _compiler_seeds(space), "seed", repeats=True))
    return Given(start.kind, _distinct(space, start.configurations, "", repeats=False))


def _compiler_seeds(space: SearchSpace) -> list[Mapping[str, Any]]:
    if description_of(space) is None:
        raise UserError("no compiler suggests configurations for this task: expected a Helion task")
    with extra("helion"):
        from harness.strategies.helion.seeds import helion_compiler_seeds
    seeds = helion_compiler_seeds(space)
    if not seeds:
        raise UserError("Helion's compiler suggests nothing for this task: expected start=default, or no start")
    return seeds


def _distinct(
    space: SearchSpace,
    configurations: Sequence[Mapping[str, Any]],
    name: str,
    repeats: bool,
) -> tuple[Configuration, ...]:
    """The distinct configurations, in the space's own values.

    Raises:
        UserError: a configuration is not feasible, or occurs twice and ``repeats`` is not set.
    """
    found: dict[str, Configuration] = {}
    for i, each in enumerate(configurations):
        made = recorded(space, each, f"{name}[{i}]")
        if space.key(made) in found and not repeats:
            raise UserError(f"{name}[{i}]: {dict(made)} occurs twice: expected each configuration once")
        found.setdefault(space.key(made), made)
    return tuple(found.values())


def _plain(configuration: Configuration) -> dict[str, Any]:
    """A configuration in YAML types: a permutation becomes a list."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in configuration.items()}
