"""Progress of a sweep on stderr: a live table on a terminal, otherwise a plain line from time to time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from harness.config.schema import RunConfig
from harness.run.execute import RunResult
from harness.study.attempt import AttemptResult, Failure
from harness.system.progress import PLAIN_EVERY_S, clock
from harness.system.terminal import console as stderr_console
from harness.system.terminal import warn
from harness.system.text import printable

SHOWN_WORKERS = 16
SHOWN_TASKS = 3


@dataclass(frozen=True)
class _At:
    config: RunConfig
    evaluations: int
    best_ms: float | None
    busy: float | None = None

    @property
    def share(self) -> float:
        """The share of the run that is done, from 0 to 1, estimated from its evaluations."""
        budget = self.config.budget.evaluations
        return 0.0 if budget is None else min(1.0, self.evaluations / budget)


class SweepDisplay:
    """Counts the runs of a sweep and their evaluations, keeps the best of each task, and shows what workers do."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._total = total
        self._console = console or stderr_console()
        self._started = self._shown = monotonic()
        self._done = self._before = self._failed = self._evaluations = self._waiting = 0
        self._under_way: tuple[float, float] | None = None  # time of the first evaluation, and the progress then
        self._best: dict[str, float] = {}
        self._workers: dict[str, _At] = {}
        self._live = Live(get_renderable=self.table, console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._live.stop()

    def running(
        self, worker: str, config: RunConfig, evaluations: int, best_ms: float | None, busy: float | None = None
    ) -> None:
        """A worker reports on its run; ``busy`` is the share of an asynchronous run's compile workers that are
        compiling."""
        self._workers[worker] = _At(config, evaluations, best_ms, busy)
        if evaluations and self._under_way is None:
            self._under_way = monotonic(), self._progress()
        self._keep_best(config, best_ms)
        self._show_line()

    def ended(self, config: RunConfig, outcome: AttemptResult) -> None:
        """A run has ended, or is left to another process for now."""
        self._workers = {name: at for name, at in self._workers.items() if at.config is not config}
        if isinstance(outcome, RunResult):
            self._done += 1
            before = outcome.ended in ("skipped", "failed")
            self._before += before
            if not before:
                self._under_way = self._under_way or (self._started, 0.0)
                self._evaluations += outcome.evaluations
                self._keep_best(config, outcome.best_ms)
        elif isinstance(outcome, Failure):
            self._failed += 1
        self._show_line()

    def waiting(self, runs: int) -> None:
        """The number of runs left, all of which other processes hold."""
        if runs and not self._waiting and not self._console.is_terminal:
            warn(f"waiting for {runs} runs of other processes")
        self._waiting = runs

    def summary(self) -> str:
        """Runs done, evaluations made, time left and the best so far, on one line."""
        at = list(self._workers.values())
        evaluations = self._evaluations + sum(x.evaluations for x in at)
        now = monotonic()
        elapsed_s = now - self._started
        parts = [f"{self._done}/{self._total} runs"]
        if self._failed:
            parts.append(f"{self._failed} failed")
        parts.append(f"{evaluations:,} evaluations in {clock(elapsed_s)}")
        if (left_s := self.left_s(now)) is not None:
            parts.append(f"{clock(left_s)} left")
        if self._waiting:
            parts.append(f"waiting for {self._waiting} runs of other processes")
        latest = list(self._best.items())[-SHOWN_TASKS:]
        parts += [f"{task} best {best_ms:.4g} ms" for task, best_ms in latest]
        return ", ".join(parts)

    def left_s(self, now: float) -> float | None:
        """Expected seconds left, from the rate since the first evaluation; before it, workers were starting.

        Runs done before this sweep do not count. ``None`` until there is progress.
        """
        if self._under_way is None:
            return None
        at, then = self._under_way
        progress = self._progress()
        if progress <= then or now <= at:
            return None
        return (now - at) * (self._total - self._before - progress) / (progress - then)

    def _progress(self) -> float:
        """Runs done by this sweep; running ones count by their shares."""
        return self._done - self._before + self._failed + sum(x.share for x in self._workers.values())

    def table(self) -> RenderableType:
        """The table shown on a terminal."""
        bar = Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(self._total, self._done + self._failed, width=30), printable(self.summary()))
        workers = Table.grid(padding=(0, 2))
        for name, at in list(self._workers.items())[:SHOWN_WORKERS]:
            of = at.config.budget.evaluations
            best = "" if at.best_ms is None else f"best {at.best_ms:.4g} ms"
            count = f"{at.evaluations}" if of is None else f"{at.evaluations}/{of}"
            names = map(printable, (name, at.config.label, _task(at.config)))
            busy = "" if at.busy is None or at.config.overlap is None else (
                f"{at.config.overlap.workers} compile workers {at.busy:.0%} busy"
            )  # fmt: skip
            workers.add_row(*names, f"seed {at.config.seed}", count, best, busy)
        more = len(self._workers) - SHOWN_WORKERS
        return Group(bar, workers, *([f"… and {more} more"] if more > 0 else []))

    def _keep_best(self, config: RunConfig, best_ms: float | None) -> None:
        if best_ms is not None:
            task = _task(config)
            self._best[task] = min(best_ms, self._best.pop(task, best_ms))  # reinserted, so that the latest comes last

    def _show_line(self) -> None:
        now = monotonic()
        if not self._console.is_terminal and now - self._shown > PLAIN_EVERY_S:
            self._shown = now
            warn(self.summary())


def _task(config: RunConfig) -> str:
    landscape = config.backend.get("landscape")
    return Path(str(landscape)).stem if landscape else "" if config.task is None else config.task.name
