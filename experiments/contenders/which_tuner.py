"""The page which_tuner.md: ``python -m experiments.contenders.which_tuner > experiments/contenders/which_tuner.md``.

Every number is computed from committed tables, and every recommendation is what ``nearopt tune`` does
(``harness.tuning.auto``).
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from analysis.media import markdown_table
from analysis.reference import stratum
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM
from experiments.ablation.unlisted import ratio
from experiments.contenders.table import BY_PARAMETER, EASY, HARD, UNIFORM, mean, with_interval
from harness.tuning.auto import ASK_S, LEAD, Choice, auto_strategy

EXPERIMENTS = Path(__file__).resolve().parents[1]
STUDY, TEST = (EXPERIMENTS / name / "report" for name in ("claim_5_10x", "claim_2"))
AXES = ("evaluations", "seconds")
BUDGETS = (10, 20, 40, 60, 120)  # the last is that of the runs
COSTS = (0.1, 1.0, 10.0)
OTHERS = ("pattern_search", "optuna_tpe", "rf_ei", "lfbo")
"""Strategies of the study that are shown beside conditional_gp."""


@dataclass(frozen=True)
class Case:
    """A reader's situation in words, and the arguments of :func:`auto_strategy` that describe it."""

    words: str
    given: Mapping[str, Any]
    options: str
    """The options to set besides the strategy."""

    @property
    def choice(self) -> Choice:
        """The choice of ``nearopt tune`` in this case."""
        return auto_strategy(**self.given)


def on_other_kernels() -> str:
    """The speedup of conditional_gp over uniform random search on the useful tasks of claim_2, with its interval."""
    rows = pd.read_csv(Path(__file__).with_name("all.csv"))
    own = rows.query("source == 'claim_2_later' and strategy == 'conditional_gp' and baseline == @EXACT_RANDOM")
    return with_interval(*mean(own[own["expected"].map(stratum) == "useful"]))


def crossover_s() -> float:
    """Seconds per evaluation, divided by the workers, below which asks of conditional_gp cost more than they save."""
    return ASK_S / (LEAD - 1)


def cases() -> list[Case]:
    """The cases in the order of the rule: budget, cost of an evaluation, space, workers."""
    usual = {"size": 3000, "evaluations": 100, "workers": 1, "evaluation_s": 1.0}
    cheap_ms = 1000 * crossover_s()
    return [
        Case("the budget covers the whole space", usual | {"size": 100}, "–"),
        Case(
            f"an evaluation takes less than {cheap_ms:.0f} ms times the workers (cached code, or a kernel for the CPU)",
            usual | {"evaluation_s": 0.9 * crossover_s()},
            "–",
        ),
        Case("a space that can be listed, one compile worker", usual, "start=default"),
        Case(
            "the same with several compile workers",
            usual | {"workers": 16, "evaluation_s": 2.0},
            "start=default workers=W schedule=async",
        ),
        Case("a space too large to list", usual | {"size": None}, "start=default"),
    ]


def contenders(speedups: pd.DataFrame, strata: pd.DataFrame) -> list[list[str]]:
    """One row per strategy: geometric means over tasks, intervals over seeds, as in README.md beside this file."""
    useful = set(strata.loc[strata["stratum"] == "useful", "task"])
    rows: list[tuple[float, list[str]]] = []
    for strategy, own in speedups.groupby("strategy"):
        uniform, by_parameter = (own[own["baseline"] == name] for name in (EXACT_RANDOM, EXACT_BY_PARAMETER))
        hard = by_parameter["ert"] * by_parameter["speedup"] >= HARD
        parts = (uniform[uniform["task"].isin(useful)], by_parameter[hard], by_parameter[~hard])
        means = [mean(part) for part in parts]
        rows.append((means[0][0], [str(strategy), *(with_interval(*each) for each in means)]))
    return [cells for _, cells in sorted(rows, key=lambda row: -row[0])]


def defaults_within(speedups: pd.DataFrame) -> str:
    """The number of recordings on which the declared default, which is evaluated first, is a hit."""
    first = speedups.query("strategy == 'random_from_default' and baseline == @EXACT_RANDOM")
    return f"{int(((first['hits'] == first['runs']) & (first['ert'] == 1)).sum())} of {len(first)}"


def of_study(verdict: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Speedup over uniform random search by strategy and axis: useful tasks, within 5%."""
    wanted = {"question": "these tasks", "stratum": "useful", "baseline": EXACT_RANDOM, "target": 0.05}
    cells = [cell for cell in verdict["cells"] if all(cell[name] == value for name, value in wanted.items())]
    return {(cell["strategy"], cell["axis"]): float(cell["speedup"]) for cell in cells}


def by_study(speedups: Sequence[Mapping[tuple[str, str], float]]) -> list[list[str]]:
    """One row per strategy: its speedups in each study on both axes, a dash if it was not run."""
    return [
        [name, *(f"{of[name, axis]:.2g}" if (name, axis) in of else "–" for of in speedups for axis in AXES)]
        for name in ("conditional_gp", *OTHERS)
    ]


def random_share(size: int, expected: float, budget: int) -> float:
    """Chance that uniform draws without replacement hit if the first hit is expected after ``expected`` draws."""
    hits = round((size + 1) / expected - 1)
    drawn = np.arange(budget)
    return 1.0 - float(np.prod(np.clip((size - hits - drawn) / (size - drawn), 0.0, None)))


def by_budget(runs: pd.DataFrame, expected: Mapping[str, float], sizes: Mapping[str, int]) -> list[list[str]]:
    """One row per budget: share of runs of conditional_gp within 5%, and of uniform random search by its law."""
    own = runs[runs["variant"] == "default"]
    names = sorted(own["landscape"].unique())
    rows = []
    for budget in BUDGETS:
        law = np.mean([random_share(sizes[name], expected[name], budget) for name in names])
        rows.append([str(budget), f"{(own['hit_5'] <= budget).mean():.0%}", f"{law:.0%}"])
    return rows


def cost_of_evaluation_s(runs: pd.DataFrame) -> float:
    """Mean tuning seconds of an evaluation of conditional_gp on recordings of Triton kernels, one worker."""
    own = runs[runs["variant"] == "default"]
    return float(own["spent_s"].sum() / own["hit_5"].fillna(BUDGETS[-1]).sum())


def by_cost(scaling: pd.DataFrame) -> list[list[str]]:
    """One row per strategy: speedup in tuning seconds with recorded costs times a factor and unscaled asks."""
    both = scaling[scaling["scaled"] == "compile and benchmark"]
    value = both.set_index(["strategy", "factor"])["speedup"]
    return [[name, *(f"{value[name, factor]:.2g}" for factor in COSTS)] for name in ("conditional_gp", *OTHERS)]


def by_workers(table: pd.DataFrame) -> list[list[str]]:
    """One row per schedule on 16 workers: speedups in tuning seconds over both kinds of random search on as many."""
    useful = table[(table["task"] == "ALL") & (table["stratum"] == "useful")]
    value = useful.set_index(["strategy", "baseline"])["speedup"]
    return [
        [words, *(f"{value[f'conditional_gp_{name}', kind]:.2g}" for kind in (EXACT_RANDOM, EXACT_BY_PARAMETER))]
        for words, name in (("schedule=async", "async"), ("schedule=batch", "batch"))
    ]


def _sizes(expected: pd.DataFrame) -> dict[str, int]:
    """Configurations of every landscape that the table names, from the recordings' metadata."""
    return {name: pq.read_metadata(EXPERIMENTS / f"landscapes/{name}.parquet").num_rows for name in expected["task"]}


def page() -> str:
    """The text of which_tuner.md."""
    workers = pd.read_csv(EXPERIMENTS / "asynchronous/table.csv")
    runs = pd.read_csv(EXPERIMENTS / "ablation/results.csv")
    expected = pd.read_csv(STUDY / "tables/random-suffices.csv")
    expected = expected[expected["task"].str.contains("__")]
    laws = dict(zip(expected["task"], expected["expected_evaluations"], strict=True))
    lead = ratio(list(csv.DictReader((EXPERIMENTS / "ablation/unlisted.csv").open(encoding="utf-8"))), "optuna_tpe")
    shown = "" if lead.low > 1.0 else ": a lead is likely but not shown"
    study, test = (of_study(json.loads((of / "verdict.json").read_text(encoding="utf-8"))) for of in (STUDY, TEST))
    speedups = pd.read_csv(EXPERIMENTS / "contenders/speedups.csv")
    rule = markdown_table(
        ["your case", "strategy", "also set", "why"],
        [[case.words, case.choice.strategy, case.options, case.choice.reason] for case in cases()],
    )
    spaces = markdown_table(
        ["strategy", f"over {UNIFORM}", f"over {BY_PARAMETER}", f"over {EASY}"], contenders(speedups, workers)
    )
    others = markdown_table(
        ["strategy", *(f"{where}, {axis}" for where in ("study", "other kernels") for axis in AXES)],
        by_study([study, test]),
    )
    budgets = markdown_table(
        ["evaluations", "conditional_gp", "uniform random search"], by_budget(runs, laws, _sizes(expected))
    )
    costs = markdown_table(
        ["strategy", *(f"× {factor:g}" for factor in COSTS)], by_cost(pd.read_csv(STUDY / "tables/cost-scaling.csv"))
    )
    schedules = markdown_table(["conditional_gp with", "over uniform", "over by parameter"], by_workers(workers))
    return f"""# Which tuner should I use?

Printed by `python -m experiments.contenders.which_tuner` from committed results; a test compares the two. The first
case that fits decides, as in `nearopt tune` (`harness/tuning/auto.py`). Speedups say how many times as fast as random
search a strategy comes within 5% of the optimum.

{rule}

start=default evaluates the configuration that a kernel declares first. `nearopt tune` does so wherever one is declared,
and uses up to 16 compile workers.

**Expect smaller speedups on kernels that are not in these tables.** The defaults of conditional_gp, and the weights of
the rules of thumb that it knows, were chosen, with other seeds, on the recordings of attention, matmul and softmax that
most of these numbers come from. On ten kernels that were not used for this choice
([claim_2](../claim_2/README.md#later-defaults)) it is {on_other_kernels()} times as fast as uniform random search.

## The space
Spaces that can be listed, in evaluations, 120 at most ([how](README.md)). *By parameter*: random search that draws each
active parameter uniformly. Where that needs fewer than {HARD:.0f} evaluations, there is little to gain. ≤: an upper
bound, because a task was never solved.

{spaces}

The next table adds strategies that were not run there. It compares them with uniform random search on useful tasks of
the [study](../claim_5_10x/README.md) of the four development kernels and of the ten [other
kernels](../claim_2/README.md), both with earlier versions of conditional_gp, without rules of thumb.

{others}

Where the space cannot be listed, optuna_tpe needs {lead} times the
evaluations of conditional_gp ({lead.tasks} padded tasks, [ablation](../ablation/README.md)){shown}.

## The budget
Share of runs that are within 5% after a number of evaluations, on the eight useful recordings of the
[ablation](../ablation/README.md), without a default to begin with:

{budgets}

If the kernel declares a default, begin with it: on {defaults_within(speedups)} recordings the default itself is
within 5%.

## The cost of an evaluation
An ask of conditional_gp takes {1000 * ASK_S:.0f} ms beside live work. It needs {1 - 1 / LEAD:.0%} fewer evaluations
than pattern_search, the fastest strategy whose asks cost nothing (in the study, whose version of conditional_gp knew
no rules of thumb); both take equally long if an evaluation takes
{1000 * crossover_s():.0f} ms on one worker. The recorded Triton kernels take {cost_of_evaluation_s(runs):.1f} s,
most of it compiling. The table is over all 24 tasks of the study, in tuning seconds; asks are charged as
measured, other costs as recorded, times a factor:

{costs}

## The workers
With 16 compile workers, in tuning seconds, over random search on as many ([asynchronous](../asynchronous/README.md),
useful tasks):

{schedules}
"""


if __name__ == "__main__":
    sys.stdout.write(page())
