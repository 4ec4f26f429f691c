"""Strategies against both kinds of exact random search: ``python -m experiments.contenders.table RESULTS… [-o FILE]``.

RESULTS are folders of runs, and files of further runs on the same tasks, of :mod:`experiments.contenders.times`
(``.csv.gz``) or :mod:`experiments.contenders.first_hit` (``.csv``). With ``--kept-alone`` the folders give only their
recorded tables, not their runs.

Each strategy has a row with the geometric mean over tasks of the ERT of exact random search over its own, within 5%, in
evaluations, with its 95% interval over seeds (``--axis seconds``: in seconds of the tuning clock, random search on as
many workers). For random search by parameter, tasks on which it needs 20 evaluations or more are separate from those on
which it needs fewer, where there is little to gain.

FILE ends in ``.csv`` or ``.parquet`` and gets the rows of single tasks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from analysis.errors import AnalysisError
from analysis.media import markdown_table
from analysis.runs.load import load_study
from analysis.runs.writing import write_bytes, write_csv
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM, PRIMARY, Baseline
from analysis.study.results import analyse
from analysis.study.time_to_target import AXES
from experiments.contenders.first_hit import as_times, read_runs
from experiments.contenders.times import is_times, joined, read_times, speedups_of

TARGET = 0.05
HARD = 20.0
"""Evaluations that random search by parameter must need for a task to leave room for improvement."""
UNIFORM, BY_PARAMETER, EASY = "uniform", "by parameter, 20 and more", "by parameter, fewer than 20"
COLUMNS = ["task", "strategy", "baseline", "hits", "runs", "ert", "speedup", "speedup_low", "speedup_high"]
SUFFIXES = (".csv", ".parquet")
DIGITS = "%.4g"


def speedups(results: Sequence[Path], axis: str = AXES[0], kept_alone: bool = False) -> pd.DataFrame:
    """task, strategy, baseline, hits, runs, ert, speedup, its interval and ``expected``, E[T] of the baseline in
    evaluations.

    Args:
        kept_alone: leave out the runs of the folders.

    Raises:
        AnalysisError: results that cannot be read or compared; a strategy of a table that is also in a folder.
    """
    by_parameter = Baseline(EXACT_BY_PARAMETER)
    files = [path for path in results if is_kept(path)]
    if kept_alone:
        more = joined([_read(path) for path in files])
        study = load_study([path for path in results if path not in files])
        return _kept(speedups_of(study, more[more["axis"] == axis], [PRIMARY, by_parameter], TARGET), axis)
    found = analyse(load_study([path for path in results if path not in files]), [by_parameter])
    tables = pd.concat([found.speedups, *found.others.values()])
    if files:
        more = joined([_read(path) for path in files])
        more = more[more["axis"].isin([AXES[0], axis])]
        if twice := sorted(set(more["strategy"]) & set(found.study.runs["strategy"])):
            raise AnalysisError(f"{twice[0]}: in a table and in a folder: expected each strategy in one")
        tables = pd.concat([tables, speedups_of(found.study, more, [PRIMARY, by_parameter], TARGET)])
    return _kept(tables, axis)


def is_kept(path: Path) -> bool:
    """Whether a path among results names a file of runs, by its ending."""
    return is_times(path) or path.suffix == ".csv"


def _read(path: Path) -> pd.DataFrame:
    return read_times(path) if is_times(path) else as_times(read_runs(path))


def _kept(tables: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The rows of the page: single tasks against the exact laws, within 5%."""
    kept = tables[np.isclose(tables["target"], TARGET) & (tables["axis"] == axis)]
    kept = kept[kept["task"].str.contains("__") & kept["baseline"].isin([EXACT_RANDOM, EXACT_BY_PARAMETER])]
    return kept.assign(expected=kept["unreachable_above"]).reset_index(drop=True)


def check_path(path: Path) -> None:
    """Refuse a path whose name does not say in which format a table is.

    Raises:
        AnalysisError: the name ends neither in .csv nor in .parquet.
    """
    if path.suffix not in SUFFIXES:
        raise AnalysisError(f"{path}: unknown table format: expected a name that ends in {' or '.join(SUFFIXES)}")


def write_table(rows: pd.DataFrame, path: Path) -> None:
    """Write a table in the format that its name says, numbers with four digits in either.

    Raises:
        AnalysisError: another format, or the file cannot be written.
    """
    check_path(path)
    if path.suffix == ".csv":
        write_csv(rows, path, DIGITS)
        return
    numbers = rows.select_dtypes("float")
    buffer = BytesIO()
    rows.assign(**numbers.map(lambda value: float(DIGITS % value))).to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def read_table(path: Path) -> pd.DataFrame:
    """A table that this module wrote.

    Raises:
        AnalysisError: it is none.
    """
    check_path(path)
    try:
        rows = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError) as error:  # ArrowInvalid, ParserError and UnicodeDecodeError are ValueErrors
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["?"])[0]
        raise AnalysisError(f"{path}: cannot be read: {reason}") from error
    if absent := [name for name in COLUMNS if name not in rows]:
        raise AnalysisError(f"{path}: no column {absent[0]}: expected a file of experiments.contenders.table")
    return rows


def groups(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows behind each column of the summary."""
    uniform = table[(table["baseline"] == EXACT_RANDOM) & (table["stratum"] == "useful")]
    by_parameter = table[table["baseline"] == EXACT_BY_PARAMETER]
    hard = by_parameter["expected"] >= HARD
    return {UNIFORM: uniform, BY_PARAMETER: by_parameter[hard], EASY: by_parameter[~hard]}


def mean(rows: pd.DataFrame) -> tuple[float, float, float]:
    """The geometric mean of the speedups of several tasks with its interval, assuming independent estimates.

    A task that was never solved has only a bound; then the interval is nan.
    """
    logs = np.log(rows["speedup"].to_numpy(dtype=float))
    ends = rows[["speedup_low", "speedup_high"]].to_numpy(dtype=float)
    width = np.diff(np.log(np.where(ends > 0, ends, np.nan)), axis=1).ravel()
    error = np.sqrt(np.square(width / (2 * norm.ppf(0.975))).sum()) / len(logs)
    half = norm.ppf(0.975) * error
    middle, low, high = np.exp([logs.mean(), logs.mean() - half, logs.mean() + half]).tolist()
    return middle, low, high


def with_interval(value: float, low: float, high: float) -> str:
    """``7.1 (6.8–7.5)``; ``≤ 1.1 (–)`` for a bound, which has no interval."""
    return f"{value:.2g} ({low:.2g}–{high:.2g})" if np.isfinite(low) else f"≤ {value:.2g} (–)"


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per strategy, best first: means and intervals of each group, its worst task, hits and runs."""
    rows = []
    for strategy in dict.fromkeys(table["strategy"]):
        row: dict[str, object] = {"strategy": strategy}
        for name, part in groups(table[table["strategy"] == strategy]).items():
            if part.empty:
                continue
            middle, low, high = mean(part)
            row |= {name: middle, f"{name} low": low, f"{name} high": high, f"{name} least": part["speedup"].min()}
            row |= {f"{name} hits": int(part["hits"].sum()), f"{name} runs": int(part["runs"].sum())}
        rows.append(row)
    return pd.DataFrame(rows).sort_values(UNIFORM, ascending=False, kind="stable").reset_index(drop=True)


def markdown(found: pd.DataFrame) -> str:
    """The summary as on the page."""
    rows = []
    for of in found.to_dict("records"):
        cells = [str(of["strategy"])]
        for name in (UNIFORM, BY_PARAMETER, EASY):
            if name not in of or pd.isna(of[name]):
                cells.append("–")
                continue
            cells.append(
                f"{with_interval(of[name], of[f'{name} low'], of[f'{name} high'])}, {of[f'{name} least']:.2g} at least,"
                f" {of[f'{name} hits']:.0f}/{of[f'{name} runs']:.0f}"
            )
        rows.append(cells)
    return markdown_table(["strategy", f"over {UNIFORM}", f"over {BY_PARAMETER}", f"over {EASY}"], rows)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--axis", choices=AXES, default=AXES[0], help="what random search and strategies cost")
    parser.add_argument("--strategies", help="only these, separated by commas")
    parser.add_argument("--kept-alone", action="store_true", help="of the folders take no runs, only recorded tables")
    parser.add_argument("--tasks", help="only these, separated by commas")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a .csv or .parquet file for every task")
    arguments = parser.parse_args(given)
    if arguments.kept_alone and not any(map(is_kept, arguments.results)):
        parser.error("--kept-alone: expected a file of runs among RESULTS")
    try:
        if arguments.output:
            check_path(arguments.output)
        found = speedups(arguments.results, arguments.axis, arguments.kept_alone)
    except AnalysisError as error:
        parser.error(str(error))
    for column in ("strategy", "task"):
        option = "strategies" if column == "strategy" else "tasks"
        if (text := getattr(arguments, option)) is None:
            continue
        wanted, known = text.split(","), set(found[column])
        for name in wanted:
            if name not in known:
                parser.error(f"--{option} {name}: no such runs: expected some of {', '.join(sorted(known))}")
        found = found[found[column].isin(wanted)]
    print(markdown(summary(found)))
    if arguments.output:
        try:
            write_table(found[COLUMNS], arguments.output)
        except AnalysisError as error:
            parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
