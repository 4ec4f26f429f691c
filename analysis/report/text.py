"""The sentences and cells of a report, made from the speedup table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.media import aligned, printable
from analysis.reference import HEADLINE_TARGET, STRATA, kernel_of
from analysis.runs.told import Account
from analysis.statistics.ert import wilson
from analysis.study.aggregate import MIN_KERNELS
from analysis.study.time_to_target import AXES
from analysis.study.workers import axis_words_of, clock_words
from analysis.tables.table import times_cell

_MOST_LINES = 60


@dataclass(frozen=True)
class SpeedupLine:
    """A line of the printed table: one task and strategy, both axes.

    ``workers``: compile workers of the strategy and of random search; nan if the tasks differ in them.
    """

    task: str
    strategy: str
    stratum: str
    baseline: str
    hits: int
    runs: int
    hit_rate: str
    cells: dict[str, str]
    lacking: str = ""
    workers: tuple[float, float] = (float("nan"), float("nan"))

    @property
    def counts(self) -> str:
        """The hits over the runs, ``5/12``, and how many runs are not done: ``5/12 (7 failed)``."""
        return f"{self.hits}/{self.runs}" + (f" ({self.lacking})" if self.lacking else "")

    @property
    def heading(self) -> str:
        """The task with its stratum, or the name of the aggregate."""
        if self.task == "ALL":
            return "ALL tasks" if self.stratum == "all" else f"ALL {self.stratum} tasks"
        return f"all of {self.task.removeprefix('kernel:')}" if self.aggregate else f"{self.task} ({self.stratum})"

    @property
    def aggregate(self) -> bool:
        return self.task == "ALL" or self.task.startswith("kernel:")


def speedup_cell(row: pd.Series) -> str:
    """A speedup as text: ``3.3× (1.2–8.9)``, ``< 0.8× (up to 3.1)``, ``> 4×``; ``?`` if it is not known."""
    value, low, high = (float(row[name]) for name in ("speedup", "speedup_low", "speedup_high"))
    return times_cell(value, low, high, str(row["bound"]))


def speedup_lines(
    table: pd.DataFrame, target: float = HEADLINE_TARGET, account: Account | None = None
) -> list[SpeedupLine]:
    """The lines of a table: tasks, then kernels with several tasks, then ALL, also by stratum if there are several.

    Args:
        account: the study's account of runs, so that each line shows how many runs failed or are missing.
    """
    part = table[np.isclose(table["target"], target)]
    single = part["task"].str.startswith("kernel:") | (part["task"] == "ALL")
    several = part.loc[~single, "stratum"].nunique() > 1
    part = part[~single | (part["stratum"] == "all") | ((part["task"] == "ALL") & several)]
    kernels = part.loc[~single, "task"].drop_duplicates().map(kernel_of).value_counts()
    counted = counted_in(table, account) if account else {}
    lines = []
    for (task, stratum, strategy), rows in part.groupby(["task", "stratum", "strategy"], sort=False):
        name = str(task)
        if name.startswith("kernel:") and kernels.get(name.removeprefix("kernel:"), 0) < 2:
            continue  # equal to the line of its only task
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
                workers=(float(first["workers"]), float(first["baseline_workers"])),
                lacking=account.short(counted[name, str(stratum)], str(strategy)) if account else "",
            )
        )
    return sorted(lines, key=_rank)


def counted_in(table: pd.DataFrame, account: Account | None = None) -> dict[tuple[str, str], set[str]]:
    """The tasks that each row of a speedup table covers, by the row's task and stratum.

    Args:
        account: names tasks on which nothing was run; rows over several tasks count them too.
    """
    rows = set(zip(table["task"].astype(str), table["stratum"].astype(str), strict=True))
    single = {row for row in rows if row[0] != "ALL" and not row[0].startswith("kernel:")}
    never = account.tasks() - account.begun() if account else set()

    def tasks(name: str, stratum: str) -> set[str]:
        if (name, stratum) in single:
            return {name}
        names = {task for task, of in single if stratum in ("all", of)} | never
        return names if name == "ALL" else {task for task in names if f"kernel:{kernel_of(task)}" == name}

    return {row: tasks(*row) for row in rows}


def _rank(line: SpeedupLine) -> tuple[int, int]:
    if not line.aggregate:
        return 0, 0
    strata = [*STRATA, "unknown", "all"]
    return (2, strata.index(line.stratum)) if line.task == "ALL" else (1, 0)


def format_speedups(table: pd.DataFrame, target: float = HEADLINE_TARGET, account: Account | None = None) -> str:
    """The compact table for the terminal; for a large study, only the aggregates."""
    lines = speedup_lines(table, target, account)
    if len(lines) > _MOST_LINES:
        lines = [line for line in lines if line.aggregate]
    if not lines:
        return "no speedup: there is neither a recorded table nor a run of the strategy random to compare with"
    near, clock = f"within {target:.0%} of the optimum", seconds_heading(lines)
    head = [near, "strategy", "hits", "speedup: evaluations", clock]
    rows = [[_short(x), x.strategy, x.counts, x.cells["evaluations"], x.cells["seconds"]] for x in lines]
    previous = ""
    for row in rows:
        row[0], previous = ("" if row[0] == previous else row[0]), row[0]
    first, *text = aligned([head, *rows], left=len(head))
    rule = "  ".join("─" * max(len(printable(row[i])) for row in [head, *rows]) for i in range(len(head)))
    text = [first, rule, *text]
    baseline = " / ".join(sorted({line.baseline for line in lines}))
    return "\n".join([*text, f"over {baseline.replace('_', ' ')}; {interval_note(table)}"])


def seconds_heading(lines: Collection[SpeedupLine]) -> str:
    """The heading of the column of seconds, with the compile workers of both sides."""
    return clock_words(line.workers for line in lines)


def _short(line: SpeedupLine) -> str:
    return line.task if line.task != "ALL" or line.stratum == "all" else f"ALL {line.stratum}"


def interval_note(table: pd.DataFrame) -> str:
    """The sentence that says what the intervals cover."""
    tasks = table.loc[~table["task"].str.startswith("kernel:") & (table["task"] != "ALL"), "task"]
    kernels = tasks.map(kernel_of).nunique()
    if kernels >= MIN_KERNELS:
        return f"95% intervals: tasks over seeds; ALL over kernels like these {kernels}, with equal weight per task"
    return f"95% intervals over seeds: with {kernels} kernel{'s' * (kernels != 1)}, ALL covers only these tasks"


def sentences(table: pd.DataFrame, counted: Collection[str], target: float = HEADLINE_TARGET) -> list[str]:
    """One sentence per strategy; see :func:`ranked_sentences`."""
    return [text for _, text in ranked_sentences(table, counted, target)]


def ranked_sentences(
    table: pd.DataFrame, counted: Collection[str], target: float = HEADLINE_TARGET
) -> list[tuple[str, str]]:
    """Pairs of strategy and sentence: known speedups before bounds, more tasks before fewer, the fastest first.

    ``random`` itself is a check and comes last. ``counted``: the tasks that ``ALL`` covers.
    """
    whole = table[(table["task"] == "ALL") & (table["stratum"] == "all") & np.isclose(table["target"], target)]
    tasks = table[table["task"].isin(list(counted))]
    ranked: list[tuple[tuple[bool, bool, int, float], str, str]] = []
    for (strategy, baseline), rows in whole.groupby(["strategy", "baseline"], sort=True):
        of = tasks.loc[(tasks["strategy"] == strategy) & (tasks["baseline"] == baseline), "task"].drop_duplicates()
        first = rows.sort_values("axis").iloc[0]
        bounded = bool((rows["bound"] != "none").any())
        rank = (strategy == "random", bounded, -len(of), -float(np.nan_to_num(first["speedup"])))
        text = _sentence(str(strategy), str(baseline), rows.sort_values("axis"), of, target)
        ranked.append((rank, str(strategy), text))
    return [(strategy, text) for _, strategy, text in sorted(ranked)]


_UNSOLVED = {
    "upper": "it never solved some task",
    "lower": "random search never solved some task",
    "unknown": "some task was solved by neither side, or each side solved a task that the other did not",
}


def _sentence(strategy: str, baseline: str, rows: pd.DataFrame, tasks: pd.Series[str], target: float) -> str:
    against = "exact random search" if baseline == "exact_random" else "the runs of random search"
    first = rows.iloc[0]
    cells = " and ".join(f"{speedup_cell(row)} in {axis_words_of(row)}" for _, row in rows.iterrows())
    kernels = tasks.map(kernel_of).nunique()
    where = f"{_count(len(tasks), 'task')} of {_count(kernels, 'kernel')}"
    hits = f"{int(first['hits'])} of {_count(int(first['runs']), 'run')} hit"
    refused = str(first["refused"])
    note = f"; {refused}, so no interval is given" if refused else ""
    if strategy == "random":
        return f"As a check, random against {against} ({where}; {hits}): {cells}; 1 is expected{note}."
    if (rows["bound"] == "unknown").any():
        return f"{strategy} ({where}; {hits}): no speedup over {against} can be stated; {_UNSOLVED['unknown']}."
    if (rows["bound"] != "none").any():
        reason = f"{_UNSOLVED[str(rows.loc[rows['bound'] != 'none', 'bound'].iloc[0])]}, so the speedup is only bounded"
        return f"{strategy} ({where}; {hits}): {reason}: {cells} relative to {against}{note}."
    return f"{strategy} came within {target:.0%} of the optimum {cells} as fast as {against} ({where}; {hits}){note}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
