"""The file FAILED, which a failed run leaves in its directory."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import MachineError, UserError
from harness.run import contract
from harness.system.atomic import write_text
from harness.system.documents import read_json
from harness.system.text import whole_line


@dataclass(frozen=True)
class Failed:
    """The content of FAILED.

    Attributes:
        message: one line.
        final: whether the run itself failed. Then input, disk and device are not at fault, and the same seed would fail
            in the same way after the same cost.
        trace: the traceback; empty if the user's input was at fault.
    """

    message: str
    final: bool
    trace: str

    def document(self) -> contract.FailedDocument:
        """The content of FAILED in JSON types."""
        return {"message": self.message, "final": self.final, "trace": self.trace}


def failed(path: Path) -> Failed | None:
    """The content of a run's FAILED; ``None`` if there is none. A damaged file still counts as a failure."""
    try:
        said: contract.FailedDocument = read_json(path / contract.FAILED)
        return Failed(whole_line(said["message"]), bool(said["final"]), str(said["trace"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError):
        return Failed(f"{contract.FAILED} is not readable", final=True, trace="")


@contextmanager
def failure_kept(path: Path) -> Iterator[None]:
    """Attempt the run in ``path``: remove the FAILED of an earlier attempt, and write a new one if this attempt fails.

    Ctrl-C and a kill are not failures: such a run is interrupted and can be resumed.
    """
    (path / contract.FAILED).unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        with suppress(OSError):  # the disk may be full, which may be the failure itself
            write_text(path / contract.FAILED, json.dumps(_failure(error).document(), indent=1))
        raise


def _failure(error: Exception) -> Failed:
    if isinstance(error, UserError):
        return Failed(whole_line(error), final=False, trace="")
    machine = isinstance(error, OSError | MemoryError | MachineError)
    return Failed(f"{type(error).__name__}: {whole_line(error)}", not machine, traceback.format_exc())
