"""One run of a sweep. Its outcome, even an exception, is a value that can be sent between processes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.config.schema import RunConfig, SweepOptions
from harness.errors import Busy, Unwritable, UserError
from harness.evaluation import Evaluation
from harness.run.execute import RunResult, Tally, execute
from harness.system.text import causes_line


@dataclass(frozen=True)
class Failure:
    """A run that ended with an error.

    Attributes:
        message: one line.
        trace: the traceback; empty if the user's input was at fault.
    """

    config: RunConfig
    message: str
    trace: str


@dataclass(frozen=True)
class Postponed:
    """A run that another process holds.

    Attributes:
        path: the run's directory.
    """

    path: Path


@dataclass(frozen=True)
class Halt:
    """Results cannot be written, so that no other run of the sweep can succeed.

    Attributes:
        message: one line.
    """

    message: str


AttemptResult = RunResult | Failure | Postponed | Halt
Report = Callable[[int, float | None, float | None], None]
"""Takes the number of evaluations so far, their lowest latency in ms, and for an asynchronous run the share of time
that its compile workers were busy."""


def attempt(config: RunConfig, options: SweepOptions, report: Report) -> AttemptResult:
    """Run ``config``; turn every exception into an outcome."""
    try:
        overlap = config.overlap

        def watch(_: Evaluation) -> None:
            report(tally.evaluations, tally.latency_ms, None if overlap is None else tally.busy(overlap.workers))

        tally = Tally(watch)
        return execute(config, options, tally)
    except Busy as error:
        return Postponed(error.path)
    except Unwritable as error:
        return Halt(str(error))
    except UserError as error:
        return Failure(config, str(error), "")
    except Exception as error:
        return Failure(config, f"{type(error).__name__}: {causes_line(error)}", traceback.format_exc())
