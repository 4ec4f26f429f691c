"""A baseline without runs: the exact law of random search on the suite's recordings.

Without noise the law is a closed form. With ``noise=recorded``, readings may mislead a run, so the draws of the law are
read with that noise too and simulated until the error is small, as in a report's verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.errors import AnalysisError
from analysis.gate.side_times import Protocol
from analysis.reference import by_parameter_unknown, true_latency
from analysis.runs.library import Library
from analysis.runs.recordings import Reference, landscape_reference, read_readings
from analysis.statistics.ert import LogEstimate
from analysis.statistics.readings import Readings, readings
from analysis.statistics.until_precise import ERROR
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM, Baseline
from analysis.study.laws import BY_PARAMETER, law_of
from analysis.study.simulated_baseline import Conditions, noise_costs, readings_of_space, searched_rows

WORDS = {
    EXACT_RANDOM: "exact random search, uniform over the recorded configurations",
    EXACT_BY_PARAMETER: "exact random search by parameter",
}
READ = "read with the recorded noise"


@dataclass(frozen=True)
class ExactErts:
    """The exact law of random search as a gate's baseline.

    Attributes:
        label: ``exact_random`` or ``exact_random_by_parameter``.
        source: a description.
        erts: task to log ERT in evaluations at the suite's budget; the standard error is that of the simulation.
    """

    label: str
    source: str
    erts: Mapping[str, LogEstimate]

    @property
    def error(self) -> float:
        """The largest relative standard error of a task's ERT; 0 if all are closed forms."""
        return max(log.se for log in self.erts.values())


def exact_erts(label: str, files: Mapping[str, Path], protocol: Protocol, target: float, library: Library) -> ExactErts:
    """The exact law of a suite's tasks.

    Args:
        files: task to its landscape file.
        library: knows the probability of each configuration under random search by parameter.

    Raises:
        AnalysisError: the law is unknown on a task, or no configuration of a task is within the target.
    """
    kind = Baseline(label).kind
    erts = {}
    for task, file in files.items():
        reference = landscape_reference(file, library.table)
        if kind == BY_PARAMETER and (why := by_parameter_unknown(reference.table, reference.coverage)):
            raise AnalysisError(f"--against {label}: {task}: {why}: expected a suite of exhaustive recordings")
        log = _log_ert(reference, kind, protocol, target)
        if log is None:
            raise AnalysisError(f"--against {label}: {task}: no configuration of its space is within {target:.0%}")
        erts[task] = log
    return ExactErts(label, WORDS[label] + ("" if protocol.noise == "none" else f", {READ}"), erts)


def _log_ert(reference: Reference, kind: str, protocol: Protocol, target: float) -> LogEstimate | None:
    """log ERT with restarts at the suite's budget, like the candidate's; ``None`` without a hit in the space."""
    table = reference.table
    t_star = float(true_latency(table).min())
    law = law_of(table, t_star, target, kind)
    exact = np.inf if law is None else law.evaluations(protocol.evaluations)
    if not 0 < exact < np.inf:
        return None
    log = float(np.log(exact))
    if protocol.noise == "none":
        return LogEstimate(log)
    read = readings_of_space(_readings(reference), table)
    rows = searched_rows(table, t_star, (target,), kind)
    ratio = noise_costs(rows, read, Conditions(protocol.evaluations), ERROR)[target, "evaluations"]
    return LogEstimate(log + float(np.log(ratio.value)), ratio.error)


def _readings(reference: Reference) -> Readings:
    """Readings as replay makes them: if no samples are recorded, the single latency."""
    if reference.samples is not None:
        return read_readings(reference.samples, reference.table)
    latency = reference.table["latency_ms"].to_numpy(np.float64, na_value=np.nan)
    return readings([np.array([value]) if np.isfinite(value) else np.empty(0) for value in latency])
