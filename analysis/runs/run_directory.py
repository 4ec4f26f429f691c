"""Read one run directory: its config, its evaluations and how it ended. Every fault names its file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.reference import kernel_of
from analysis.runs import contract
from analysis.runs.contract import ConfigDocument
from analysis.runs.documents import check_regular, load_yaml, read_json, read_text
from analysis.runs.log_lines import read_lines
from analysis.runs.names import check_names
from analysis.runs.rules import told_rules
from analysis.runs.version import check_run_version, check_version

MAX_VALUES = 200_000_000
"""Limit on the values of a Parquet file: a kilobyte of repetitions may expand beyond any memory."""


def read_config(path: Path) -> ConfigDocument:
    try:
        config = load_yaml(read_text(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AnalysisError(f"{path}: damaged: {first_line(error)}") from error
    if not isinstance(config, dict):
        raise AnalysisError(f"{path}: damaged: expected a mapping")
    check_version(path, config.get("format_version", 1))
    for name, kind in (("task", str), ("strategy", dict), ("seed", int), ("budget", dict)):
        if not isinstance(config.get(name), kind):
            raise AnalysisError(f"{path}: {name}={config.get(name)!r}: expected a {kind.__name__}")
    if "label" not in config["strategy"]:
        raise AnalysisError(f"{path}: strategy.label is missing: expected the strategy's name")
    check_names(path, config["task"], config["strategy"]["label"])
    return cast(ConfigDocument, config)


def is_live(config: ConfigDocument) -> bool:
    """Whether a run was measured on a device, by its config.yaml."""
    return str((config.get("backend") or {}).get("kind", "")) == "live"


def streams_of(config: ConfigDocument) -> int:
    """The version of a run's random streams, by its config.yaml."""
    return int(config.get("streams") or contract.FIRST_STREAMS)


@dataclass(frozen=True)
class RunLog:
    """One run as it was written: a finished run, or one that failed after its first evaluations.

    Attributes:
        path: its directory.
        config: config.yaml.
        ended: why it ended, from DONE; ``failed`` if there is FAILED instead.
        columns: ``ok``, the contract's ``REQUIRED_NUMBERS``, and those of ``OPTIONAL_NUMBERS`` that were logged; in
            order. [evaluations]
        repairs: number of evaluations with a repaired configuration.
    """

    path: Path
    config: ConfigDocument
    ended: str
    columns: dict[str, NDArray[Any]]
    repairs: int

    @property
    def cell(self) -> tuple[str, str]:
        """Task and strategy label, by its configuration."""
        return str(self.config["task"]), str(self.config["strategy"]["label"])

    @property
    def name(self) -> tuple[str, str, int]:
        """Task, strategy label and seed, by its configuration."""
        return *self.cell, self.config["seed"]


def read_run(directory: Path) -> RunLog:
    """Read an undamaged run directory with DONE (:func:`analysis.runs.damage.damage`).

    Raises:
        AnalysisError: a file is missing or damaged, or a newer NearOpt wrote it.
    """
    check_run_version(directory)
    config = read_config(directory / contract.CONFIG)
    ended = _ended(directory / contract.DONE)
    columns = read_evaluations(directory / contract.EVALUATIONS)
    repairs = int(columns.pop(contract.REPAIRED, np.zeros(0)).sum())
    return RunLog(directory, config, ended, columns, repairs)


def read_failed(directory: Path) -> RunLog | None:
    """Read an undamaged run directory with FAILED: what it spent, by its log; ``None`` without a log.

    Raises:
        AnalysisError: its configuration is damaged, or a newer NearOpt wrote it.
    """
    check_run_version(directory)
    config = read_config(directory / contract.CONFIG)
    log = directory / contract.LOG
    rows = read_lines(log.read_bytes()).rows if log.exists() else []
    if not rows:
        return None
    columns: dict[str, NDArray[Any]] = {
        contract.OK: np.array([row[contract.STATUS] == contract.OK_STATUS for row in rows])
    }
    for name in contract.LISTS:
        if name in contract.REQUIRED_NUMBERS or all(name in row for row in rows):
            columns[name] = np.array([row[name] for row in rows], dtype=np.float64)
    repairs = sum(bool(row.get(contract.REPAIRED)) for row in rows)
    return RunLog(directory, config, contract.ENDED_FAILED, columns, repairs)


def read_evaluations(path: Path) -> dict[str, NDArray[Any]]:
    """Read a run's evaluations in order of ``index``, with ``ok`` for the status."""
    table = read_parquet(path, contract.EVALUATION_COLUMNS, contract.OPTIONAL_EVALUATION_COLUMNS)
    if table.num_rows == 0:
        raise AnalysisError(f"{path.parent}: {path.name} has no row: expected at least one evaluation")
    ok = np.asarray(pc.equal(table.column(contract.STATUS), contract.OK_STATUS).to_numpy())
    columns: dict[str, NDArray[Any]] = {contract.OK: ok}
    for name in table.column_names:
        if name in contract.LISTS:
            columns[name] = _numbers(path, name, table.column(name))
    if contract.REPAIRED in table.column_names:
        columns[contract.REPAIRED] = np.asarray(table.column(contract.REPAIRED).to_numpy(), dtype=bool)
    if contract.INDEX in table.column_names and (np.diff(table.column(contract.INDEX).to_numpy()) < 0).any():
        raise AnalysisError(f"{path}: {contract.INDEX} is out of order: expected 0, 1, 2, ...")
    if np.isnan(columns[contract.LATENCY_MS][ok]).any():
        raise AnalysisError(f"{path}: {contract.LATENCY_MS} is empty where status=ok: expected a number")
    if np.isnan(columns[contract.CLOCK_END_S]).any():
        raise AnalysisError(f"{path}: {contract.CLOCK_END_S} is empty: expected seconds")
    return columns


def _numbers(path: Path, name: str, column: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise AnalysisError(f"{path}: {name}: expected numbers: {first_line(error)}") from error


def read_parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Any:
    try:
        check_regular(path)
        with pq.ParquetFile(path) as file:
            present = set(file.schema_arrow.names)
            missing = [name for name in required if name not in present]
            if missing:
                raise AnalysisError(f"{path}: column {missing[0]} is missing")
            chosen = {*required, *optional}
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            parts = [group.column(i) for group in groups for i in range(group.num_columns)]
            values = sum(part.num_values for part in parts if part.path_in_schema.split(".", 1)[0] in chosen)
            if values > MAX_VALUES:
                raise AnalysisError(f"{path}: {values} values: expected at most {MAX_VALUES}")
            return file.read(columns=[*required, *(name for name in optional if name in present)])
    except FileNotFoundError as error:
        raise AnalysisError(f"{path}: missing, although the run is marked as done") from error
    except (OSError, pa.ArrowException) as error:
        raise AnalysisError(f"{path}: damaged: {first_line(error)}") from error


def run_row(log: RunLog) -> dict[str, Any]:
    """One row of ``Study.runs``; see :class:`analysis.runs.load.Study` for the columns."""
    config = log.config
    task, strategy = config["task"], dict(config["strategy"])
    label = str(strategy.pop("label"))
    budget, backend, reference = config["budget"], config.get("backend") or {}, config.get("reference") or {}
    return {
        "path": str(log.path),
        "task": task,
        "kernel": kernel_of(task),
        "strategy": label,
        "seed": config["seed"],
        "streams": streams_of(config),
        "budget_evaluations": _number(budget.get("evaluations")),
        "budget_seconds": _number(budget.get("seconds")),
        "batch": int(config.get("batch") or 1),
        "compile_workers": _workers(config),
        "schedule": _schedule(config),
        "start": json.dumps(start, sort_keys=True, default=str) if (start := config.get("start")) else "",
        "source": _source(config),
        "rules": told_rules(log.path, config),
        "backend": str(backend.get("kind", "")),
        "noise": str(backend.get("noise", "")),
        "asks_charged": bool(backend.get("charge_ask", is_live(config))),
        "landscape": str(backend.get("landscape_sha256") or ""),
        "evaluations": len(log.columns[contract.OK]),
        "failures": int((~log.columns[contract.OK]).sum()),
        "repairs": log.repairs,
        "clock_s": float(log.columns[contract.CLOCK_END_S].max()),
        "ended": log.ended,
        "config_hash": str(config.get("config_hash", "")),
        "code": str(config.get("code_digest", "")),
        "strategy_arguments": json.dumps(strategy, sort_keys=True, default=str),
        "coverage": str(reference.get("coverage") or "exhaustive"),
        "t_star_ms": _number(reference.get("t_star_ms")),
    }


def _workers(config: Mapping[str, Any]) -> int:
    said = (config.get("schedule") or {}).get("workers") or (config.get("backend") or {}).get("compile_workers")
    return int(said or 1)


def _schedule(config: Mapping[str, Any]) -> str:
    """``batch``, ``async``, or ``async, asked ahead``."""
    schedule = config.get("schedule") or {}
    return str(schedule.get("kind") or "batch") + (", asked ahead" if schedule.get("ask_ahead") else "")


def _source(config: Mapping[str, Any]) -> str:
    """The sizes and tasks from which the strategy learnt, as JSON; empty without a source.

    Which part is used may depend on the seed.
    """
    source = config.get("source")
    if not isinstance(source, Mapping):
        return ""
    of = [[one.get("task"), one.get("device")] for one in source.get("of") or []]
    return json.dumps({**source, "of": of}, sort_keys=True, default=str)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _ended(path: Path) -> str:
    try:
        document = json.loads(read_text(path) or "{}")
    except (OSError, ValueError, RecursionError) as error:
        raise AnalysisError(f"{path}: damaged: {first_line(error)}") from error
    return str(document.get("ended", "budget")) if isinstance(document, dict) else "budget"


def read_environment(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path)
    except (OSError, ValueError):
        return {}  # for the record only: no number depends on it
    return document if isinstance(document, dict) else {}


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
