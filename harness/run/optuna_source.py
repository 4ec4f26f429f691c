"""Earlier tunings in an Optuna storage: every study of an SQLite file, with the latency in ms as its objective."""

from __future__ import annotations

from pathlib import Path

from harness.config.source import Source
from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.optuna_storage import Study, finished, latency_of, studies_of
from harness.landscapes.facts import TaskFacts
from harness.run.alignment import Observed

SUFFIXES = (".db", ".sqlite", ".sqlite3")


def observed_studies(path: Path, source: Source) -> list[Observed]:
    """The finished trials of every study in the file, the first ``source.evaluations`` of each.

    A trial that failed, or whose value is not finite, is a failure; pruned and running trials are left out.

    Raises:
        UserError: the file is not an Optuna storage, or a study has several objectives or maximises one.
    """
    try:
        studies = studies_of(path)
    except UserError as error:
        raise UserError(f"source={error}") from None
    return [_of_study(study, source) for study in studies]


def _of_study(study: Study, source: Source) -> Observed:
    trials = finished(study)[: source.evaluations]
    latencies = [latency_of(trial) for trial in trials]
    return Observed(
        name=study.name,
        facts=TaskFacts(task=study.name),
        configurations=[dict(trial.params) for trial in trials],
        statuses=[Status.RUNTIME_ERROR if latency is None else Status.OK for latency in latencies],
        latencies_ms=latencies,
    )
