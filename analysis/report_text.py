"""The words and cells of a report, made from the speedup table: nothing here is typed by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.aggregate import MIN_KERNELS
from analysis.ert import wilson
from analysis.reference import HEADLINE_TARGET
from analysis.time_to_target import AXES

CLAIM = (5.0, 10.0)
"""The claim under test: near-optimal settings 5-10 times faster than random search."""
AXIS_NAMES = {"evaluations": "evaluations", "seconds": "tuning seconds"}


@dataclass(frozen=True)
class SpeedupLine:
    """A line of the table that people read: one task and strategy, both axes."""

    task: str
    strategy: str
    stratum: str
    baseline: str
    hits: int
    runs: int
    hit_rate: str
    cells: dict[str, str]

    @property
    def aggregate(self) -> bool:
        return self.task == "ALL" or self.task.startswith("kernel:")


def speedup_cell(row: pd.Series) -> str:
    """``3.3× (1.2–8.9)``, ``< 0.8× (up to 3.1)``, ``> 4×``; ``?`` where nothing is known."""
    value, low, high = (float(row[name]) for name in ("speedup", "speedup_low", "speedup_high"))
    if row["bound"] == "upper":
        return f"< {_figure(value)}× (up to {_figure(high)})"
    if row["bound"] == "lower":
        return f"> {_figure(value)}× (from {_figure(low)})"
    if row["bound"] != "none" or np.isnan(value):
        return "?"
    return f"{_figure(value)}×" + ("" if np.isnan(low) else f" ({_figure(low)}–{_figure(high)})")


def _figure(value: float) -> str:
    """Two significant figures' worth: 0.46, 3.3, 15, 210."""
    return f"{value:.2f}" if value < 0.995 else f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def speedup_lines(table: pd.DataFrame, target: float = HEADLINE_TARGET) -> list[SpeedupLine]:
    """Tasks first, then kernels with several tasks, then ALL, over all strata; a line per strategy."""
    part = table[np.isclose(table["target"], target)]
    single = part["task"].str.startswith("kernel:") | (part["task"] == "ALL")
    part = part[~single | (part["stratum"] == "all")]
    kernels = part.loc[~single, "task"].drop_duplicates().str.split("-", n=1).str[0].value_counts()
    lines = []
    for (task, strategy), rows in part.groupby(["task", "strategy"], sort=False):
        name = str(task)
        if name.startswith("kernel:") and kernels.get(name.removeprefix("kernel:"), 0) < 2:
            continue  # it says what its only task says
        first = rows.iloc[0]
        low, high = wilson(int(first["hits"]), int(first["runs"]))
        by_axis = {axis: rows[rows["axis"] == axis] for axis in AXES}
        lines.append(
            SpeedupLine(
                task=name,
                strategy=str(strategy),
                stratum=str(first["stratum"]),
                baseline=str(first["baseline"]),
                hits=int(first["hits"]),
                runs=int(first["runs"]),
                hit_rate=f"{low:.0%}–{high:.0%}",
                cells={axis: speedup_cell(r.iloc[0]) if len(r) else "–" for axis, r in by_axis.items()},
            )
        )
    rank = {"k": 1, "A": 2}
    return sorted(lines, key=lambda line: rank["A" if line.task == "ALL" else "k"] if line.aggregate else 0)


def format_speedups(table: pd.DataFrame, target: float = HEADLINE_TARGET) -> str:
    """The compact table for the terminal."""
    lines = speedup_lines(table, target)
    if not lines:
        return "no speedup: neither a recorded table nor runs of the strategy random to compare with"
    head = [f"within {target:.0%} of the optimum", "strategy", "hits", "speedup: evaluations", "tuning seconds"]
    rows = [[x.task, x.strategy, f"{x.hits}/{x.runs}", x.cells["evaluations"], x.cells["seconds"]] for x in lines]
    previous = ""
    for row in rows:
        row[0], previous = ("" if row[0] == previous else row[0]), row[0]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    text = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in [head, ["─" * w for w in widths], *rows]
    ]
    baseline = " / ".join(sorted({line.baseline for line in lines}))
    return "\n".join([*text, f"over {baseline.replace('_', ' ')}; {interval_note(table)}"])


def interval_note(table: pd.DataFrame) -> str:
    """What the intervals speak of."""
    tasks = table.loc[~table["task"].str.startswith("kernel:") & (table["task"] != "ALL"), "task"]
    kernels = tasks.str.split("-", n=1).str[0].nunique()
    if kernels >= MIN_KERNELS:
        return f"95% intervals: tasks over seeds, ALL over kernels like these {kernels}"
    return f"95% intervals over seeds: with {kernels} kernel{'s' * (kernels != 1)}, ALL speaks of these tasks alone"


def judgement(row: pd.Series) -> str:
    """Where an aggregate's interval lies with respect to the claim of 5-10 times."""
    low, high = float(row["speedup_low"]), float(row["speedup_high"])
    if np.isnan(low) or np.isnan(high):
        return "no interval, so nothing can be said of the claimed 5–10×"
    if low >= CLAIM[0]:
        return "the interval lies above 5×"
    if high < CLAIM[0]:
        return "the interval lies below the claimed 5–10×"
    return "the interval includes 5×, so this does not decide the claim of 5–10×"


def verdict(table: pd.DataFrame, target: float = HEADLINE_TARGET) -> list[str]:
    """A sentence per strategy, the fastest first; ``random`` itself is a check and comes last."""
    whole = table[(table["task"] == "ALL") & (table["stratum"] == "all") & np.isclose(table["target"], target)]
    tasks = table[~table["task"].str.startswith("kernel:") & (table["task"] != "ALL")]
    sentences: list[tuple[bool, float, str]] = []
    for (strategy, baseline), rows in whole.groupby(["strategy", "baseline"], sort=True):
        of = tasks[(tasks["strategy"] == strategy) & (tasks["baseline"] == baseline)]
        number = of["task"].nunique()
        where = f"{number} task{'s' * (number != 1)} of {_kernels(of)}"
        against = "exact random search" if baseline == "exact_random" else "the runs of random search"
        ordered = rows.sort_values("axis")
        first = ordered.iloc[0]
        cells = [f"{speedup_cell(row)} in {AXIS_NAMES[str(row['axis'])]}" for _, row in ordered.iterrows()]
        if strategy == "random":
            text = f"As a check, random was {' and '.join(cells)} as fast as {against}; 1 is expected."
        else:
            text = (
                f"{strategy} came within {target:.0%} of the optimum {' and '.join(cells)} as fast as {against} "
                f"({where}; {int(first['hits'])} of {int(first['runs'])} runs hit): {judgement(first)}."
            )
        sentences.append((strategy == "random", -float(np.nan_to_num(first["speedup"])), text))
    return [text for _, _, text in sorted(sentences)]


def _kernels(tasks: pd.DataFrame) -> str:
    names = tasks["task"].str.split("-", n=1).str[0].nunique()
    return f"{names} kernel{'s' * (names != 1)}"
