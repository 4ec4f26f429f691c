"""Optuna's storages, read through Optuna: an SQLite file (``sqlite:///mine.db``) or a journal (``JournalFileBackend``).

A storage holds studies; a study's trials have parameters, a state and the objective's value
(https://optuna.readthedocs.io/en/stable/reference/storages.html). A storage does not say what the value is, so the user
states its unit. A trial that failed, or whose value is not a positive number, is a failure. A trial that was pruned,
waits or still runs is not an evaluation and is counted separately. The trials are those that a search tried.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.file import ForeignFile
from harness.formats.flatten import domains, flattened
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.options import ReadOptions
from harness.formats.units import CHOICES, SHORT, check_plausible, unit_option
from harness.formats.values import MS_PER_S
from harness.system.text import one_line

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

MAGIC = b"SQLite format 3\0"
FINISHED = ("COMPLETE", "FAIL")


@dataclass(frozen=True)
class Study:
    """A study in a storage, whose objective is minimised: its name and all its trials."""

    name: str
    trials: tuple[FrozenTrial, ...]


def is_optuna(file: ForeignFile) -> bool:
    """Return whether a file is an SQLite database or an Optuna journal."""
    return file.head.startswith(MAGIC) or "op_code" in file.first_object


def read_optuna(file: ForeignFile, options: ReadOptions) -> list[ForeignRecording]:
    """Read a recording for each study in a storage.

    Raises:
        UserError: the file is not a storage, ``--unit`` is missing, or a study has several objectives or maximises one.
    """
    if options.unit is None:
        raise UserError(
            f"{file.path}: an Optuna storage does not say what its values are: expected --unit with one of "
            f"{', '.join(CHOICES)}"
        )
    unit_s = unit_option(options.unit)
    studies = studies_of(file.path, journal=not file.head.startswith(MAGIC))
    return [_recording(file.path, study, unit_s, len(studies) > 1) for study in studies]


def studies_of(path: Path, journal: bool = False) -> list[Study]:
    """Read the studies of a storage; each must have one objective that is minimised.

    The file is opened read-only, because Optuna creates its tables in any SQLite file that it may write to.

    Raises:
        UserError: the file is not a storage, has no study, or has a study with another kind of objective.
    """
    import optuna
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    kind = "a journal" if journal else "SQLite"
    try:
        storage = _journal(path) if journal else _database(path)
        named = [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]
        directions = [[direction.name.lower() for direction in study.directions] for study in named]
        studies = [Study(study.study_name, tuple(study.trials)) for study in named]
    except (SQLAlchemyError, OptunaError, RuntimeError, KeyError, ValueError, TypeError, AssertionError) as error:
        cause = error.__cause__ or error
        reason = one_line(getattr(cause, "orig", None) or cause, 200)
        raise UserError(f"{path}: cannot be read ({reason}): expected an Optuna storage in {kind}") from None
    if not studies:
        raise UserError(f"{path}: contains no study: expected a study whose objective is a latency")
    for study, given in zip(studies, directions, strict=True):
        if given != ["minimize"]:
            raise UserError(f"{path}: study {study.name}: directions {', '.join(given)}: expected only minimize")
    return studies


def _database(path: Path) -> BaseStorage:
    import optuna

    how = {"creator": partial(sqlite3.connect, f"{path.resolve().as_uri()}?mode=ro", uri=True)}
    return optuna.storages.RDBStorage("sqlite://", engine_kwargs=how, skip_table_creation=True)


def _journal(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path)))


def finished(study: Study) -> list[FrozenTrial]:
    """Return the trials that are complete or failed."""
    return [trial for trial in study.trials if trial.state.name in FINISHED]


def latency_of(trial: FrozenTrial) -> float | None:
    """Return the objective's value of a trial, in its own unit; ``None`` for a failure."""
    value = trial.value if trial.state.name == "COMPLETE" else None
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _recording(path: Path, study: Study, unit_s: float, several: bool) -> ForeignRecording:
    trials = finished(study)
    if not trials:
        raise UserError(f"{path}: study {study.name}: no finished trial: expected evaluations")
    wheres = [f"{path}: study {study.name}: trial {trial.number}" for trial in trials]
    flat = flattened(path, wheres, [trial.params for trial in trials])
    rows = [_row(where, values, trial, unit_s) for where, values, trial in zip(wheres, flat, trials, strict=True)]
    read_as = f"{SHORT[unit_s]}, as --unit says"
    check_plausible(path, (row.samples_ms[0] for row in rows if row.samples_ms), read_as)
    others = Counter(trial.state.name.lower() for trial in study.trials if trial.state.name not in FINISHED)
    return ForeignRecording(
        path=path,
        domains=domains(flat),
        declared=False,
        rows=rows,
        kernel=study.name,
        timing={"source": "Optuna storage", "benchmark_s": "the trial's whole duration", "unit": read_as},
        read_as=read_as,
        name=study.name if several else "",
        searched=True,
        left_out={f"{state} trials": count for state, count in sorted(others.items())},
    )


def _row(where: str, values: dict[str, Any], trial: FrozenTrial, unit_s: float) -> ForeignRow:
    latency = latency_of(trial)
    message = "" if latency is not None else f"trial {trial.state.name.lower()}, value {trial.value}"
    return ForeignRow(
        where=where,
        values=values,
        status=Status.OK if latency is not None else Status.RUNTIME_ERROR,
        samples_ms=() if latency is None else (latency * unit_s * MS_PER_S,),
        costs_s=(0.0, 0.0, trial.duration.total_seconds() if trial.duration is not None else 0.0),
        message=message,
    )
