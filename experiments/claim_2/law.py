"""How the speedup grows with difficulty: ``python -m experiments.claim_2.law SPEEDUPS… -o FOLDER``.

SPEEDUPS are tables of speedups over exact random search within 5%, in evaluations: a report's ``speedups.csv`` or that
of the contenders. One regression a baseline, over the exhaustively recorded H100 tasks: log speedup on the log of
random search's expected evaluations (ERT at the budget), the same with the number of parameters, the number of
conditional ones and the share of failures beside it, and the same over the first table alone: the study's own kernels.
A task that was never solved has a bound for a speedup; it is left out, and said. A kernel's tasks are not
independent, so that intervals come from leaving out one kernel at a time (delete-one jackknife; Shao & Tu 1995, section
2.1), with the t distribution of one degree of freedom fewer than kernels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import t

from analysis.figures.scales import log_x, speedup_axis
from analysis.figures.style import paper, save
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM
from harness.landscapes.landscape import Landscape, read_landscape

Floats = NDArray[np.float64]
LANDSCAPES = Path(__file__).parents[1] / "landscapes"
BASELINES = {EXACT_RANDOM: "uniform", EXACT_BY_PARAMETER: "by parameter"}
MORE = ("parameters", "conditional", "failed")
ALONE, ADJUSTED, STUDY = "alone", "with the others", "alone, first table"
MARKERS = "osD^v<>pPX*hd8"
COLOURS = tuple(f"C{i % 7}" for i in range(len(MARKERS)))


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients of a regression, [p], with the bounds of their 95% intervals over kernels."""

    names: tuple[str, ...]
    estimate: Floats
    low: Floats
    high: Floats


def least_squares(x: Floats, y: Floats) -> Floats:
    """Coefficients of y [n] on x [n, p]."""
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0])


def over_kernels(names: Sequence[str], x: Floats, y: Floats, kernels: Sequence[str]) -> Fit:
    """The regression of y [n] on x [n, p], whose rows belong to ``kernels`` [n].

    Raises:
        ValueError: with fewer than three kernels.
    """
    groups = np.array(kernels)
    labels = np.unique(groups)
    k = len(labels)
    if k < 3:
        raise ValueError(f"{k} kernels: expected 3 or more, which the spread between them needs")
    without = np.array([least_squares(x[groups != label], y[groups != label]) for label in labels])
    variance = (k - 1) / k * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    estimate = least_squares(x, y)
    half = t.ppf(0.975, k - 1) * np.sqrt(variance)
    return Fit(tuple(names), estimate, estimate - half, estimate + half)


def facts(landscape: Landscape) -> dict[str, float]:
    """Of a task: its parameters, how many have a condition, and the share of failures."""
    parameters = landscape.space.parameters
    return {
        "parameters": len(parameters),
        "conditional": sum(parameter.condition is not None for parameter in parameters),
        "failed": float(np.isnan(np.asarray(landscape.oracle_ms, dtype=np.float64)).mean()),
    }


def tasks(tables: Sequence[Path], strategy: str, elsewhere: str | None = None) -> pd.DataFrame:
    """A row a task and baseline: speedup, ``expected`` evaluations of random search, whether it is of the first table,
    and the facts of the task. Without ``hits`` the speedup is an upper bound.

    Args:
        elsewhere: what the strategy is called in the tables after the first; the same by default.
    """
    rows = []
    for number, path in enumerate(tables):
        table = pd.read_csv(path)
        if "target" in table:
            table = table[np.isclose(table["target"], 0.05) & (table["axis"] == "evaluations")]
        name = elsewhere if elsewhere is not None and number else strategy
        table = table[(table["strategy"] == name) & table["baseline"].isin(BASELINES)].assign(first=number == 0)
        rows.append(table[table["task"].str.endswith("__h100")])
    found = pd.concat(rows, ignore_index=True).drop_duplicates(["task", "baseline"])
    found["expected"] = found["speedup"] * found["ert"]
    found["kernel"] = found["task"].str.partition("-")[0]
    read = {task: read_landscape(LANDSCAPES / f"{task}.parquet") for task in found["task"].unique()}
    exhaustive = [task for task, landscape in read.items() if landscape.exhaustive]
    found = found[found["task"].isin(exhaustive)]
    of_tasks = pd.DataFrame.from_dict({task: facts(read[task]) for task in exhaustive}, orient="index")
    return found.join(of_tasks, on="task")


def fits(found: pd.DataFrame) -> dict[str, dict[str, Fit]]:
    """By baseline: the regression on difficulty alone, with the other facts beside it, and on difficulty over the
    tasks of the first table, where there are others.

    Args:
        found: tasks with hits; see :func:`tasks`.
    """
    result: dict[str, dict[str, Fit]] = {}
    for baseline, rows in found.groupby("baseline"):
        y = np.log(rows["speedup"].to_numpy(np.float64))
        difficulty = np.log(rows["expected"].to_numpy(np.float64) / 100.0)
        more = rows[list(MORE)].to_numpy(np.float64)
        more = more - more.mean(axis=0)
        one = np.ones(len(rows))
        kernels = rows["kernel"].tolist()
        names, alone = ("at 100", "difficulty"), np.column_stack([one, difficulty])
        result[str(baseline)] = {
            ALONE: over_kernels(names, alone, y, kernels),
            ADJUSTED: over_kernels((*names, *MORE), np.column_stack([alone, more]), y, kernels),
        }
        first = rows["first"].to_numpy(bool)
        if not first.all():
            own = rows.loc[first, "kernel"].tolist()
            result[str(baseline)][STUDY] = over_kernels(names, alone[first], y[first], own)
    return result


def table(found: pd.DataFrame) -> pd.DataFrame:
    """A row a baseline, model and coefficient with its interval; ``at 100`` is a factor, the others are exponents."""
    rows = []
    for baseline, models in fits(found).items():
        for model, fit in models.items():
            for i, name in enumerate(fit.names):
                values = np.array([fit.estimate[i], fit.low[i], fit.high[i]])
                estimate, low, high = np.exp(values) if name == "at 100" else values
                rows.append((BASELINES[baseline], model, name, estimate, low, high))
    return pd.DataFrame(rows, columns=["baseline", "model", "coefficient", "estimate", "low", "high"])


def sentence(strategy: str, baseline: str, fit: Fit) -> str:
    """What a reader can use."""
    (level, slope), (_, low), (_, high) = fit.estimate, fit.low, fit.high
    at = ", ".join(f"{np.exp(level) * (x / 100) ** slope:.1f} times where it needs {x}" for x in (30, 100, 300, 1000))
    return (
        f"over random search {BASELINES[baseline]}, {strategy} is about {at} evaluations: "
        f"the speedup grows as its power of {slope:.2f} ({low:.2f} to {high:.2f})"
    )


def left_out(found: pd.DataFrame) -> str:
    """The tasks that were never solved, of which the regression has none; nothing where there are none."""
    never = sorted(found.loc[found["hits"] == 0, "task"].unique())
    if not never:
        return ""
    return f"left out, never solved: {len(never)} of {found['task'].nunique()} tasks ({', '.join(never)})"


def draw(found: pd.DataFrame, strategy: str) -> Figure:
    """Speedup against difficulty, a panel a baseline, a dot a task.

    Kernels of the first table have a marker and a colour each, and the solid line of their own regression; the others
    are grey, and the dashed line is the regression over all.
    """
    models = fits(found)
    kernels = sorted(found.loc[found["first"], "kernel"].unique())
    with paper():
        figure = Figure(figsize=(7.0, 3.0), layout="constrained")
        panels = figure.subplots(1, len(BASELINES), sharey=True)
        for panel, (baseline, words) in zip(panels, BASELINES.items(), strict=True):
            rows = found[found["baseline"] == baseline]
            others = rows[~rows["first"]]
            if len(others):
                panel.plot(others["expected"], others["speedup"], "o", mfc="none", mec="0.6", ms=4, label="development")
                _line(panel, rows, models[baseline][ALONE], color="0.6", ls="--", label="all kernels")
            for kernel, marker, colour in zip(kernels, MARKERS, COLOURS, strict=False):
                of = rows[rows["kernel"] == kernel]
                panel.plot(of["expected"], of["speedup"], ls="", marker=marker, color=colour, ms=4.5, label=kernel)
            own = models[baseline].get(STUDY, models[baseline][ALONE])
            _line(panel, rows[rows["first"]], own, color="0.2", ls="-", label="these kernels")
            panel.axhline(1.0, color="0.8", lw=0.8, zorder=0)
            log_x(panel, 0.8 * rows["expected"].min(), 1.25 * rows["expected"].max())
            speedup_axis(panel, 0.8 * found["speedup"].min(), 1.25 * found["speedup"].max(), "y")
            panel.set_xlabel(f"evaluations that random search needs,\n{words}")
        panels[0].set_ylabel(f"speedup of {strategy}")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", fontsize=7, frameon=False)
    return figure


def _line(panel: Axes, rows: pd.DataFrame, fit: Fit, color: str, ls: str, label: str) -> None:
    """The regression on difficulty over the range of ``rows``."""
    x = np.array([rows["expected"].min(), rows["expected"].max()])
    level, slope = fit.estimate
    panel.plot(x, np.exp(level) * (x / 100) ** slope, color=color, ls=ls, lw=1, label=label)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("speedups", type=Path, nargs="+")
    parser.add_argument("--strategy", default="conditional_gp")
    parser.add_argument("--elsewhere", metavar="NAME", help="its name in the tables after the first")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args(given)
    for path in arguments.speedups:
        if not path.is_file():
            parser.error(f"{path}: no such file: expected a table of speedups")
    known = sorted({name for path in arguments.speedups for name in pd.read_csv(path)["strategy"]})
    if arguments.strategy not in known:
        parser.error(f"--strategy {arguments.strategy}: not in these tables: expected one of {', '.join(known)}")
    if arguments.elsewhere is not None and arguments.elsewhere not in known:
        parser.error(f"--elsewhere {arguments.elsewhere}: not in these tables: expected one of {', '.join(known)}")
    every = tasks(arguments.speedups, arguments.strategy, arguments.elsewhere)
    found = every[every["hits"] > 0]
    arguments.output.mkdir(parents=True, exist_ok=True)
    columns = ["task", "kernel", "first", "baseline", "expected", "speedup", *MORE]
    save(draw(found, arguments.strategy), arguments.output / "law", found[columns])
    table(found).to_csv(arguments.output / "law-fit.csv", index=False, float_format="%.4g")
    print(table(found).to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    for baseline, models in fits(found).items():
        for name, whose in ((STUDY, "these kernels alone"), (ALONE, "all kernels")):
            if name in models:
                print(f"{whose}: {sentence(arguments.strategy, baseline, models[name])}")
    if said := left_out(every):
        print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
