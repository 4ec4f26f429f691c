"""The result of a call: one run, with its best configuration and its evaluations as a DataFrame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from harness.errors import UserError
from harness.evaluation import Configuration
from harness.run import contract
from harness.run.execute import RunResult
from harness.tuning.outcome import Outcome


@dataclass(frozen=True, repr=False)
class Run:
    """One finished run.

    Attributes:
        outcome: task, strategy, seed, and counts of the statuses and of the most common failures.
    """

    outcome: Outcome

    @property
    def path(self) -> Path:
        """The run's directory."""
        return self.outcome.path

    @property
    def best(self) -> Configuration | None:
        """The best configuration, parameter to value; ``None`` if no evaluation succeeded."""
        return None if self.outcome.best is None else self.outcome.best.configuration

    @property
    def best_ms(self) -> float:
        """The best known latency of that configuration in ms; nan if no evaluation succeeded."""
        return float("nan") if self.outcome.best is None else self.outcome.best.latency_ms

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """One row per evaluation, in order: ``config.*``, status, latency_ms (observed), oracle_ms (best known), costs
        and clock in s; ``harness/run/README.md`` describes every column."""
        return pd.read_parquet(self.path / contract.EVALUATIONS)

    def __repr__(self) -> str:
        made = f"{self.outcome.evaluations} evaluations, {self.outcome.failures} failed"
        best = "none succeeded" if self.best is None else f"best {self.best_ms:.6g} ms"
        return f"<Run {self.outcome.task}, {self.outcome.strategy}, seed {self.outcome.seed}: {made}, {best}>"


def done(result: RunResult) -> Path:
    """The directory of a finished run.

    Raises:
        UserError: the run failed in an earlier attempt and was not retried.
    """
    if result.ended == "failed":
        raise UserError(f"{result.path}: failed before ({result.message}): "
                        "expected overrides=['resume=retry_failed'] to retry it")  # fmt: skip
    return result.path
