"""Progress of a sweep or of one run: a bar on a terminal, otherwise a plain line from time to time. Always on
stderr."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from harness.system.terminal import console, warn
from harness.system.text import printable

PLAIN_EVERY_S = 5.0
BURST_S = 0.05
"""Units closer together than this count as simultaneous, as in a batch or a log that is read again."""
NEWEST = 0.3
"""Weight of the newest unit, so that a fast reading of a log is forgotten after a few real units."""


def clock(seconds: float) -> str:
    """``0:01:30``."""
    return str(timedelta(seconds=round(seconds)))


class Pace:
    """Recent seconds per unit. The first unit starts the clock, since the time before it is start-up."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._since = 0.0
        self._units = 0
        self._smooth: float | None = None

    def unit(self, now: float) -> None:
        """Count one more unit, done at ``now`` in s on any monotonic clock."""
        if self._last is None:
            self._since = now
        else:
            if now - self._last > BURST_S:
                self._smooth, self._since, self._units = self.seconds, self._last, 0
            self._units += 1
        self._last = now

    @property
    def seconds(self) -> float | None:
        """Seconds per unit; ``None`` before the second unit."""
        if self._last is None or not self._units:
            return self._smooth
        newest = (self._last - self._since) / self._units
        return newest if self._smooth is None else (1 - NEWEST) * self._smooth + NEWEST * newest


def progress_line(what: str, done: int, total: int | None, elapsed_s: float, left_s: float | None, note: str) -> str:
    """The text of a plain progress line."""
    of = "" if total is None else f"/{total}"
    left = [] if left_s is None else [f"{clock(left_s)} left"]
    return ", ".join([f"{what}: {done}{of} in {clock(elapsed_s)}", *left, *([note] if note else [])])


class ProgressDisplay:
    """Counts ``total`` units (or an unknown number) of something named ``what``."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._note = ""
        self._shown = self._started = monotonic()
        self._pace = Pace()
        self._console = console()
        self._bar: Progress | None = None
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}", markup=False),
                TextColumn("{task.fields[note]}", markup=False),
                console=self._console,
                refresh_per_second=5,
                transient=True,
            )
            self._task = self._bar.add_task(printable(what), total=total, left="", note="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, note: str = "") -> None:
        """Count one more unit."""
        now = monotonic()
        self._done += 1
        self._pace.unit(now)
        self._note = note or self._note
        left = self._left_s()
        if self._bar is not None:
            shown = "" if left is None else f"{clock(left)} left"
            self._bar.update(self._task, completed=self._done, left=shown, note=printable(self._note))
        elif now - self._shown > PLAIN_EVERY_S:
            self._shown = now
            warn(progress_line(self._what, self._done, self._total, now - self._started, left, self._note))

    def _left_s(self) -> float | None:
        pace = self._pace.seconds
        return None if pace is None or self._total is None else pace * (self._total - self._done)
