"""Find run directories, read them, and check that they may be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.reference import with_coverage
from analysis.run_directory import (
    is_live,
    read_config,
    read_environment,
    read_evaluations,
    read_facts,
    read_reference,
    run_row,
)
from analysis.split_time import LOGGED, run_split

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
    """Finished runs and the recorded tables that they are judged by.

    Attributes:
        runs: a row per run; the index ``run`` counts from 0. Columns: path, task, kernel, strategy, seed,
            budget_evaluations, budget_seconds (nan: no limit), batch, compile_workers, backend, noise,
            landscape (hash of the recording, or empty), evaluations, failures, repairs, clock_s, ended,
            config_hash, strategy_arguments, t_star_ms (nan: none), coverage.
        evaluations: run, index, ok, latency_ms, oracle_ms (nan when failed or unknown), clock_end_s; sorted by
            run and index.
        references: task to recorded table, for tasks that have one.
        facts: task to reference.yaml (vendor, roofline, device ...), for tasks that have one.
        unfinished: run directories without DONE, left out.
        duplicates: copies of a run that is here already, left out.
        protocol: for each strategy label one whole config.yaml, and one environment.json, for the record.
        splits: a row per live run whose log has its costs: run, and what :func:`analysis.split_time.run_split` gives.
    """

    runs: pd.DataFrame
    evaluations: pd.DataFrame
    references: dict[str, pd.DataFrame] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    unfinished: int = 0
    duplicates: int = 0
    protocol: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    splits: pd.DataFrame = field(default_factory=pd.DataFrame)


def load_study(paths: Sequence[str | Path]) -> Study:
    """Load every finished run below ``paths``.

    Raises:
        AnalysisError: nothing found, a file is damaged, or the runs contradict each other.
    """
    directories, unfinished = find_run_directories(paths)
    if not directories:
        where = ", ".join(str(p) for p in paths)
        hint = f"; {unfinished} unfinished" if unfinished else ""
        raise AnalysisError(f"{where}: no finished run found{hint}: expected directories with config.yaml and DONE")
    configs = [(d, read_config(d / "config.yaml")) for d in directories]
    kept, duplicates = _without_copies(configs)
    rows, frames, splits = [], [], []
    protocol: dict[str, dict[str, Any]] = {}
    for run, (directory, config) in enumerate(kept):
        live = is_live(config)
        frame = read_evaluations(directory / "evaluations.parquet", LOGGED if live else ())
        rows.append(run_row(directory, config, frame))
        frames.append((run, frame))
        charged = bool(config["backend"].get("charge_ask", True)) if live else False
        split = run_split(frame, int(rows[-1]["batch"]), charged) if live else None
        splits += [{"run": run, **split}] if split is not None else []
        protocol.setdefault(str(rows[-1]["strategy"]), config)
    runs = pd.DataFrame(rows)
    runs.index.name = "run"
    _check_comparable(runs)
    _check_landscapes(runs)
    recorded = _references(runs)
    return Study(
        runs=runs,
        evaluations=_concatenated(frames),
        references={task: table for task, (_, table) in recorded.items()},
        facts={task: read_facts(path.with_name("reference.yaml")) for task, (path, _) in recorded.items()},
        unfinished=unfinished,
        duplicates=duplicates,
        protocol=protocol,
        environment=read_environment(kept[0][0] / "environment.json"),
        splits=pd.DataFrame(splits),
    )


def find_run_directories(paths: Iterable[str | Path]) -> tuple[list[Path], int]:
    """Run directories with DONE at any depth, sorted and each once; and the number of those without."""
    finished: set[Path] = set()
    unfinished: set[Path] = set()
    for path in map(Path, paths):
        if not path.exists():
            raise AnalysisError(f"{path}: no such file or directory: expected a folder of runs")
        for config in [path / "config.yaml"] if (path / "config.yaml").exists() else path.rglob("config.yaml"):
            directory = config.parent.resolve()
            if any(part.startswith((".", "aborted-")) for part in config.relative_to(path).parts):
                continue
            if (directory / "DONE").exists():
                finished.add(directory)
            elif directory.name.startswith("seed-"):
                unfinished.add(directory)
    return sorted(finished, key=_natural), len(unfinished)


def _natural(directory: Path) -> tuple[str, int, str]:
    number = directory.name.removeprefix("seed-")
    return str(directory.parent), int(number) if number.isdigit() else -1, directory.name


def _without_copies(
    configs: list[tuple[Path, dict[str, Any]]],
) -> tuple[list[tuple[Path, dict[str, Any]]], int]:
    """Keep one of several equal runs; refuse two different runs that claim one name."""
    seen: dict[tuple[str, str, int], tuple[Path, dict[str, Any]]] = {}
    for directory, config in configs:
        name = (config["task"], str(config["strategy"]["label"]), config["seed"])
        if name not in seen:
            seen[name] = (directory, config)
            continue
        first, other = seen[name]
        if any(other.get(part) != config.get(part) for part in ("budget", "config_hash")):
            changed = _differences(other, config)
            raise AnalysisError(
                f"{directory}: {', '.join(changed) or 'config_hash'} not as in {first}, which is the same task, "
                "strategy and seed: expected one of the two, or another strategy.label"
            )
    kept = list(seen.values())
    return kept, len(configs) - len(kept)


def _differences(other: dict[str, Any], config: dict[str, Any], prefix: str = "") -> list[str]:
    """``name=value`` of everything that differs, the hash aside."""
    found = []
    for name in sorted({*other, *config} - {"config_hash"}):
        before, now = other.get(name), config.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            found += _differences(before, now, f"{prefix}{name}.")
        elif before != now:
            found.append(f"{prefix}{name}={now}")
    return found


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


def _concatenated(frames: list[tuple[int, pd.DataFrame]]) -> pd.DataFrame:
    lengths = [len(frame) for _, frame in frames]
    columns: dict[str, Any] = {
        "run": np.repeat([run for run, _ in frames], lengths),
        "index": np.concatenate([np.arange(length) for length in lengths]),
    }
    for name in ("ok", "latency_ms", "oracle_ms", "clock_end_s"):
        columns[name] = np.concatenate([frame[name].to_numpy() for _, frame in frames])
    return pd.DataFrame(columns)


def _references(runs: pd.DataFrame) -> dict[str, tuple[Path, pd.DataFrame]]:
    """The recorded table of each task and its path: reference.parquet in the task's folder."""
    found: dict[str, tuple[Path, pd.DataFrame]] = {}
    checked: set[tuple[str, Path]] = set()
    for task, coverage, directory in zip(runs["task"], runs["coverage"], map(Path, runs["path"]), strict=True):
        candidates = (parent / "reference.parquet" for parent in (directory, *list(directory.parents)[:2]))
        path = next((candidate for candidate in candidates if candidate.exists()), None)
        if path is None or (task, path) in checked:
            continue
        checked.add((task, path))
        table = with_coverage(read_reference(path), coverage)
        if task not in found:
            found[task] = path, table
        elif not table.equals(found[task][1]):
            raise AnalysisError(f"{path}: another recording of {task} than {found[task][0]}: expected one per task")
    return found
