"""Refuse contradictory runs by name before any number is computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.run_directory import RunLog

_SAME_WITHIN_A_STRATEGY = [
    "strategy_arguments",
    "budget_evaluations",
    "budget_seconds",
    "batch",
    "compile_workers",
    "schedule",
    "start",
    "source",
    "rules",
    "noise",
    "backend",
]


def check_same_names(logs: Sequence[RunLog]) -> None:
    """Refuse two different runs with the same name; of several that differ only in their code the newest counts."""
    seen: dict[tuple[str, str, int], RunLog] = {}
    for log in logs:
        first = seen.setdefault(log.name, log)
        if any(first.config.get(part) != log.config.get(part) for part in ("budget", "config_hash")):
            changed = _differences(first.config, log.config)
            raise AnalysisError(
                f"{log.path}: {', '.join(changed) or 'config_hash'} differs from {first.path}, which has the same "
                "task, strategy and seed: expected one of the two, or another strategy.label"
            )


def _differences(other: Mapping[str, Any], config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """``name=value`` of everything that differs, except hash and version."""
    changed = []
    for name in sorted({*other, *config} - contract.NOT_DECIDING):
        before, now = other.get(name), config.get(name)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            changed += _differences(before, now, f"{prefix}{name}.")
        elif before != now:
            changed.append(f"{prefix}{name}={now}")
    return changed


def check_comparable(runs: pd.DataFrame) -> None:
    """Make sure that the runs of a strategy on a task differ only in the seed."""
    for (task, strategy), group in runs.groupby(["task", "strategy"], sort=False):
        first = group.iloc[0]
        for name in _SAME_WITHIN_A_STRATEGY:
            values = group[name].astype(str)
            if values.nunique() > 1:
                other = group[values != str(first[name])].iloc[0]
                raise AnalysisError(
                    f"{other['path']}: {name}={other[name]}: expected {first[name]} as in {first['path']} "
                    f"(task {task}, strategy {strategy}); give a variant its own strategy.label"
                )


def check_landscapes(runs: pd.DataFrame) -> None:
    """Make sure that a task has one recording; otherwise t* and the baseline would differ between runs."""
    for task, group in runs[runs["landscape"] != ""].groupby("task", sort=False):
        other = group[group["landscape"] != group["landscape"].iloc[0]]
        if len(other):
            raise AnalysisError(
                f"{other['path'].iloc[0]}: landscape_sha256={other['landscape'].iloc[0][:12]}: expected "
                f"{group['landscape'].iloc[0][:12]} as in {group['path'].iloc[0]} (task {task})"
            )
