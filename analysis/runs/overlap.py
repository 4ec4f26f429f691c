"""The tasks of a study on which its strategies' defaults were chosen; results on them are not a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import pandas as pd

from analysis.reference import device_of
from analysis.runs.contract import ConfigDocument

_MOST_NAMES = 3


def overlaps(
    runs: pd.DataFrame, protocol: Mapping[str, ConfigDocument], known: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """The tasks of the study on which each strategy's defaults were chosen, without strategies that have none.

    Args:
        runs, protocol: as in :class:`analysis.runs.load.Study`.
        known: ``_target_`` to patterns of tasks, for runs whose config.yaml does not say.
    """
    found: dict[str, list[str]] = {}
    for strategy, own in runs.groupby("strategy", sort=True):
        config = protocol[str(strategy)]
        patterns = config.get("chosen_on", known.get(str(config["strategy"].get("_target_")), ()))
        tasks = [task for task in sorted(set(own["task"])) if _named(task, patterns)]
        if tasks:
            found[str(strategy)] = tasks
    return found


def _named(task: str, patterns: Sequence[str]) -> bool:
    bare = task.removesuffix(f"__{device_of(task)}")
    return any(fnmatchcase(name, pattern) for name in (task, bare) for pattern in patterns)


def overlap_sentences(runs: pd.DataFrame, chosen: Mapping[str, Sequence[str]]) -> list[str]:
    """One sentence per group of strategies with the same tasks."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for strategy, tasks in chosen.items():
        groups.setdefault(tuple(tasks), []).append(strategy)
    said = []
    for tasks, strategies in groups.items():
        count = runs[runs["strategy"].isin(strategies)]["task"].nunique()
        names = ", ".join(tasks[:_MOST_NAMES]) + (" …" if len(tasks) > _MOST_NAMES else "")
        said.append(
            f"The defaults of {' and '.join(strategies)} were chosen on {len(tasks)} of the {count} tasks here "
            f"({names}): the numbers there are no test on new tasks."
        )
    return said
