"""The state of a run, from its directory alone; ``analysis/runs/state.py`` implements the same rules.

All code of the harness that needs the state uses this module, or :mod:`harness.study.status` for a whole study.
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
    """The state of a run, or of an attempt that does not count.

    ``done``: DONE exists, and the files match it. ``running``: a process on this machine holds the directory.
    ``interrupted``: begun, and no process holds it; on a file system without locks across machines, a process elsewhere
    may hold it. ``failed``: FAILED exists. ``missing``: a sweep planned the run, and it has no directory. ``damaged``:
    the files cannot be as they were written, or cannot be read. ``superseded``: an attempt that a newer one of the same
    task, label and seed replaced: files in ``aborted-k/``, a row of consolidated.parquet in whose place another run is
    present, or the older of two directories of one run.
    """

    DONE = "done"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    MISSING = "missing"
    DAMAGED = "damaged"
    SUPERSEDED = "superseded"


OPEN = (State.FAILED, State.MISSING, State.RUNNING, State.INTERRUPTED, State.DAMAGED)
"""States of runs that are not done."""


def run_state(directory: Path, deep: bool = True) -> tuple[State, str]:
    """The state of the run in the existing ``directory``, and a one-line reason: why it failed, what is damaged, or
    which process holds it.

    Args:
        deep: also check the evaluations of a finished run.

    Raises:
        UserError: a newer NearOpt made the run.
    """
    check_run_version(directory)
    at_it = holder(directory)  # checked first, since a run that ends meanwhile has written DONE
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
    """Names of the folders of earlier attempts in a run's directory, sorted."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.name.startswith(contract.ABORTED_PREFIX))
    except OSError:
        return []


_SAID = re.compile(rb"^(config_hash|code_digest|streams):[ \t]*['\"]?([^\s'\"]+)", re.MULTILINE)


@dataclass(frozen=True)
class Identity:
    """What distinguishes the run in a directory from other runs of its name.

    Attributes:
        config_hash, code_digest: empty if config.yaml does not state it.
        streams: the version of its random streams.
    """

    config_hash: str = ""
    code_digest: str = ""
    streams: int = contract.FIRST_STREAMS

    @property
    def hashes(self) -> tuple[str, str]:
        return self.config_hash, self.code_digest


def identity(directory: Path) -> Identity:
    """The identity of the run in a directory; config.yaml is read line by line for speed, as there may be thousands."""
    try:
        said = dict(_SAID.findall(read_bytes(directory / contract.CONFIG)))
    except OSError:
        return Identity()
    of_config, of_code = (said.get(name, b"").decode("ascii", "replace") for name in (b"config_hash", b"code_digest"))
    version = said.get(b"streams", b"")
    return Identity(of_config, of_code, int(version) if version.isdigit() else contract.FIRST_STREAMS)
