"""The rules of a run that end evaluations early, from its config.yaml, as a comparable string."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.statistics.hopeless import Rules

NO_RULES = "none"
_KEYS = {"compile_factor", "compile_quantile", "compile_after", "sample_error"}


def told_rules(path: Path, config: Mapping[str, Any]) -> str:
    """``none``, or the options of the rules that are on as JSON.

    Raises:
        AnalysisError: this version does not know the rules; ``path`` is the run's directory.
    """
    said = config.get("rules")
    if said is None:
        return NO_RULES
    if not isinstance(said, Mapping) or not said:
        raise AnalysisError(f"{path}: rules={said}: expected options of rules by name")
    for name, value in said.items():
        if name not in _KEYS or isinstance(value, bool) or not isinstance(value, int | float):
            raise AnalysisError(f"{path}: rules.{name}={value}: expected a number of {', '.join(sorted(_KEYS))}")
    return json.dumps(dict(said), sort_keys=True)


@lru_cache(maxsize=64)
def rules_of(told: str) -> Rules | None:
    """The rules in a string of :func:`told_rules`; ``None`` if there are none."""
    return None if told == NO_RULES else Rules(**json.loads(told))


def rules_words(told: str) -> str:
    """The rules as ``compile_factor=2 sample_error=0.01``; empty without rules."""
    return "" if told == NO_RULES else " ".join(f"{name}={value:g}" for name, value in json.loads(told).items())
