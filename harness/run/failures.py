"""FAILED: what a run that broke down leaves in its directory."""

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
    """What FAILED says.

    Attributes:
        message: one line.
        final: the run itself broke down. Its input, disk or device are not to blame, and with the same seed it would
            break down the same way after the same cost.
        trace: the traceback, empty where the user's input was at fault.
    """

    message: str
    final: bool
    trace: str

    def document(self) -> contract.FailedDocument:
        """As FAILED holds it."""
        return {"message": self.message, "final": self.final, "trace": self.trace}


def failed(path: Path) -> Failed | None:
    """What a run directory's FAILED says, or ``None`` while there is none. A damaged one is a failure all the same."""
    try:
        said: contract.FailedDocument = read_json(path / contract.FAILED)
        return Failed(whole_line(said["message"]), bool(said["final"]), str(said["trace"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError):
        return Failed(f"{contract.FAILED} is not readable", final=True, trace="")


@contextmanager
def failure_kept(path: Path) -> Iterator[None]:
    """An attempt at the run in ``path``: FAILED of an earlier one goes, and one comes if it breaks down.

    Ctrl-C is no failure, and neither is a kill: such a run is interrupted and goes on.
    """
    (path / contract.FAILED).unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        with suppress(OSError):  # a full disk, perhaps the failure itself
            write_text(path / contract.FAILED, json.dumps(_failure(error).document(), indent=1))
        raise


def _failure(error: Exception) -> Failed:
    if isinstance(error, UserError):
        return Failed(whole_line(error), final=False, trace="")
    machine = isinstance(error, OSError | MemoryError | MachineError)
    return Failed(f"{type(error).__name__}: {whole_line(error)}", not machine, traceback.format_exc())
