"""Turn Python values into command-line overrides."""

from __future__ import annotations

from pathlib import Path

from harness.config.overrides import quoted
from harness.errors import UserError


def task_words(task: str | Path) -> list[str]:
    if isinstance(task, Path) or task.endswith(".parquet"):
        return [f"backend.landscape={quoted(task)}"]
    return [f"task={task}"]


def strategy_words(strategy: object) -> list[str]:
    """The overrides that choose a strategy by its name or class: an Optuna sampler's, or one with ``ask`` and ``tell``.

    Raises:
        UserError: it is neither a name nor such a class.
    """
    if isinstance(strategy, str):
        return [f"strategy={strategy}"]
    import optuna

    if isinstance(strategy, type):
        path = f"{strategy.__module__}.{strategy.__qualname__}"
        if issubclass(strategy, optuna.samplers.BaseSampler):
            return ["strategy=optuna_sampler", f"strategy.sampler={path}", f"strategy.label={strategy.__name__}"]
        return [f"strategy._target_={path}"]
    raise UserError(f"strategy: {strategy!r}: expected a name or a class, or in replay an Optuna sampler or study")
