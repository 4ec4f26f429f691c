"""Which state a run is in, by its directory alone. ``analysis/runs/state.py`` says the same of the same.

Whoever in the harness must know it asks here, and :mod:`harness.study.status` of a whole study.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.run import contract
from harness.run.damage import damage
from harness.run.failures import failed
from harness.run.version import check_run_version
from harness.system.documents import read_bytes
from harness.system.lease import holder


class State(StrEnum):
    """Of a run, or of an attempt at one that counts nowhere.

    ``done``: it left DONE, and its files are as DONE says. ``running``: a process on this machine holds its directory.
    ``interrupted``: begun, and nobody is at it; on a file system whose locks do not reach other machines, one of
    theirs may be. ``failed``: it left FAILED. ``missing``: a sweep planned it and there is no directory of it.
    ``damaged``: what is there cannot be as it was left, or cannot be looked into. ``superseded``: an attempt that a
    newer one of the same task, label and seed replaced: files in ``aborted-k/``, a row of consolidated.parquet of which
    another run is there, the older of two directories of one run.
    """

    DONE = "done"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    MISSING = "missing"
    DAMAGED = "damaged"
    SUPERSEDED = "superseded"


OPEN = (State.FAILED, State.MISSING, State.RUNNING, State.INTERRUPTED, State.DAMAGED)
"""Of runs that are not done."""


def run_state(directory: Path, deep: bool = True) -> tuple[State, str]:
    """The state of the run in ``directory``, which is there, and a line: why it failed, what of it is damaged, or
    which process is at it.

    Args:
        deep: look into the evaluations of a finished run too.

    Raises:
        UserError: a newer NearOpt made it.
    """
    check_run_version(directory)
    at_it = holder(directory)  # first: a run that ends meanwhile has its DONE
    wrong = damage(directory, deep)
    if not wrong and (directory / contract.DONE).exists():
        return State.DONE, ""
    if at_it is not None:
        return State.RUNNING, at_it
    if wrong:
        return State.DAMAGED, wrong
    failure = failed(directory)
    return (State.INTERRUPTED, "") if failure is None else (State.FAILED, failure.message)


def set_aside(directory: Path) -> list[str]:
    """The names of what lies in a run's directory of earlier attempts at it, sorted."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.name.startswith(contract.ABORTED_PREFIX))
    except OSError:
        return []


_SAID = re.compile(rb"^(config_hash|code_digest|streams):[ \t]*['\"]?([^\s'\"]+)", re.MULTILINE)


@dataclass(frozen=True)
class Identity:
    """What tells the run in a directory from others of its name.

    Attributes:
        config_hash, code_digest: empty where it does not say.
        streams: the version of its random streams.
    """

    config_hash: str = ""
    code_digest: str = ""
    streams: int = contract.FIRST_STREAMS

    @property
    def hashes(self) -> tuple[str, str]:
        return self.config_hash, self.code_digest


def identity(directory: Path) -> Identity:
    """Of the run in a directory; config.yaml is read as lines, for there may be thousands."""
    try:
        said = dict(_SAID.findall(read_bytes(directory / contract.CONFIG)))
    except OSError:
        return Identity()
    of_config, of_code = (said.get(name, b"").decode("ascii", "replace") for name in (b"config_hash", b"code_digest"))
    version = said.get(b"streams", b"")
    return Identity(of_config, of_code, int(version) if version.isdigit() else contract.FIRST_STREAMS)
