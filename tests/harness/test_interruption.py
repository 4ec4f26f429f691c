"""Sweeps over processes that are interrupted or killed: no orphans, one line, and the same result after resuming."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.resources import CHECKOUT
from tests.harness.test_cli import trace
from tests.harness.toy import write_toy

STRATEGY = """
import time
from harness.strategies.random import RandomSearch

class Slow(RandomSearch):
    def ask(self, n):
        time.sleep(0.02)
        return super().ask(n)
"""


def start(folder: Path, results: str) -> subprocess.Popen[str]:
    overrides = [
        f"backend.landscape={folder / 'toy-8x8-bf16__toy.parquet'}", "strategy._target_=slow_strategy.Slow",
        "strategy.label=slow", "budget.evaluations=80", "seed=0,1", "jobs=2", f"results={folder / results}",
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "run", "-m", *overrides],
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{folder}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_parallel_sweep_resumes_to_the_same_result(tmp_path: Path, how: signal.Signals) -> None:
    write_toy(tmp_path)
    (tmp_path / "slow_strategy.py").write_text(STRATEGY)
    whole = start(tmp_path, "whole")
    assert whole.wait(120) == 0
    cut = start(tmp_path, "cut")
    runs = [tmp_path / f"cut/toy-8x8-bf16__toy/slow/seed-{seed}" for seed in (0, 1)]
    deadline = time.monotonic() + 60
    while not any((run / "evaluations.jsonl").exists() for run in runs) and time.monotonic() < deadline:
        time.sleep(0.05)
    if how is signal.SIGINT:
        os.killpg(cut.pid, how)  # as a terminal does
        _, err = cut.communicate(timeout=30)
        assert cut.returncode == 1
        assert err == "nearopt: interrupted; the same command resumes\n"
    else:
        cut.kill()
        cut.wait(30)
        time.sleep(2)  # workers notice that they are orphans
    assert not all((run / "DONE").exists() for run in runs)
    again = start(tmp_path, "cut")
    assert again.wait(120) == 0
    for run in runs:
        assert trace(run) == trace(tmp_path / "whole" / run.relative_to(tmp_path / "cut"))
        assert not list(run.glob("aborted-*"))
