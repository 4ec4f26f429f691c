"""Values of Python as overrides of the command line."""

from __future__ import annotations

from pathlib import Path

from harness.config.overrides import quoted
from harness.errors import UserError


def task_words(task: str | Path) -> list[str]:
    if isinstance(task, Path) or task.endswith(".parquet"):
        return [f"backend.landscape={quoted(task)}"]
    return [f"task={task}"]


def strategy_words(strategy: object) -> list[str]:
    """The overrides that name a strategy, or a class: of Optuna's samplers, or with ``ask`` and ``tell``.

    Raises:
        UserError: it is neither.
    """
    if isinstance(strategy, str):
        return [f"strategy={strategy}"]
    import optuna

    if isinstance(strategy, type):
        path = f"{strategy.__module__}.{strategy.__qualname__}"
        if issubclass(strategy, optuna.samplers.BaseSampler):
            return ["strategy=optuna_sampler", f"strategy.sampler={path}", f"strategy.label={strategy.__name__}"]
        return [f"strategy._target_={path}"]
    raise UserError(
        f"strategy: {strategy!r}: expected a name or a class, or in replay a sampler or a study of Optuna's"
    )
