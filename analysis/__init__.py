"""A study in Python: its runs and evaluations as DataFrames, its figures on your Matplotlib axes.

>>> from analysis import load_study
>>> study = load_study(results)
>>> list(study.runs["strategy"].unique()), study.evaluations["latency_ms"].notna().any().item()
(['guided', 'random'], True)
>>> study.headline.split("×")[0]
'guided came within 5% of the optimum 9.3'

See :mod:`analysis.api.study` for the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.api.study import load_study

__all__ = ["load_study"]


def __getattr__(name: str) -> Any:
    """Import lazily: ``import analysis.errors`` must not load Matplotlib."""
    if name in __all__:
        return getattr(import_module("analysis.api.study"), name)
    raise AttributeError(f"module 'analysis' has no attribute {name!r}: expected {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
