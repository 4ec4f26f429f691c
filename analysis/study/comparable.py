"""Check that live runs and replays are comparable: the right kinds of run, one protocol, one recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.load import Study
from analysis.runs.run_directory import read_environment

_SAME = ("budget_evaluations", "strategy_arguments", "rules")


def check_kind(study: Study, kind: str, what: str) -> None:
    """Make sure that all runs have one kind of backend; ``what``: the name of the study's argument.

    Raises:
        AnalysisError: a run has another backend.
    """
    other = study.runs[study.runs["backend"] != kind]
    if len(other):
        raise AnalysisError(f"{other['path'].iloc[0]}: backend={other['backend'].iloc[0]}: expected {kind} in {what}")


def check_protocol(live: pd.DataFrame, replays: pd.DataFrame) -> None:
    """Make sure that a cell has one protocol, as a different protocol would look like a difference of live and replay.

    Raises:
        AnalysisError: different budgets or arguments, batches of several, or a budget in seconds.
    """
    one, other = live.iloc[0], replays.iloc[0]
    for name in _SAME:
        if str(one[name]) != str(other[name]):
            raise AnalysisError(f"{one['path']}: {name}={one[name]}: expected {other[name]} as in {other['path']}")
    for run in (one, other):
        if run["batch"] != 1:
            raise AnalysisError(f"{run['path']}: batch={run['batch']}: expected 1, so that the clock is a sum of costs")
        if np.isfinite(run["budget_seconds"]):
            raise AnalysisError(f"{run['path']}: budget.seconds={run['budget_seconds']:g}: expected none")


def judged_by_own_readings(live: pd.DataFrame, replays: pd.DataFrame) -> int:
    """The number of live runs judged by their own readings, as their environment.json names no recording.

    Raises:
        AnalysisError: a run was judged by another recording than that of the replays.
    """
    own, recording = 0, str(replays["landscape"].iloc[0])
    for path in live["path"]:
        file = Path(path) / contract.ENVIRONMENT
        judge = (read_environment(file).get("backend") or {}).get("judged_by") or {}
        judged_by = str(judge.get("landscape_sha256", ""))
        if judged_by and judged_by != recording:
            raise AnalysisError(
                f"{file}: judged_by.landscape_sha256={judged_by[:12]}: expected {recording[:12]}, the recording "
                f"of {replays['path'].iloc[0]}"
            )
        own += not judged_by
    return own
