"""Read one run directory: its config, its evaluations and how it ended. Every fault names its file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from analysis.errors import AnalysisError
from analysis.reference import kernel_of

_YAML: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EVALUATION_REQUIRED = ["status", "latency_ms", "oracle_ms", "clock_end_s"]
_REFERENCE_REQUIRED = ["status", "latency_ms", "oracle_ms"]
_REFERENCE_OPTIONAL = ["key", "compile_s", "verify_s", "benchmark_s", "origin"]


def read_config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=_YAML)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AnalysisError(f"{path}: damaged: {_first_line(error)}") from error
    if not isinstance(config, dict):
        raise AnalysisError(f"{path}: damaged: expected a mapping")
    for name, kind in (("task", str), ("strategy", dict), ("seed", int), ("budget", dict)):
        if not isinstance(config.get(name), kind):
            raise AnalysisError(f"{path}: {name}={config.get(name)!r}: expected a {kind.__name__}")
    if "label" not in config["strategy"]:
        raise AnalysisError(f"{path}: strategy.label is missing: expected the strategy's name")
    return config


def is_live(config: dict[str, Any]) -> bool:
    """Whether a run measured on a device, by its config.yaml."""
    return str((config.get("backend") or {}).get("kind", "")) == "live"


def read_evaluations(path: Path, optional: Sequence[str] = ()) -> pd.DataFrame:
    """One run's evaluations, with ``ok`` for the status; rows in order of ``index``.

    Args:
        optional: further columns of numbers, read where present.
    """
    table = _read_parquet(path, _EVALUATION_REQUIRED, ["repaired", "index", *optional])
    columns = {name: table.column(name).to_numpy() for name in table.column_names if name != "status"}
    columns["ok"] = np.asarray(pc.equal(table.column("status"), "ok").to_numpy())
    frame = pd.DataFrame(columns)
    for name in ("latency_ms", "oracle_ms", "clock_end_s"):
        frame[name] = frame[name].astype(np.float64)
    for name in [name for name in optional if name in frame]:
        try:
            frame[name] = frame[name].astype(np.float64)
        except (TypeError, ValueError) as error:
            raise AnalysisError(f"{path}: {name}: expected numbers: {_first_line(error)}") from error
    if "index" in frame and not frame["index"].is_monotonic_increasing:
        raise AnalysisError(f"{path}: index is out of order: expected 0, 1, 2, ...")
    if frame.loc[frame["ok"], "latency_ms"].isna().any():
        raise AnalysisError(f"{path}: latency_ms is empty where status=ok: expected a number")
    if frame["clock_end_s"].isna().any():
        raise AnalysisError(f"{path}: clock_end_s is empty: expected seconds")
    return frame


def _read_parquet(path: Path, required: list[str], optional: list[str]) -> Any:
    try:
        with pq.ParquetFile(path) as file:
            present = set(file.schema_arrow.names)
            missing = [name for name in required if name not in present]
            if missing:
                raise AnalysisError(f"{path}: column {missing[0]} is missing")
            return file.read(columns=required + [name for name in optional if name in present])
    except FileNotFoundError as error:
        raise AnalysisError(f"{path}: missing, although the run is marked as done") from error
    except (OSError, pa.ArrowException) as error:
        raise AnalysisError(f"{path}: damaged: {_first_line(error)}") from error


def read_reference(path: Path) -> pd.DataFrame:
    """A task's recorded table: status, latency_ms, oracle_ms, and costs, key and origin where present."""
    table: pd.DataFrame = _read_parquet(path, _REFERENCE_REQUIRED, _REFERENCE_OPTIONAL).to_pandas()
    if table.empty:
        raise AnalysisError(f"{path}: no row: expected one per feasible configuration")
    return table


def run_row(directory: Path, config: dict[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    """One row of ``Study.runs``; see :class:`analysis.load.Study` for the columns."""
    task, strategy = config["task"], dict(config["strategy"])
    label = str(strategy.pop("label"))
    budget, backend, reference = (config.get(name) or {} for name in ("budget", "backend", "reference"))
    if frame.empty:
        raise AnalysisError(f"{directory}: evaluations.parquet has no row: expected at least one evaluation")
    return {
        "path": str(directory),
        "task": task,
        "kernel": kernel_of(task),
        "strategy": label,
        "seed": config["seed"],
        "budget_evaluations": _number(budget.get("evaluations")),
        "budget_seconds": _number(budget.get("seconds")),
        "batch": int(config.get("batch") or 1),
        "compile_workers": int(backend.get("compile_workers") or 1),
        "backend": str(backend.get("kind", "")),
        "noise": str(backend.get("noise", "")),
        "landscape": str(backend.get("landscape_sha256") or ""),
        "evaluations": len(frame),
        "failures": int((~frame["ok"]).sum()),
        "repairs": int(frame["repaired"].sum()) if "repaired" in frame else 0,
        "clock_s": float(frame["clock_end_s"].max()),
        "ended": _ended(directory / "DONE"),
        "config_hash": str(config.get("config_hash", "")),
        "strategy_arguments": json.dumps(strategy, sort_keys=True, default=str),
        "coverage": str(reference.get("coverage") or "exhaustive"),
        "t_star_ms": _number(reference.get("t_star_ms")),
    }


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _ended(path: Path) -> str:
    try:
        document = json.loads(path.read_text(encoding="utf-8") or "{}")
    except (OSError, ValueError) as error:
        raise AnalysisError(f"{path}: damaged: {_first_line(error)}") from error
    return str(document.get("ended", "budget")) if isinstance(document, dict) else "budget"


def read_environment(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # for the record only: no number depends on it
    return document if isinstance(document, dict) else {}


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def read_facts(path: Path) -> dict[str, Any]:
    """What the harness notes about a recording beside its table; empty where there is no such file."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_YAML)
    except (OSError, ValueError, yaml.YAMLError):
        return {}  # for the record only: no number depends on it
    return document if isinstance(document, dict) else {}
