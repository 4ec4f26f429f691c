"""Progress of a sweep or of one run: a bar on a terminal, a plain line now and then elsewhere. Always on stderr."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from harness.system.terminal import console, warn
from harness.system.text import printable

PLAIN_EVERY_S = 5.0


class ProgressDisplay:
    """Counts ``total`` units (or an unknown number) of something named ``what``."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._note = ""
        self._shown = self._started = monotonic()
        self._console = console()
        self._bar: Progress | None = None
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                console=self._console,
                refresh_per_second=5,
                transient=True,
            )
            self._task = self._bar.add_task(printable(what), total=total, note="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, note: str = "") -> None:
        """One more unit is done."""
        self._done += 1
        self._note = note or self._note
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, note=printable(self._note))
        elif monotonic() - self._shown > PLAIN_EVERY_S:
            self._shown = monotonic()
            of = "" if self._total is None else f"/{self._total}"
            elapsed = self._shown - self._started
            warn(f"{self._what}: {self._done}{of} in {elapsed:.0f} s {self._note}".rstrip())
