"""The table of README.md: ``python -m experiments.asynchronous.table RESULTS --sequential STUDY [-o FILE]``.

RESULTS has runs on 16 workers, asynchronous and in batches; STUDY has runs of the same strategies on one worker. One
analysis gives all numbers: the ERT of exact random search over that of the strategy in tuning seconds, on 16 workers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.runs.load import Study, load_study
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM, Baseline
from analysis.study.results import analyse
from experiments.asynchronous.bound import rescheduled

WORKERS = 16
TARGET = 0.05
BOUND = "bound"
KINDS = (EXACT_RANDOM, EXACT_BY_PARAMETER)
COLUMNS = [
    "task", "strategy", "baseline", "stratum", "hits", "runs", "speedup", "speedup_low", "speedup_high", "bound",
    "refused",
]  # fmt: skip


def speedups(study: Study) -> pd.DataFrame:
    """task, strategy, baseline, stratum, hits, runs, speedup, speedup_low, speedup_high, bound: in tuning seconds."""
    results = analyse(study, [Baseline(EXACT_BY_PARAMETER)])
    tables = pd.concat([results.speedups, *results.others.values()])
    wanted = np.isclose(tables["target"], TARGET) & (tables["axis"] == "seconds") & tables["baseline"].isin(KINDS)
    return tables[wanted]


def of_strategies(study: Study, wanted: Sequence[str], tasks: Sequence[str]) -> Study:
    """Select the runs of some strategies on some tasks."""
    runs = study.runs[study.runs["strategy"].isin(wanted) & study.runs["task"].isin(tasks)]
    evaluations = study.evaluations[study.evaluations["run"].isin(runs.index)]
    number = pd.Series(np.arange(len(runs)), index=runs.index)
    evaluations = evaluations.assign(run=number.loc[evaluations["run"]].to_numpy())
    return replace(
        study, runs=runs.reset_index(drop=True).rename_axis("run"), evaluations=evaluations.reset_index(drop=True)
    )


def table(results: Sequence[Path], sequential: Path, strategy: str) -> pd.DataFrame:
    """Build a row per task and baseline: the bound, then each label of ``results``, then their shares of the bound."""
    study = load_study(results)
    tasks = sorted(study.runs["task"].unique())
    alone = of_strategies(load_study([sequential]), [strategy], tasks)
    bound = speedups(rescheduled(alone, WORKERS)).assign(strategy=BOUND)
    both = pd.concat([bound, speedups(study)])
    return both[both["task"].isin([*tasks, "ALL"])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--sequential", type=Path, default=Path("experiments/claim_5_10x/results"))
    parser.add_argument("--strategy", default="conditional_gp")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    found = table(arguments.results, arguments.sequential, arguments.strategy)
    for kind in KINDS:
        rows = found[(found["baseline"] == kind) & (found["stratum"] == "useful")]
        wide = rows.pivot_table(index="task", columns="strategy", values="speedup", sort=False)
        others = [name for name in wide.columns if name != BOUND]
        wide = wide[[BOUND, *others]]
        for name in others:
            wide[f"{name}/bound"] = wide[name] / wide[BOUND]
        print(f"\nover {kind}, {WORKERS} workers on both sides, tuning seconds, within {TARGET:.0%}")
        print(wide.to_string(float_format=lambda value: f"{value:.2f}"))
    if arguments.output:
        found[COLUMNS].to_csv(arguments.output, index=False, float_format="%.4g")
    return 0


if __name__ == "__main__":
    sys.exit(main())
