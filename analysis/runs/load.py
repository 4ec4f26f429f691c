"""Find run directories, read them, and check that they may be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.account import account_of
from analysis.runs.contract import ConfigDocument
from analysis.runs.contradictions import check_comparable, check_landscapes, check_same_names
from analysis.runs.frozen import Frozen, find_frozen
from analysis.runs.library import Library
from analysis.runs.overlap import overlaps
from analysis.runs.reading import read_surveyed
from analysis.runs.recordings import references
from analysis.runs.retimed import with_retimed
from analysis.runs.run_directory import RunLog, is_live, run_row, streams_of
from analysis.runs.split_time import run_split
from analysis.runs.state import State
from analysis.runs.survey import Survey, survey
from analysis.runs.told import OPEN, Account

_COSTS = {
    contract.COMPILE_S: (contract.COMPILE_S,),
    "device_s": (contract.VERIFY_S, contract.BENCHMARK_S),
    "own_s": (contract.ASK_S, contract.TELL_S),
}
"""Columns of ``Study.evaluations`` that are sums of logged columns."""


@dataclass(frozen=True)
class Study:
    """Finished and failed runs, and the recorded tables by which they are judged.

    Attributes:
        runs: a row per run; the index ``run`` counts from 0. Columns: path, task, kernel, strategy, seed, streams,
            budget_evaluations, budget_seconds (nan: no limit), batch, compile_workers, schedule (``batch``, or
            ``async…``), start (what runs began with, as JSON; empty for nothing), rules (``none``, or those that ended
            evaluations early as JSON), backend, noise, asks_charged (whether the clock holds ask and tell), landscape
            (hash of the recording, or empty), evaluations, failures, repairs, clock_s, ended (``failed``: a miss that
            costs what it spent), config_hash, code (a digest, or empty if not recorded), strategy_arguments, t_star_ms
            (nan: none), coverage.
        evaluations: run, index, ok, latency_ms, oracle_ms (nan when failed or unknown), clock_end_s, and where runs
            logged them compile_s, device_s (verify and benchmark) and own_s (ask and tell), else nan; sorted by run
            and index.
        references: task to recorded table, for tasks that have one.
        samples: task to the file with the recorded samples of its table, if there is one.
        facts: task to the known facts about its recording (vendor, roofline, device ...), for tasks that have one.
        frozen: task to the optimum that was known before the runs, by the search that found it, if a file states it.
        account: the state of every run that exists or was planned. ``runs`` contains those that are done, and those
            that failed with a log.
        protocol: one complete config.yaml for each strategy label, and one environment.json, for the record.
        chosen_on: strategy to the tasks of the study on which its defaults were chosen.
        splits: a row per run whose log has its costs: run, and what :func:`analysis.runs.split_time.run_split` gives.
    """

    runs: pd.DataFrame
    evaluations: pd.DataFrame
    references: dict[str, pd.DataFrame] = field(default_factory=dict)
    samples: dict[str, Path] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    protocol: dict[str, ConfigDocument] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    splits: pd.DataFrame = field(default_factory=pd.DataFrame)
    chosen_on: dict[str, list[str]] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    frozen: Frozen = field(default_factory=dict)


def load_study(paths: Sequence[str | Path], library: Library | None = None) -> Study:
    """Load every finished run below ``paths``.

    Args:
        library: supplies the tables of live tasks, which have no reference.parquet beside their runs, and the columns
            that older tables lack. Landscape files in ``paths`` take precedence.

    Raises:
        AnalysisError: nothing found, a file is damaged, or the runs contradict each other.
    """
    surveys = [survey(Path(path)) for path in paths]
    logs, damaged, environment = read_surveyed(surveys)
    check_same_names(logs)
    known = _account(surveys, logs, damaged)
    logs = [log for log in logs if log.cell not in known.withheld]
    if not any(log.ended != contract.ENDED_FAILED for log in logs):
        raise AnalysisError(f"{', '.join(map(str, paths))}: no finished run found{_hint(known)}: expected directories "
                            "with config.yaml and DONE")  # fmt: skip
    kept = with_retimed(each_once(logs, known))
    runs = pd.DataFrame([run_row(log) for log in kept])
    runs.index.name = "run"
    check_comparable(runs)
    check_landscapes(runs)
    by_task = references(runs, (library or Library()).beside(paths))
    sampled = {task for task, reference in by_task.items() if reference.coverage == "sample"}
    runs["coverage"] = runs["coverage"].where(~runs["task"].isin(sampled), "sample")
    protocol: dict[str, ConfigDocument] = {}
    for label, log in zip(runs["strategy"], kept, strict=True):
        protocol.setdefault(str(label), log.config)
    return Study(
        runs=runs,
        evaluations=_concatenated([log.columns for log in kept]),
        references={task: reference.table for task, reference in by_task.items()},
        samples={task: reference.samples for task, reference in by_task.items() if reference.samples is not None},
        facts={task: reference.facts for task, reference in by_task.items()},
        protocol=protocol,
        environment=environment,
        splits=_splits(kept),
        chosen_on=overlaps(runs, protocol, {} if library is None else library.chosen_on),
        account=known,
        frozen=find_frozen(paths),
    )


def part_of(study: Study, cells: Collection[tuple[str, str]]) -> Study:
    """Only the runs of some (task, strategy) pairs, renumbered from 0."""
    pairs = zip(study.runs["task"], study.runs["strategy"], strict=True)
    kept = np.array([pair in cells for pair in pairs], dtype=bool)
    number = pd.Series(np.cumsum(kept) - 1, index=study.runs.index)
    runs = study.runs[kept].reset_index(drop=True).rename_axis("run")
    inside = study.evaluations["run"].map(pd.Series(kept, index=study.runs.index)).to_numpy(dtype=bool)
    rows = study.evaluations[inside]
    rows = rows.assign(run=rows["run"].map(number).to_numpy()).reset_index(drop=True)
    splits = study.splits
    if len(splits):
        splits = splits[splits["run"].map(pd.Series(kept, index=study.runs.index)).to_numpy(dtype=bool)]
        splits = splits.assign(run=splits["run"].map(number).to_numpy()).reset_index(drop=True)
    return replace(study, runs=runs, evaluations=rows, splits=splits)


def _account(surveys: Sequence[Survey], logs: Sequence[RunLog], damaged: Mapping[Path, str]) -> Account:
    """The account; a strategy's numbers on a task are withheld if the cost of a run is unknown."""
    known = account_of(surveys, deep=False, damaged=damaged)
    read = {str(log.path) for log in logs}
    withheld = {}
    for run in known.of(State.FAILED):
        if run.directory not in read:
            why = f"seed {run.run.seed} failed and left no log, so its cost is unknown"
            withheld[run.run.task, run.run.label] = why
    once = each_once(logs, known)
    return replace(known, withheld=withheld, codes=_codes(once), streams=_streams(once))


def each_once(logs: Sequence[RunLog], known: Account) -> list[RunLog]:
    """The logs that count."""
    replaced = {run.directory for run in known.superseded} - {run.directory for run in known.runs}
    once = {log.name: log for log in reversed(logs) if str(log.path) not in replaced}
    return [log for log in logs if once.get(log.name) is log]


def _codes(logs: Sequence[RunLog]) -> dict[str, dict[str, int]]:
    """For strategies with runs of several versions of the code, the number of runs by version."""
    counts: dict[str, Counter[str]] = {}
    for log in logs:
        counts.setdefault(log.cell[1], Counter())[str(log.config.get("code_digest", ""))] += 1
    return {strategy: dict(made.most_common()) for strategy, made in sorted(counts.items()) if len(made) > 1}


def _streams(logs: Sequence[RunLog]) -> dict[str, dict[int, int]]:
    """The number of runs of each strategy by version of the random streams."""
    counts: dict[str, Counter[int]] = {}
    for log in logs:
        counts.setdefault(log.cell[1], Counter())[streams_of(log.config)] += 1
    return {strategy: dict(sorted(versions.items())) for strategy, versions in sorted(counts.items())}


def _hint(known: Account) -> str:
    """The hint on what exists instead of finished runs."""
    counts = {state: known.of(state) for state in OPEN if state is not State.MISSING and known.of(state)}
    damaged = [f" (the first: {run.directory}: {run.message})" for run in counts.get(State.DAMAGED, [])[:1]]
    told = ", ".join(f"{len(runs)} {state}" for state, runs in counts.items())
    return "".join(f"; {part}" for part in (told + "".join(damaged), *known.faults) if part)


def _concatenated(runs: list[dict[str, NDArray[Any]]]) -> pd.DataFrame:
    lengths = [len(columns[contract.OK]) for columns in runs]
    joined: dict[str, Any] = {
        "run": np.repeat(np.arange(len(runs)), lengths),
        "index": np.concatenate([np.arange(length) for length in lengths]),
    }
    for name in (contract.OK, *contract.REQUIRED_NUMBERS):
        joined[name] = np.concatenate([columns[name] for columns in runs])
    for name, parts in _COSTS.items():
        joined[name] = np.concatenate([_sum(columns, parts) for columns in runs])
    return pd.DataFrame(joined, copy=False)


def _sum(columns: Mapping[str, NDArray[Any]], parts: tuple[str, ...]) -> NDArray[np.float64]:
    if any(part not in columns for part in parts):
        return np.full(len(columns[contract.OK]), np.nan)
    return np.asarray(sum(columns[part] for part in parts), dtype=np.float64)


def _splits(logs: list[RunLog]) -> pd.DataFrame:
    rows = []
    for run, log in enumerate(logs):
        live = is_live(log.config)
        columns = log.columns if live else {name: v for name, v in log.columns.items() if name != contract.WALL_S}
        row = run_row(log)
        overlapped = row["schedule"] != "batch"
        split = run_split(columns, row["batch"], row["asks_charged"], row["compile_workers"], overlapped)
        if split is not None:
            rows.append({"run": run, "live": live, **split})
    return pd.DataFrame(rows)
