"""Exceptions whose messages are meant for the user."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Bad input. It is shown as one line on stderr with exit code 2, never with a traceback.

    The message names the file, field and value, and says what was expected.
    """


class Busy(UserError):
    """Another process holds the run in ``path``; a sweep retries it at the end."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class OtherRun(UserError):
    """A directory already holds another run than the one to be written there.

    Attributes:
        what: the message without its advice.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}: {advice}")
        self.what = what


class Unwritable(UserError):
    """Results cannot be written (disk full, read-only, quota): no other run of a sweep could write its own."""


class MachineError(RuntimeError):
    """The machine failed during a run. The run itself is not at fault, so that a retry may succeed."""
