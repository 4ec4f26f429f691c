"""Find run directories, read them, and check that they may be compared."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.runs import consolidated, contract
from analysis.runs.account import Account, State, account, name_of, run_state
from analysis.runs.contract import ConfigDocument
from analysis.runs.recordings import references
from analysis.runs.retimed import with_retimed
from analysis.runs.run_directory import RunLog, is_live, read_failed, run_row
from analysis.runs.split_time import run_split
from analysis.runs.version import check_plans, check_run_version

_COSTS = {
    contract.COMPILE_S: (contract.COMPILE_S,),
    "device_s": (contract.VERIFY_S, contract.BENCHMARK_S),
    "own_s": (contract.ASK_S, contract.TELL_S),
}
"""Columns of ``Study.evaluations`` that are sums of logged ones."""
_SAME_WITHIN_A_STRATEGY = [
    "strategy_arguments",
    "budget_evaluations",
    "budget_seconds",
    "batch",
    "compile_workers",
    "noise",
    "backend",
]


@dataclass(frozen=True)
class Study:
    """Finished runs, those that broke down, and the recorded tables that they are judged by.

    Attributes:
        runs: a row per run; the index ``run`` counts from 0. Columns: path, task, kernel, strategy, seed,
            budget_evaluations, budget_seconds (nan: no limit), batch, compile_workers, backend, noise,
            landscape (hash of the recording, or empty), evaluations, failures, repairs, clock_s, ended
            (``failed``: it broke down, so it is a miss that cost what it spent), config_hash, code (a digest, or
            empty where it was not written down), strategy_arguments, t_star_ms (nan: none), coverage.
        evaluations: run, index, ok, latency_ms, oracle_ms (nan when failed or unknown), clock_end_s, and where runs
            logged them compile_s, device_s (verify and benchmark) and own_s (ask and tell), else nan; sorted by run
            and index.
        references: task to recorded table, for tasks that have one.
        samples: task to the file with the recorded samples of its table, where there is one.
        facts: task to what is known of the recording (vendor, roofline, device ...), for tasks that have one.
        unfinished: run directories without DONE or FAILED, left out.
        account: of every run that is there or was planned.
        duplicates: copies of a run that is here already, left out.
        protocol: for each strategy label one whole config.yaml, and one environment.json, for the record.
        splits: a row per run whose log has its costs: run, and what :func:`analysis.runs.split_time.run_split` gives.
    """

    runs: pd.DataFrame
    evaluations: pd.DataFrame
    references: dict[str, pd.DataFrame] = field(default_factory=dict)
    samples: dict[str, Path] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    unfinished: int = 0
    duplicates: int = 0
    protocol: dict[str, ConfigDocument] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    splits: pd.DataFrame = field(default_factory=pd.DataFrame)
    account: Account = field(default_factory=Account)


def load_study(paths: Sequence[str | Path], recordings: Mapping[str, Path] | None = None) -> Study:
    """Load every finished run below ``paths``.

    Args:
        recordings: task to landscape file, for tasks without a reference.parquet beside their runs: live ones.

    Raises:
        AnalysisError: nothing found, a file is damaged, or the runs contradict each other.
    """
    logs, unfinished, environment = read_logs(paths)
    known = _account(paths, logs)
    logs = [log for log in logs if _cell(log) not in known.withheld]
    if not any(log.ended != contract.ENDED_FAILED for log in logs):
        where = ", ".join(str(p) for p in paths)
        hint = "".join(f"; {n} {what}" for n, what in ((unfinished, "unfinished"), (_failed(known), "failed")) if n)
        raise AnalysisError(f"{where}: no finished run found{hint}: expected directories with config.yaml and DONE")
    kept = with_retimed(_without_copies(logs))
    runs = pd.DataFrame([run_row(log) for log in kept])
    runs.index.name = "run"
    _check_comparable(runs)
    _check_landscapes(runs)
    by_task = references(runs, recordings or {})
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
        unfinished=unfinished,
        duplicates=len(logs) - len(kept),
        protocol=protocol,
        environment=environment,
        splits=_splits(kept),
        account=known,
    )


def part_of(study: Study, cells: Collection[tuple[str, str]]) -> Study:
    """The runs of some (task, strategy) alone, renumbered from 0."""
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


def _account(paths: Sequence[str | Path], logs: Sequence[RunLog]) -> Account:
    """What is there and what is not; a strategy's numbers on a task are withheld where a run's cost is not known."""
    held_together = {
        name: log.ended for log in logs if not log.path.is_dir() and (name := name_of(log.path)) is not None
    }
    known = account(paths, held_together, deep=False)
    read = {log.path for log in logs}
    withheld = {}
    for run in known.of(State.FAILED):
        if run.directory and Path(run.directory) not in read:
            why = f"seed {run.run.seed} failed and left no log, so what it spent is not known"
            withheld[run.run.task, run.run.label] = why
    return replace(known, withheld=withheld)


def _cell(log: RunLog) -> tuple[str, str]:
    return str(log.config["task"]), str(log.config["strategy"]["label"])


def _failed(known: Account) -> int:
    return len(known.of(State.FAILED))


def read_logs(paths: Sequence[str | Path]) -> tuple[list[RunLog], int, dict[str, Any]]:
    """The runs below ``paths`` that ended, each once; the number of unfinished ones; one run's environment.

    A run that broke down is among them with what it spent, where it left its log.
    """
    seen: set[Path] = set()
    unfinished: set[Path] = set()
    logs: list[RunLog] = []
    environment: dict[str, Any] = {}
    for path in map(Path, paths):
        loaded = consolidated.part(path) if not any(path.glob("*/")) else consolidated.Loaded([], {})
        if not loaded.logs:
            finished, open_ones = find_run_directories(path)
            failed = [directory for directory in open_ones if _has_failed(directory)]
            unfinished.update(set(open_ones) - set(failed))
            new = [directory for directory in finished if directory not in seen]
            broken = [read_failed(directory) for directory in failed if directory not in seen]
            logs += [log for log in broken if log is not None]
            seen.update(failed)
            if finished and not new:
                continue
            loaded = consolidated.load(path, new)
        seen.update(log.path for log in loaded.logs)
        logs += loaded.logs
        environment = environment or loaded.environment
    return sorted(logs, key=lambda log: _natural(log.path)), len(unfinished), environment


def _has_failed(directory: Path) -> bool:
    """By its own word; one that is being tried again is running."""
    return (directory / contract.FAILED).exists() and run_state(directory).state in (State.FAILED, State.DAMAGED)


def find_run_directories(path: Path) -> tuple[list[Path], list[Path]]:
    """Run directories at any depth, resolved and sorted: those with DONE, and those that look unfinished.

    Raises:
        AnalysisError: there is no such folder, or a newer NearOpt made an unfinished one or a plan.
    """
    if not path.exists():
        raise AnalysisError(f"{path}: no such file or directory: expected a folder of runs")
    check_plans(path)
    finished, unfinished = [], []
    for folder, inner, files in os.walk(path.resolve()):
        inner[:] = [name for name in inner if not name.startswith((".", contract.ABORTED_PREFIX))]
        if contract.CONFIG not in files:
            continue
        inner.clear()
        directory = Path(folder)
        if contract.DONE in files:
            finished.append(directory)
        elif directory.name.startswith(contract.SEED_PREFIX):
            check_run_version(directory)
            unfinished.append(directory)
    return sorted(finished, key=_natural), unfinished


def _natural(directory: Path) -> tuple[str, int, str]:
    number = directory.name.removeprefix(contract.SEED_PREFIX)
    return str(directory.parent), int(number) if number.isdigit() else -1, directory.name


def _without_copies(logs: list[RunLog]) -> list[RunLog]:
    """Keep one of several equal runs; refuse two different runs that claim one name."""
    seen: dict[tuple[str, str, int], RunLog] = {}
    for log in logs:
        name = (log.config["task"], str(log.config["strategy"]["label"]), log.config["seed"])
        first = seen.setdefault(name, log)
        if any(first.config.get(part) != log.config.get(part) for part in ("budget", "config_hash")):
            changed = _differences(first.config, log.config)
            raise AnalysisError(
                f"{log.path}: {', '.join(changed) or 'config_hash'} not as in {first.path}, which is the same task, "
                "strategy and seed: expected one of the two, or another strategy.label"
            )
    return list(seen.values())


def _differences(other: Mapping[str, Any], config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """``name=value`` of everything that differs, hash and version aside."""
    changed = []
    for name in sorted({*other, *config} - contract.NOT_DECIDING):
        before, now = other.get(name), config.get(name)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            changed += _differences(before, now, f"{prefix}{name}.")
        elif before != now:
            changed.append(f"{prefix}{name}={now}")
    return changed


def _check_comparable(runs: pd.DataFrame) -> None:
    """Seeds of one strategy on one task must differ in nothing but the seed."""
    for (task, strategy), group in runs.groupby(["task", "strategy"], sort=False):
        first = group.iloc[0]
        for name in _SAME_WITHIN_A_STRATEGY:
            values = group[name].astype(str)
            if values.nunique() > 1:
                other = group[values != str(first[name])].iloc[0]
                raise AnalysisError(
                    f"{other['path']}: {name}={other[name]}: expected {first[name]} as in {first['path']} "
                    f"(task {task}, strategy {strategy}); give a variant its own strategy.label"
                )


def _check_landscapes(runs: pd.DataFrame) -> None:
    """One task is one recording: else t* and the baseline mean different things in different runs."""
    for task, group in runs[runs["landscape"] != ""].groupby("task", sort=False):
        other = group[group["landscape"] != group["landscape"].iloc[0]]
        if len(other):
            raise AnalysisError(
                f"{other['path'].iloc[0]}: landscape_sha256={other['landscape'].iloc[0][:12]}: expected "
                f"{group['landscape'].iloc[0][:12]} as in {group['path'].iloc[0]} (task {task})"
            )


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
        backend = log.config.get("backend") or {}
        columns = log.columns if live else {name: v for name, v in log.columns.items() if name != contract.WALL_S}
        split = run_split(columns, int(log.config.get("batch") or 1), bool(backend.get("charge_ask", live)))
        if split is not None:
            rows.append({"run": run, "live": live, **split})
    return pd.DataFrame(rows)
