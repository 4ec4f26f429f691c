"""Sweeps in their own processes, for tests that kill, interrupt or starve them."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cli import main
from harness.system.resources import CHECKOUT
from tests.harness.cli.test_cli import trace
from tests.harness.toy import write_toy

STRATEGY = """
import os, time
from pathlib import Path
from harness.strategies.random import RandomSearch

class Slow(RandomSearch):
    def __init__(self, pause_s=0.02, **arguments):
        super().__init__(**arguments)
        self._pause_s = pause_s
        self._asked = 0

    def ask(self, n):
        time.sleep(self._pause_s)
        folder = Path(__file__).parent
        while self._asked >= 10 and (folder / "hold").exists():
            time.sleep(0.02)
        self._asked += n
        with open(folder / "asked", "a") as file:
            file.write("x" * n)
        return super().ask(n)
"""
LABELS = ("slow", "slower")
HANG_S = 500.0
"""What a process is waited for: nothing but a hang takes so long."""


def prepare(folder: Path) -> None:
    """Write a landscape, and a slow strategy that counts its asks in the file ``asked``."""
    write_toy(folder)
    (folder / "slow_strategy.py").write_text(STRATEGY)


@contextlib.contextmanager
def held_up(folder: Path) -> Iterator[None]:
    """Stop runs of the slow strategy after ten evaluations, on any machine, and let them continue later."""
    (folder / "hold").touch()
    try:
        yield
    finally:
        (folder / "hold").unlink()


def asked(folder: Path) -> int:
    """Count the configurations that the slow strategy was asked for in all processes together."""
    file = folder / "asked"
    return file.stat().st_size if file.exists() else 0


def arguments(
    folder: Path, results: Path, seeds: int = 2, jobs: int = 2, evaluations: int = 80, pause_s: float = 0.02
) -> list[str]:
    """Return the arguments of ``nearopt run -m``."""
    return [
        f"backend.landscape={folder / 'toy-8x8-bf16__toy.parquet'}", "strategy._target_=slow_strategy.Slow",
        f"strategy.label={','.join(LABELS)}", f"+strategy.pause_s={pause_s}", f"budget.evaluations={evaluations}",
        f"seed=range(0,{seeds})", f"jobs={jobs}", f"results={results}",
    ]  # fmt: skip


def start(folder: Path, given: Sequence[str], prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a sweep as a terminal does: in its own process group, open to SIGINT."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "harness.cli", "run", "-m", *given],
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{folder}"},
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def finish(folder: Path, given: Sequence[str], prefix: Sequence[str] = ()) -> tuple[int, str, str]:
    """Run a sweep from beginning to end; return exit code, standard output and standard error."""
    sweep = start(folder, given, prefix)
    out, err = sweep.communicate(timeout=HANG_S)
    return sweep.returncode, out, err


def finish_here(folder: Path, given: Sequence[str]) -> tuple[int, str, str]:
    """Run the same sweep serially in this process, to compare others with it without starting Python again."""
    out, err = io.StringIO(), io.StringIO()
    paths = list(sys.path)
    sys.path.append(str(folder))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["run", "-m", *(word for word in given if not word.startswith("jobs=")), "jobs=1"])
    finally:
        sys.path[:] = paths
        sys.modules.pop("slow_strategy", None)  # the next test's is another, in another folder
    return code, out.getvalue(), err.getvalue()


def traces(results: Path) -> dict[str, dict[str, list[object]]]:
    """Return every finished run's columns except the timings, by its path below ``results``."""
    return {str(done.parent.relative_to(results)): trace(done.parent) for done in sorted(results.rglob("DONE"))}
