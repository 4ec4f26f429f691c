"""Read earlier tunings from disk: landscape files, logs in run directories, and Optuna storages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from harness.config.source import Source
from harness.errors import UserError
from harness.evaluation import Status
from harness.landscapes.facts import TaskFacts, facts_of
from harness.landscapes.landscape import read_landscape
from harness.run import contract
from harness.run.alignment import Observed
from harness.run.kept import kept_file, kept_rows
from harness.run.optuna_source import SUFFIXES, observed_studies
from harness.system.documents import read_json, read_text
from harness.system.seeds import named, of_subject
from harness.system.text import one_line
from harness.system.yaml_text import load_yaml

DEPTH = 3
"""RESULTS/task/label/seed-N: greatest depth of a run below a given path."""


def observed(path: Path, source: Source, seed: int) -> list[Observed]:
    """Evaluations of each task at ``path``, limited as ``source`` asks.

    Args:
        seed: seed of the learning run; it chooses the runs, or the sample of a landscape.

    Raises:
        UserError: there is no evaluation, or one cannot be read.
    """
    if path.is_dir():
        folders: dict[Path, list[Path]] = {}
        for run in _runs(path):
            folders.setdefault(run.resolve().parent.parent, []).append(run)
        if not folders:
            raise UserError(f"source={path}: contains no run: expected a run's directory or a results folder")
        return [_of_runs(folder, runs, source, seed) for folder, runs in sorted(folders.items())]
    if path.suffix in SUFFIXES:
        return observed_studies(path, source)
    return [_of_landscape(path, source, seed)]


def _of_landscape(path: Path, source: Source, seed: int) -> Observed:
    """Evaluations from a landscape: all, with their best known latencies, or as random searches would observe them."""
    landscape = read_landscape(path)
    facts = facts_of(landscape.metadata)
    rows, latencies = np.arange(len(landscape.codes)), landscape.oracle_ms
    if source.evaluations is not None:
        latencies, drawn = landscape.latency_ms, np.flatnonzero(landscape.searchable)
        rng, size = _generator(seed, facts), min(source.evaluations, len(drawn))
        searches = [rng.choice(drawn, size, replace=False) for _ in range(source.runs or 1)]
        rows = np.unique(np.concatenate(searches))
    return Observed(
        name=landscape.name,
        facts=facts,
        configurations=[landscape.space.decode(landscape.codes[row]) for row in rows],
        statuses=[landscape.status[row] for row in rows.tolist()],
        latencies_ms=[None if np.isnan(latencies[row]) else float(latencies[row]) for row in rows],
    )


def _of_runs(folder: Path, runs: list[Path], source: Source, seed: int) -> Observed:
    """Evaluations from the logs of runs on one task, whose folder is ``folder``."""
    facts = _facts(folder, runs[0])
    if source.runs is not None and source.runs < len(runs):
        runs = [runs[i] for i in sorted(_generator(seed, facts).choice(len(runs), source.runs, replace=False))]
    rows = [_row(row) for run in runs for row in kept_rows(run)[: source.evaluations]]
    return Observed(
        name=folder.name,
        facts=facts,
        configurations=[configuration for configuration, _, _ in rows],
        statuses=[status for _, status, _ in rows],
        latencies_ms=[latency for _, _, latency in rows],
    )


def _generator(seed: int, facts: TaskFacts) -> np.random.Generator:
    of_source = of_subject(np.random.SeedSequence(seed), facts.task, facts.device_name)
    return np.random.default_rng(named(of_source, "source"))


def _runs(path: Path) -> list[Path]:
    """Run directories at or below ``path``, by name, with seeds in numerical order."""
    level = [path]
    for _ in range(DEPTH + 1):
        found = [folder for folder in level if kept_file(folder) is not None]
        if found:
            return sorted(found, key=lambda run: (run.parent, len(run.name), run.name))
        level = [below for folder in level for below in folder.iterdir() if below.is_dir()]
    return []


Row = tuple[Mapping[str, Any], Status, float | None]


def _row(row: Mapping[str, Any]) -> Row:
    """Configuration, status and latency in ms of an evaluation."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row["configuration"].items()}
    status, latency = Status(row[contract.STATUS]), row[contract.LATENCY_MS]
    return values, status, float(latency) if status is Status.OK and latency is not None else None


def _facts(folder: Path, run: Path) -> TaskFacts:
    """Facts about the task: from the note beside replayed runs, or from the files of live runs.

    Raises:
        UserError: the files cannot be read.
    """
    note = folder / contract.REFERENCE_NOTE
    try:
        if note.is_file():
            return facts_of(load_yaml(read_text(note)))
        config = load_yaml(read_text(run / contract.CONFIG))
        kernel = dict(config["backend"].get("kernel") or {})
        environment = read_json(run / contract.ENVIRONMENT) if (run / contract.ENVIRONMENT).is_file() else {}
        shape = {name: value for name, value in kernel.items() if name not in ("_target_", "dtype")}
        task = str(config["task"]).partition("__")[0]
        device = environment.get("backend", {}).get("device")
        return facts_of({"task": task, "shape": shape, "dtype": kernel.get("dtype"), "device": device})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError, json.JSONDecodeError) as error:
        raise UserError(f"source={folder}: its task cannot be determined ({one_line(error, 200)})") from None
