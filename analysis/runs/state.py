"""The state of a run, from its directory alone; ``harness/run/state.py`` implements the same rules."""

from __future__ import annotations

import fcntl
import os
import re
import time
from dataclasses import dataclass
from enum import StrEnum
from io import FileIO
from pathlib import Path

from analysis.media import printable
from analysis.runs import contract
from analysis.runs.damage import damage, unverified
from analysis.runs.documents import read_bytes, read_json, without_waiting
from analysis.runs.version import check_run_version

_LONGEST = 2000
"""Length limit of a message in characters."""


class State(StrEnum):
    """The state of a run, or of an attempt that does not count; ARCHITECTURE.md defines each."""

    DONE = "done"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    MISSING = "missing"
    DAMAGED = "damaged"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, order=True)
class Name:
    """A run, named by its directory."""

    task: str
    label: str
    seed: int

    @property
    def place(self) -> Path:
        """The run's directory below the results folder."""
        return Path(self.task) / self.label / f"{contract.SEED_PREFIX}{self.seed}"


@dataclass(frozen=True, order=True)
class CountedRun:
    """A run, or a superseded attempt.

    Attributes:
        message: why it failed, what is damaged, or what superseded it; one line.
        directory: its directory, or the former one if it is in a consolidated file; empty for a missing run.
        unverified: whether its log has no checksums, since an older NearOpt wrote it.
    """

    run: Name
    state: State
    message: str = ""
    directory: str = ""
    unverified: bool = False


def name_of(directory: Path) -> Name | None:
    """The name of a run by its path; ``None`` if that is not ``TASK/LABEL/seed-N``."""
    number = directory.name.removeprefix(contract.SEED_PREFIX)
    if number == directory.name or not is_number(number) or len(directory.parts) < 3:
        return None
    return Name(printable(directory.parts[-3]), printable(directory.parts[-2]), int(number))


def is_number(text: str) -> bool:
    """Whether a text is a seed: decimal digits."""
    return text.isascii() and text.isdigit()


def run_state(directory: Path, deep: bool = True) -> CountedRun:
    """The state of the run in the existing ``directory``.

    Args:
        deep: also check the evaluations of a finished run.

    Raises:
        AnalysisError: a newer NearOpt made it.
    """
    name = name_of(directory) or Name(directory.parent.parent.name, directory.parent.name, 0)
    check_run_version(directory)
    running = held(directory)  # checked first, so that a run that ends meanwhile has its DONE
    wrong = damage(directory, deep)
    if not wrong and (directory / contract.DONE).exists():
        return CountedRun(name, State.DONE, "", str(directory))
    if running:
        return CountedRun(name, State.RUNNING, "", str(directory))
    if wrong:
        return CountedRun(name, State.DAMAGED, wrong, str(directory))
    if (directory / contract.FAILED).exists():
        message = " ".join(str(read_json(directory / contract.FAILED)["message"]).split())[:_LONGEST]
        return CountedRun(name, State.FAILED, message, str(directory), unverified(directory))
    return CountedRun(name, State.INTERRUPTED, "", str(directory), unverified(directory))


def held(directory: Path) -> bool:
    """Whether a process seems to be writing there: ``.lock`` is held, or ``.owner`` of another machine is fresh."""
    try:
        with FileIO(str(directory / contract.LOCK), "r", opener=without_waiting) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            note = directory / contract.OWNER
            said = read_json(note)
            kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return said.get("kernel") != kernel and time.time() - note.stat().st_mtime < contract.OWNER_S
    except BlockingIOError:
        return True
    except (OSError, ValueError, AttributeError):
        return False


def set_aside(directory: Path) -> list[str]:
    """The sorted names of earlier attempts in a run's directory."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.name.startswith(contract.ABORTED_PREFIX))
    except OSError:
        return []


_HASHES = re.compile(rb"^(config_hash|code_digest):[ \t]*['\"]?([^\s'\"]+)", re.MULTILINE)


def identity(directory: Path) -> tuple[str, str]:
    """``config_hash`` and ``code_digest`` of the run in a directory, empty if unknown; read as lines to be fast."""
    try:
        found = dict(_HASHES.findall(read_bytes(directory / contract.CONFIG)))
    except OSError:
        return "", ""
    of_config, of_code = (found.get(name, b"").decode("ascii", "replace") for name in (b"config_hash", b"code_digest"))
    return of_config, of_code
