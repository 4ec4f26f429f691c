"""The one exception whose message is meant for the user's eyes."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Bad input: shown as one line on stderr, exit code 2, never with a traceback.

    The message names the file, field and value, and says what was expected.
    """


class Busy(UserError):
    """Another process is at the run in ``path``: a sweep comes back to it."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class OtherRun(UserError):
    """A directory holds another run than the one that would be written there.

    Attributes:
        what: the message without what to do about it.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}: {advice}")
        self.what = what


class Unwritable(UserError):
    """Results cannot be written (disk full, read-only, quota): no other run of a sweep could be either."""


class MachineError(RuntimeError):
    """The machine gave way under a run: not the run's own fault, so that it is worth another try."""
