"""Kill a recording's process halfway, and check the resumed recording."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.evaluation import Configuration, Measurement
from harness.record.log import read_log


def kill_while_recording(script: str, arguments: Sequence[str], log: Path, after: int) -> None:
    """Run a Python script, SIGKILL it once ``after`` results are logged, and wait until its workers have ended too."""
    command = [sys.executable, "-c", script, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + 300
    while not log.exists() or log.read_text().count('"result"') < after:
        assert process.poll() is None and time.monotonic() < give_up
        time.sleep(0.02)
    workers = descendants(process.pid)
    assert workers
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(_alive(pid) for pid in workers):
        assert time.monotonic() < give_up
        time.sleep(0.1)


def results_of_torn(log: Path) -> dict[str, tuple[Configuration, Measurement]]:
    """Read the log, then leave half a line at its end, as a process killed while writing does."""
    text = log.read_text()
    whole = text[: text.rindex("\n") + 1]
    log.write_text(whole)
    results = read_log(log).results
    log.write_text(whole + '{"kind":"result","key":"torn')
    return results


def check_resumed(log: Path, kept: dict[str, tuple[Configuration, Measurement]], total: int) -> None:
    """Check that no finished measurement was lost and none was made twice."""
    results = read_log(log).results
    assert kept
    for key, value in kept.items():
        assert results[key] == value
    logged = [json.loads(line).get("key") for line in log.read_text().splitlines()]
    keys = [key for key in logged if key]
    assert len(keys) == len(set(keys)) == total


def descendants(pid: int) -> set[int]:
    """List the descendants of the process ``pid``."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # just ended
        parents[int(stat.parent.name)] = int(after_name[1])
    found: set[int] = set()
    while new := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= new
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"  # nobody may reap it
    except OSError:
        return False
