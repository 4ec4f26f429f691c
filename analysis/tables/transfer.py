"""The gain of tuning again: the optimum of one device on another, for tasks recorded on both."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from analysis.landscapes.compare import compare
from analysis.reference import device_of, space_rows, true_latency
from analysis.statistics import random_search
from analysis.study.results import StudyResults
from analysis.tables.table import Table, figure, text_rows


def transfer(results: StudyResults) -> Table | None:
    """One row per task and pair of devices; ``None`` if no task is recorded on two devices with keys to join them."""
    tables = {task: t for task, t in results.study.references.items() if "key" in t}
    rows = [
        row
        for one, other in permutations(sorted(tables), 2)
        if one.split("__", 1)[0] == other.split("__", 1)[0] and device_of(one) != device_of(other)
        for row in _row(one, other, tables[one], tables[other])
    ]
    if not rows:
        return None
    data = pd.DataFrame(rows)
    return Table(
        name="transfer",
        title="What tuning again gains: the optimum of one device on another",
        caption=(
            "Slowdown of the transferred optimum against the optimum of the second device: what tuning again can gain "
            "at most. Evaluations: expected number that exact random search needs there to find something faster than "
            "what was transferred. Spearman: rank correlation of all latencies."
        ),
        headers=("task", "from", "to", "slowdown", "gain", "evaluations until better", "Spearman"),
        rows=text_rows(
            [
                [r["task"], r["origin"], r["device"], _slowdown(r), _gain(r), _until(r), f"{r['spearman']:.2f}"]
                for r in rows
            ]
        ),
        data=data,
    )


def _row(one: str, other: str, giving: pd.DataFrame, taking: pd.DataFrame) -> list[dict[str, Any]]:
    comparison = compare(giving, taking)
    if comparison.a_on_b is None:
        return []
    latency = true_latency(space_rows(taking))
    carried = comparison.a_on_b.slowdown * float(true_latency(taking).min())
    better = int((latency < carried * (1 - 1e-12)).sum())
    return [
        {
            "task": one.split("__", 1)[0],
            "origin": device_of(one),
            "device": device_of(other),
            "slowdown": comparison.a_on_b.slowdown,
            "status": comparison.a_on_b.status,
            "better_configurations": better,
            "random_evaluations_until_better": random_search.mean(len(latency), better),
            "spearman": comparison.agreements["latency_ms", 1.0].spearman,
        }
    ]


def _slowdown(row: dict[str, Any]) -> str:
    return f"{row['slowdown']:.3f}×" if np.isfinite(row["slowdown"]) else f"fails ({row['status']})"


def _gain(row: dict[str, Any]) -> str:
    return f"{row['slowdown'] - 1:.1%}" if np.isfinite(row["slowdown"]) else "all"


def _until(row: dict[str, Any]) -> str:
    evaluations = row["random_evaluations_until_better"]
    return figure(evaluations) if np.isfinite(evaluations) else "none is better"
