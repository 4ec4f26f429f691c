"""Keep of many runs what the table needs: ``python -m experiments.contenders.times RESULTS… -o CSV.GZ``.

RESULTS are folders of runs, or earlier such files. The compressed CSV file has a row for each strategy, task, axis and
target: the protocol of its runs, and one column a seed with the time to the target, in evaluations or in seconds of the
tuning clock. ``>120`` is a run that spent 120 without coming within the target. Seeds on which a strategy has not run
on every task are left out and counted, so that every task of a strategy has the same seeds.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.reference import HEADLINE_TARGET, kernel_of
from analysis.runs.load import Study, load_study
from analysis.runs.rules import NO_RULES
from analysis.runs.writing import write_bytes
from analysis.study.baseline import Baseline
from analysis.study.incumbents import Optima, optima
from analysis.study.pairing import Ground
from analysis.study.speedup import task_speedups_on
from analysis.study.time_to_target import times_to_target

KEY = ["strategy", "task", "axis", "target"]
PROTOCOL = ["budget", "batch", "compile_workers", "schedule"]
"""What random search is computed under, of the runs that it is compared with."""
SECONDS = "seconds"
ENDING = ".csv.gz"
STREAMS = 2
"""Version of the random streams, the only one that is kept: on different tasks its runs are independent."""


@dataclass(frozen=True)
class Kept:
    """The table of a file, and by strategy the seeds that were left out because tasks were missing."""

    table: pd.DataFrame
    left_out: Mapping[str, int]


def times_of(study: Study, strategies: Sequence[str] | None = None) -> Kept:
    """The times of a study's runs, for the given labels (default: all).

    Raises:
        AnalysisError: runs with rules, of old random streams or without a budget in evaluations, whose comparison needs
            more than these times.
    """
    runs = study.runs
    if (runs["rules"] != NO_RULES).any() or (runs["streams"] != STREAMS).any():
        raise AnalysisError(f"runs with rules or random streams of version 1: expected none of those and {STREAMS}")
    if runs["budget_evaluations"].isna().any():
        raise AnalysisError("runs limited in seconds alone: expected a budget in evaluations")
    times = times_to_target(study, optima(study))
    times = times.merge(runs[["batch", "compile_workers", "schedule"]], left_on="run", right_index=True)
    times = times[(times["axis"] != SECONDS) | np.isclose(times["target"], HEADLINE_TARGET)]
    if strategies is not None:
        times = times[times["strategy"].isin(list(strategies))]
    tasks = times.groupby(["strategy", "seed"])["task"].transform("nunique")
    whole = tasks == runs["task"].nunique()
    missing = times[~whole].groupby("strategy")["seed"].nunique()
    kept = times[whole].astype({"budget": int})
    cells = [_cell(*of) for of in zip(kept["cost"], kept["axis"], kept["hit"], strict=True)]
    wide = kept.assign(cell=cells).pivot(index=[*KEY, *PROTOCOL], columns="seed", values="cell")
    table = wide.rename(columns=str).rename_axis(columns=None).reset_index()
    return Kept(table, {str(name): int(count) for name, count in missing.items()})


def _cell(cost: float, axis: str, hit: bool) -> str:
    return ("" if hit else ">") + (f"{cost:.4g}" if axis == SECONDS else f"{cost:.0f}")


def is_times(path: Path) -> bool:
    """Whether a path among results names such a file, by its ending."""
    return path.name.endswith(ENDING)


def read_times(path: Path) -> pd.DataFrame:
    """A file that this module wrote.

    Raises:
        AnalysisError: it cannot be read, lacks columns or has something else than numbers in them.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, compression="gzip")
    except (
        OSError,
        EOFError,
        zlib.error,
        UnicodeDecodeError,
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
    ) as error:
        raise AnalysisError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    if absent := [name for name in (*KEY, *PROTOCOL) if name not in table]:
        raise AnalysisError(f"{path}: no column {absent[0]}: expected a file of experiments.contenders.times")
    try:
        long(table)
        return table.astype({"target": float, "budget": int, "batch": int, "compile_workers": int})
    except ValueError as error:
        raise AnalysisError(f"{path}: {str(error).splitlines()[0]}: expected numbers, or >SPENT in a seed") from error


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Several tables as one, in order of strategy, task, axis and target.

    Raises:
        AnalysisError: two of them have the same strategy.
    """
    labels = [name for table in tables for name in table["strategy"].unique()]
    if twice := [name for name in dict.fromkeys(labels) if labels.count(name) > 1]:
        raise AnalysisError(f"{twice[0]}: in several of the results: expected each strategy in one")
    whole = pd.concat(tables, ignore_index=True).fillna("")
    return whole[[*KEY, *PROTOCOL, *seeds_of(whole)]].sort_values(KEY, ignore_index=True)


def seeds_of(table: pd.DataFrame) -> list[str]:
    """The columns of seeds, in order."""
    return sorted((name for name in table.columns if name.isdigit()), key=int)


def speedups_of(study: Study, table: pd.DataFrame, baselines: Sequence[Baseline], target: float) -> pd.DataFrame:
    """Speedups per task of the kept runs, as :func:`analysis.study.speedup.task_speedups` computes them.

    Args:
        study: has the recorded tables of their tasks, which give the optima and random search.

    Raises:
        AnalysisError: the study has no recorded table of one of the tasks.
    """
    if absent := sorted(set(table["task"]) - set(study.references)):
        raise AnalysisError(f"{absent[0]}: not in the folder of runs: expected its recorded table there")
    times = long(table[np.isclose(table["target"], target)])
    best = optima(study)
    t_star = {task: best.t_star_ms[task] for task in times["task"].unique()}
    ground = Ground(_stand_in(study, times), Optima(t_star, {}), (target,), times)
    return pd.concat([task_speedups_on(ground, baseline) for baseline in baselines], ignore_index=True)


def long(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each run, axis and target, with the columns ``cost`` and ``hit`` of
    :func:`analysis.study.time_to_target.times_to_target`."""
    rows = table.melt([*KEY, *PROTOCOL], seeds_of(table), "seed", "cell")
    rows = rows[rows["cell"] != ""].reset_index(drop=True)
    hit = ~rows["cell"].str.startswith(">")
    return rows.assign(seed=rows["seed"].astype(int), hit=hit, cost=rows["cell"].str.lstrip(">").astype(float))


def _stand_in(study: Study, times: pd.DataFrame) -> Study:
    """The study with the kept runs in place of its own: what pairing reads of runs, and no evaluations."""
    runs = times.drop_duplicates(["strategy", "task", "seed"]).reset_index(drop=True).rename_axis("run")
    runs = runs.assign(
        kernel=[kernel_of(task) for task in runs["task"]],
        budget_evaluations=runs["budget"],
        budget_seconds=np.nan,
        streams=STREAMS,
        rules=NO_RULES,
    )
    return replace(study, runs=runs, evaluations=study.evaluations.iloc[:0])


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--strategies", help="a,b,…: only the runs of the folders with these labels; default: all")
    arguments = parser.parse_args(given)
    wanted = arguments.strategies.split(",") if arguments.strategies else None
    files = [path for path in arguments.results if is_times(path)]
    folders = [path for path in arguments.results if path not in files]
    try:
        tables = [read_times(path) for path in files]
        if folders:
            kept = times_of(load_study(folders), wanted)
            for name, count in kept.left_out.items():
                print(f"{name}: {count} seeds left out, which have not run on every task", file=sys.stderr)
            tables.append(kept.table)
        whole = joined(tables)
        text = whole.to_csv(index=False, lineterminator="\n")
        write_bytes(arguments.output, gzip.compress(text.encode("utf-8"), mtime=0))  # equal tables give equal files
    except (AnalysisError, OSError) as error:
        parser.error(str(error))
    runs = long(whole).drop_duplicates(["strategy", "task", "seed"])
    print(f"{len(runs)} runs of {runs['strategy'].nunique()} strategies: {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
