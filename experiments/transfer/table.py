"""The results: ``python -m experiments.transfer.table runs.csv [-o FOLDER]`` prints the tables and the verdicts.

With ``-o`` it writes ``summary.csv`` and ``harm.csv`` there. ``--claims FILE`` judges the claims of another hypothesis
file, such as dtype.yaml.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from analysis.media import markdown_table
from analysis.statistics.non_inferiority import non_inferiority
from analysis.statistics.random_search import mean as random_mean
from experiments.transfer.replays import EVALUATIONS, MOMENTS, NEAR
from experiments.transfer.study import development
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape
from harness.system.terminal import say

HYPOTHESIS = Path(__file__).with_name("hypothesis.yaml")
AFTER = [f"after_{moment}" for moment in MOMENTS]


def hypothesis(path: Path = HYPOTHESIS) -> Mapping[str, Any]:
    """Read a hypothesis file, by default the one that was registered first."""
    document: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def runs_of(path: Path) -> pd.DataFrame:
    """Read a row per group, task and way: ``kernel``, ``evaluations`` (array; 121: a miss), ``mean`` and ``hit``."""
    table = pd.read_csv(path, dtype={"hits": str, "seconds": str}, keep_default_na=False)
    evaluations = [counted(hits) for hits in table["hits"]]
    return table.assign(
        kernel=table["task"].str.partition("-")[0],
        evaluations=pd.Series(evaluations, index=table.index, dtype=object),
        mean=[float(one.mean()) for one in evaluations],
        runs=[len(one) for one in evaluations],
        hit=[int((one <= EVALUATIONS).sum()) for one in evaluations],
        tuning_s=[float(np.mean([float(value) for value in text.split()])) for text in table["seconds"]],
        **{name: table[name].astype(float) for name in AFTER},
    )


def counted(hits: str) -> NDArray[np.int64]:
    """Return the evaluations to the target by seed; a miss, 0, counts as one more than the budget."""
    values = np.array([int(value) for value in hits.split()])
    return np.where(values == 0, EVALUATIONS + 1, values)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Build a row per group, kernel (``all``: every task) and way. ``ratio`` is the geometric mean over tasks of the
    mean evaluations divided by those of cold runs; nan if a task has no cold runs."""
    cold = table[table["group"] == "cold"].set_index("task")["mean"]
    rows = []
    for kernel in [*dict.fromkeys(table["kernel"]), "all"]:
        part = table if kernel == "all" else table[table["kernel"] == kernel]
        for (group, way), own in part.groupby(["group", "way"], sort=False):
            against = cold.reindex(own["task"]).to_numpy()
            every = np.concatenate(own["evaluations"].tolist())
            rows.append(
                {
                    "group": group,
                    "kernel": kernel,
                    "way": way,
                    "tasks": len(own),
                    "runs": int(own["runs"].sum()),
                    "hits": int(own["hit"].sum()),
                    "median": float(np.median(every)),
                    "mean": float(own["mean"].mean()),
                    "ratio": float(np.exp(np.log(own["mean"].to_numpy() / against).mean())),
                    "seconds": float(own["tuning_s"].mean()),
                    **{name: float(np.exp(np.log(own[name]).mean())) for name in AFTER},
                }
            )
    return pd.DataFrame(rows)


def harm(table: pd.DataFrame) -> pd.DataFrame:
    """Build a row per misleading group and way: the tasks' losses against cold, in their margins, and the test."""
    said = hypothesis()["harm"]
    margin, groups = said["margin"], said["groups"]
    cold = table[table["group"] == "cold"].set_index("task")["mean"]
    rows = []
    for (group, way), own in table[table["group"].isin(groups)].groupby(["group", "way"], sort=False):
        against = cold.reindex(own["task"]).to_numpy()
        margins = np.maximum(margin["evaluations"], margin["share"] * against)
        lost = own["mean"].to_numpy() - against
        known = np.isfinite(lost)
        test = non_inferiority((lost / margins)[known].tolist())
        rows.append(
            {
                "group": group, "way": way, "tasks": test.units, "without cold": int((~known).sum()),
                "evaluations lost": float(lost[known].mean()), "in margins": test.mean, "bound": test.bound,
                "p": test.p, "shown": test.shown, "power": test.power(), "tasks beyond": int((lost > margins).sum()),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def random_search(task: str) -> float:
    """Return the mean number of evaluations that exact random search needs to come within 5%."""
    landscape = read_landscape(find_landscape(*task.split("__")))
    true = landscape.oracle_ms[landscape.searchable]
    return random_mean(len(true), int((true <= NEAR * np.nanmin(landscape.oracle_ms)).sum()))


def verdicts(table: pd.DataFrame, said: Mapping[str, Any] | None = None) -> list[str]:
    """One line per claim, by default of the registered hypothesis, and one per test of harm."""
    said = said or hypothesis()
    lines = []
    cold = table[table["group"] == "cold"].set_index("task")["mean"]
    for claim in said["claims"]:
        own = table[
            (table["group"] == claim["group"])
            & (table["way"] == said["strategy"])
            & table["kernel"].isin(claim["kernels"])
        ]
        if own.empty:
            lines.append(f"{claim['name']}: no runs")
            continue
        if claim["statistic"] == "median":
            medians = np.array([np.median(one) for one in own["evaluations"]])
            value, beyond = float(np.median(np.concatenate(own["evaluations"].tolist()))), medians > claim["at_most"]
        else:
            ratios = own["mean"].to_numpy() / cold.reindex(own["task"]).to_numpy()
            value, beyond = float(np.exp(np.log(ratios).mean())), ratios > claim["at_most"]
        reached = "reached" if value <= claim["at_most"] else "not reached"
        tasks = ", ".join(own["task"][beyond])
        lines.append(
            f"{claim['name']}: {claim['statistic']} {value:.2f}, at most {claim['at_most']:g}: {reached}; "
            f"{int(beyond.sum())} of {len(own)} tasks beyond{f': {tasks}' if tasks else ''}"
        )
    return [*lines, *map(_told, harm(table).to_dict("records"))]


def told_apart(table: pd.DataFrame, chosen_on: Collection[str]) -> str:
    """State the ratio of the claims' strategy on the tasks on which designs were chosen, and on the others."""
    cold = table[table["group"] == "cold"].set_index("task")["mean"]
    own = table[(table["group"] == "shape") & (table["way"] == hypothesis()["strategy"])]
    logs = np.log(own["mean"].to_numpy() / cold.reindex(own["task"]).to_numpy())
    chosen = own["task"].isin(list(chosen_on)).to_numpy()
    parts = []
    for kernel in ("all", *dict.fromkeys(own["kernel"])):
        of = (own["kernel"] == kernel).to_numpy() | (kernel == "all")
        on, off = (_mean_ratio(logs[of & side]) for side in (chosen, ~chosen))
        parts.append(f"{kernel} {on} and {off}")
    return "ratio to another shape on tasks that designs were chosen on, and on the others: " + ", ".join(parts)


def _mean_ratio(logs: NDArray[np.float64]) -> str:
    return f"{np.exp(logs.mean()):.2f} (tasks: {len(logs)})" if len(logs) else "–"


def _told(row: Mapping[Any, Any]) -> str:
    return (
        f"harm, {row['group']}, {row['way']}: {row['evaluations lost']:+.1f} evaluations, {row['in margins']:+.2f} "
        f"margins (at most {row['bound']:+.2f}), p = {row['p']:.2g}, power {row['power']:.2f}: "
        f"{'no harm shown' if row['shown'] else 'not shown'}; {row['tasks beyond']} of {row['tasks']} tasks beyond"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="experiments.transfer.table", description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("-o", type=Path, help="folder for summary.csv and harm.csv")
    parser.add_argument("--claims", type=Path, default=HYPOTHESIS, help="hypothesis file with the claims to judge")
    given = parser.parse_args(arguments)
    for file, expected in ((given.runs, "what experiments.transfer.study wrote"), (given.claims, "a hypothesis file")):
        if not file.is_file():
            parser.error(f"{file}: no such file: expected {expected}")
    table = runs_of(given.runs)
    found = summary(table)
    if given.o is not None:
        found.round(4).to_csv(given.o / "summary.csv", index=False)
        harm(table).round(4).to_csv(given.o / "harm.csv", index=False)
    shown = found.round(2).astype(str)
    say(markdown_table(list(shown.columns), shown.to_numpy().tolist()))
    tasks = list(dict.fromkeys(table["task"]))
    exact = np.mean([min(random_search(task), EVALUATIONS + 1) for task in tasks])
    say(f"\nexact random search, mean of {len(tasks)} tasks, at most {EVALUATIONS + 1}: {exact:.0f}\n")
    for line in verdicts(table, hypothesis(given.claims)):
        say(line)
    if "shape" in set(table["group"]):
        say(told_apart(table, development()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
