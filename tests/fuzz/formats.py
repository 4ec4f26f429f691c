"""Damaged caches, T4 results, T1 descriptions and landscape files: each imports correctly or fails with one clear line.

Usage: python -m tests.fuzz.formats [--cases 10000] [--seed 0] [--case SEED]

A case is made from its number alone, so that `--case N` repeats one with its traceback and keeps its files. A worker
process runs them with a limit on memory and time, and an audit hook that forbids running anything; the parent notices
when it dies.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.cases import run_case

CASES = 10_000
LIMIT_S = 20.0
MEMORY_BYTES = 2 << 30
"""On top of what the imports of a process map: most of that is never touched."""
FORBIDDEN = (
    "os.system",
    "subprocess.Popen",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
    "exec",
    "pickle.find_class",
)


class TooSlow(BaseException):
    """A case exceeded its time; no handler for Exception may catch this."""


def run_cases(first: int, last: int) -> Iterator[tuple[int, str | None, str]]:
    """Run cases in this process; yield the number, the outcome (``None``: wrong) and the error of each."""
    for seed in range(first, last):
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            try:
                with _limited_time():
                    outcome = run_case(seed, Path(folder))
                yield seed, outcome, ""
            except (Exception, TooSlow, SystemExit) as error:
                yield seed, None, f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"


@contextlib.contextmanager
def _limited_time() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"more than {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def work(first: int, last: int) -> None:
    """Run cases in a worker process, which prints a line for each."""
    for _ in run_cases(-8, 0):  # imports what a case needs, before memory and execution are limited
        pass
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, mapped + MEMORY_BYTES))

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FORBIDDEN:
            raise RuntimeError(f"{event} {str(arguments)[:200]}")

    sys.addaudithook(audit)
    for seed, outcome, wrong in run_cases(first, last):
        print(seed, outcome if outcome is not None else f"WRONG {wrong}", flush=True)


def supervise(first: int, last: int) -> tuple[Counter[str], dict[int, str]]:
    """Run the cases in worker processes; a new worker continues after a case that killed the last one."""
    counts: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    started, shown = time.monotonic(), time.monotonic()
    while first < last:
        command = [sys.executable, "-m", "tests.fuzz.formats", "--worker", str(first), str(last)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            for line in worker.stdout:
                number, _, outcome = line.rstrip("\n").partition(" ")
                first = int(number) + 1
                if outcome.startswith("WRONG "):
                    wrong[int(number)] = outcome[6:]
                    print(f"case {number}: {outcome[6:]}", file=sys.stderr)
                else:
                    counts[outcome] += 1
                if time.monotonic() - shown > 10:
                    shown = time.monotonic()
                    print(f"{number} of {last} in {shown - started:.0f} s, {len(wrong)} wrong", file=sys.stderr)
        if first < last:
            wrong[first] = f"the worker died ({worker.returncode})"
            print(f"case {first}: {wrong[first]}", file=sys.stderr)
            first += 1
    return counts, wrong


def main() -> int:
    """Run the cases and print the outcome."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--case", type=int, help="repeat one here, with its traceback, and keep its files")
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(*arguments.worker)
        return 0
    if arguments.case is not None:
        folder = Path(tempfile.mkdtemp(prefix=f"case-{arguments.case}-"))
        os.environ["NEAROPT_TRACEBACK"] = "1"
        print(folder)
        try:
            print(run_case(arguments.case, folder))
        except Exception:
            traceback.print_exc()
            return 1
        return 0
    counts, wrong = supervise(arguments.seed, arguments.seed + arguments.cases)
    for outcome, count in sorted(counts.items()):
        print(f"{outcome}: {count}")
    print(f"{sum(counts.values())} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
