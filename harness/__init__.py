"""Runs from Python: ``tune`` a kernel, ``replay`` a search on a recording, ``sweep`` tasks × strategies × seeds.

>>> from harness import replay
>>> run = replay("softmax-4096x2560-bf16", "optuna_tpe", evaluations=20, results=results)
>>> len(run.evaluations), bool(run.best_ms < run.evaluations["oracle_ms"].median())
(20, True)

The results are the same run directories that ``nearopt run`` and ``nearopt tune`` write, so ``nearopt status``,
``nearopt report`` and :func:`analysis.load_study` read them, and the same call again returns the finished run.
:mod:`harness.api.calls` describes the arguments.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api.calls import replay, sweep, tune

__all__ = ["replay", "sweep", "tune"]


def __getattr__(name: str) -> Any:
    """Import on first use: ``import harness.errors`` must not load Hydra and Torch."""
    if name in __all__:
        return getattr(import_module("harness.api.calls"), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}: expected one of {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
