"""Earlier tunings in an Optuna storage: every study of an SQLite file, with the latency in ms as its objective."""

from __future__ import annotations

import math
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.source import Source
from harness.errors import UserError
from harness.evaluation import Status
from harness.landscapes.facts import TaskFacts
from harness.run.alignment import Observed
from harness.system.text import one_line

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

SUFFIXES = (".db", ".sqlite", ".sqlite3")


def observed_studies(path: Path, source: Source) -> list[Observed]:
    """The finished trials of every study in the file, the first ``source.evaluations`` of each.

    The file is opened read-only, since Optuna creates its tables in any writable SQLite file. A trial that failed, or
    whose value is not finite, is a failure; pruned and running trials are left out.

    Raises:
        UserError: the file is not an Optuna storage, or a study has several objectives or maximises one.
    """
    import optuna
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    how = {"creator": partial(sqlite3.connect, f"{path.resolve().as_uri()}?mode=ro", uri=True)}
    try:
        storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs=how, skip_table_creation=True)
        studies = [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]
    except (SQLAlchemyError, OptunaError, RuntimeError, KeyError, ValueError) as error:
        cause = error.__cause__ or error
        reason = one_line(getattr(cause, "orig", None) or cause, 200)
        raise UserError(f"source={path}: cannot be read ({reason}): expected an Optuna storage in SQLite") from None
    if not studies:
        raise UserError(f"source={path}: contains no study: expected a study whose objective is a latency in ms")
    return [_of_study(path, study, source) for study in studies]


def _of_study(path: Path, study: Study, source: Source) -> Observed:
    from optuna.study import StudyDirection

    if study.directions != [StudyDirection.MINIMIZE]:
        wrong = ", ".join(direction.name.lower() for direction in study.directions)
        raise UserError(f"source={path}: study {study.study_name}: directions {wrong}: expected only minimize")
    trials = [trial for trial in study.trials if trial.state.name in ("COMPLETE", "FAIL")][: source.evaluations]
    latencies = [_latency_ms(trial) for trial in trials]
    return Observed(
        name=study.study_name,
        facts=TaskFacts(task=study.study_name),
        configurations=[dict(trial.params) for trial in trials],
        statuses=[Status.RUNTIME_ERROR if latency is None else Status.OK for latency in latencies],
        latencies_ms=latencies,
    )


def _latency_ms(trial: FrozenTrial) -> float | None:
    value = trial.value if trial.state.name == "COMPLETE" else None
    return value if value is not None and math.isfinite(value) and value > 0 else None
