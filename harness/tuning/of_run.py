"""The outcome of a run, finished or not, from the files in its directory alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from harness.errors import UserError
from harness.run import contract
from harness.run.given import given_default
from harness.run.kept import kept_rows
from harness.run.state import State, run_state
from harness.system.documents import read_text
from harness.system.names import check_names
from harness.system.yaml_text import load_yaml
from harness.tuning.outcome import (
    FINALISTS,
    RECORDED,
    RETIMED,
    Outcome,
    Tried,
    best_of,
    commonest_messages,
    counted,
    latency_of,
)


def outcome_of_run(run: Path) -> Outcome:
    """The outcome so far of the run in a directory.

    Latencies of a replay are those of its recording; those of a live run come from ``retimed.parquet`` beside it, if it
    has them, and otherwise are readings.

    Raises:
        UserError: a file of the run is damaged, or a newer NearOpt made the run.
    """
    state, why = run_state(run)
    if state is State.DAMAGED:
        raise UserError(f"{run}: damaged: {why}")
    config = _document(run / contract.CONFIG)
    task, label, seed = config["task"], str(config["strategy"]["label"]), int(config["seed"])
    live = (config.get("backend") or {}).get("kind") == "live"
    task_folder = run.parent.parent
    retimed, vendor = _retimed(task_folder / contract.RETIMED, label, seed) if live else ({}, None)
    tried = _tried(run, live, retimed)
    note = _note(task_folder / contract.REFERENCE_NOTE)
    default_ms = latency_of(tried, given_default(config))
    if default_ms is None:
        default_ms = (note.get("default") or {}).get("latency_ms")
    return Outcome(
        task=task,
        path=run,
        strategy=label,
        seed=seed,
        state=str(state),
        best=best_of(tried, RETIMED) if live else best_of(tried, RECORDED, FINALISTS),
        evaluations=len(tried),
        statuses=counted(tried),
        messages=commonest_messages(tried),
        default_ms=default_ms,
        vendor=vendor or vendor_of(note),
    )


def vendor_of(document: Mapping[str, Any]) -> tuple[str, float] | None:
    """The vendor's name and latency in ms in a recording's document."""
    said = document.get("vendor") or {}
    return (str(said["name"]), float(said["latency_ms"])) if said.get("latency_ms") is not None else None


def _tried(run: Path, live: bool, retimed: Mapping[int, float]) -> list[Tried]:
    return [
        Tried(
            configuration=row["configuration"],
            status=str(row[contract.STATUS]),
            message=str(row.get("message") or ""),
            latency_ms=row[contract.LATENCY_MS],
            known_ms=retimed.get(index) if live else row.get(contract.ORACLE_MS),
        )
        for index, row in enumerate(kept_rows(run))
    ]


def _retimed(path: Path, label: str, seed: int) -> tuple[dict[int, float], tuple[str, float] | None]:
    """Latencies in ms of a run's re-timed evaluations, by index, and the vendor's."""
    if not path.exists():
        return {}, None
    try:
        table = pq.ParquetFile(path).read()
        document = json.loads((table.schema.metadata or {})[contract.METADATA_KEY])
        rows = table.to_pylist()
        mine = [row for row in rows if (row[contract.LABEL], row[contract.SEED]) == (label, seed)]
        known = {row[contract.INDEX]: row[contract.ORACLE_MS] for row in mine if row[contract.SAMPLES_MS]}
        return known, vendor_of(document)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{path}: damaged: {(str(error).splitlines() or ['?'])[0]}") from None


def _document(path: Path) -> dict[str, Any]:
    try:
        document = load_yaml(read_text(path))
        check_names(path, document["task"], document["strategy"]["label"])
        int(document["seed"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({error}): expected a run's configuration") from None
    return dict(document)


def _note(path: Path) -> Mapping[str, Any]:
    """The content of reference.yaml, used only for the default and the vendor; empty if there is none."""
    try:
        document = load_yaml(read_text(path))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return document if isinstance(document, dict) else {}
