"""Sweeps: parallel and serial results agree; a worker's death, runs of other processes, the display."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.config.compose import Composer, Sweep
from harness.run.execute import RunResult, execute
from harness.study.attempt import Failure
from harness.study.display import SweepDisplay
from harness.study.sweep import sweep
from harness.system.lease import Lease
from tests.harness.study.sweeping import traces
from tests.harness.toy import write_toy

KILLER = """
import os, signal
from contextlib import suppress
from pathlib import Path
from harness.strategies.random import RandomSearch

class Killer(RandomSearch):
    def ask(self, n):
        mark = Path(__file__).parent / "killed"
        if self._asked == 5:
            with suppress(FileExistsError):  # one of two that run at once, not both
                mark.touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        self._asked += 1
        return super().ask(n)

    _asked = 0
"""


def expand(folder: Path, *overrides: str) -> Sweep:
    landscape = folder / "toy-8x8-bf16__toy.parquet"
    path = landscape if landscape.exists() else write_toy(folder)
    return Composer().expand([f"backend.landscape={path}", "budget.evaluations=25", *overrides])


@pytest.mark.parametrize(
    "strategies",
    ["random,local_search", pytest.param("random,conditional_gp,optuna_tpe,rf_ei", marks=pytest.mark.slow)],
)
def test_parallel_replay_is_serial_replay(tmp_path: Path, strategies: str) -> None:
    for jobs in (1, 2):
        asked = expand(
            tmp_path, f"strategy={strategies}", "seed=0,1", f"results={tmp_path / str(jobs)}", f"jobs={jobs}"
        )
        results = sweep(asked.runs, asked.options)
        assert all(isinstance(result, RunResult) for result in results), results
        paths = [result.path for result in results if isinstance(result, RunResult)]
        assert [(path.parent.name, path.name) for path in paths] == [
            (run.label, f"seed-{run.seed}") for run in asked.runs
        ]
    assert traces(tmp_path / "1") == traces(tmp_path / "2")
    assert len(traces(tmp_path / "1")) == 2 * len(strategies.split(","))


def test_a_worker_that_dies_takes_down_its_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "killer_strategy.py").write_text(KILLER)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    asked = expand(
        tmp_path, "strategy._target_=killer_strategy.Killer", "strategy.label=killer", "seed=range(0,5)",
        f"results={tmp_path / 'results'}", "jobs=2",
    )  # fmt: skip
    results = sweep(asked.runs, asked.options)
    (failure,) = [result for result in results if isinstance(result, Failure)]
    assert "its process ended (killed by SIGKILL)" in failure.message
    assert len(traces(tmp_path / "results")) == 4
    again = sweep(asked.runs, asked.options)
    assert sorted(result.ended for result in again if isinstance(result, RunResult)) == ["budget"] + ["skipped"] * 4


@pytest.mark.parametrize("finishes", [True, False])
def test_a_run_of_another_process_is_come_back_to(
    tmp_path: Path, finishes: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = expand(tmp_path, "seed=range(0,4)", f"results={tmp_path / 'results'}", "jobs=1")
    folder = tmp_path / "results/toy-8x8-bf16__toy/random/seed-0"
    folder.mkdir(parents=True)
    lease = Lease(folder)

    def let_go() -> None:
        lease.close()
        if finishes:
            execute(asked.runs[0], asked.options)

    waiting = SweepDisplay.waiting

    def then_let_go(display: SweepDisplay, runs: int) -> None:
        waiting(display, runs)
        if not lease_closed:
            lease_closed.append(True)
            let_go()

    lease_closed: list[bool] = []
    monkeypatch.setattr(SweepDisplay, "waiting", then_let_go)
    results = sweep(asked.runs, asked.options)
    assert all(isinstance(result, RunResult) for result in results)
    assert len(traces(tmp_path / "results")) == 4
    assert "waiting for 1 runs of other processes" in capsys.readouterr().err


def test_the_display_counts_runs_evaluations_and_the_time_left(tmp_path: Path) -> None:
    runs = expand(tmp_path, "seed=range(0,4)").runs
    terminal = Console(file=StringIO(), force_terminal=True, width=200)
    with SweepDisplay(len(runs), terminal) as display:
        assert display.left_s(display._started + 10.0) is None
        display.ended(runs[0], RunResult(Path(), "skipped", 25, None))
        assert display.left_s(display._started + 10.0) is None, "a run that was done before is no measure of time"
        display.ended(runs[1], RunResult(Path(), "budget", 25, 0.5))
        display.running("GPU 0", runs[2], 5, 0.25)
        display.running("GPU 1", runs[3], 0, None)
        assert display.left_s(display._started + 12.0) == pytest.approx(12.0 * 1.8 / 1.2)
        assert "2/4 runs, 30 evaluations in 0:00:0" in display.summary()
        assert "best 0.25 ms" in display.summary()
        terminal.print(display.table())
    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "GPU 0" in shown and "random" in shown and "seed 2" in shown and "5/25" in shown
    display.ended(runs[2], Failure(runs[2], "broke", ""))
    assert "1 failed" in display.summary()


def test_the_time_left_leaves_out_the_start_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 20 s of imports, two runs of 25 evaluations at one per second take 50 s in all, from the start."""
    now = [100.0]
    monkeypatch.setattr("harness.study.display.monotonic", lambda: now[0])
    runs = expand(tmp_path, "seed=range(0,2)").runs
    display = SweepDisplay(len(runs), Console(file=StringIO(), force_terminal=True))
    display.running("this process", runs[0], 0, None)
    now[0] = 120.0
    assert "left" not in display.summary()
    for evaluations in range(1, 6):
        now[0] += 1.0
        display.running("this process", runs[0], evaluations, 0.5)
        if evaluations > 1:
            assert display.left_s(now[0]) == pytest.approx(50 - evaluations)
    assert "0:00:45 left" in display.summary()


def test_elsewhere_than_on_a_terminal_lines_are_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harness.study.display.PLAIN_EVERY_S", -1.0)
    asked = expand(tmp_path, "seed=0,1", f"results={tmp_path / 'results'}", "jobs=1")
    sweep(asked.runs, asked.options)
    err = capsys.readouterr().err
    last = err.splitlines()[-1]
    assert last.startswith("2/2 runs, 50 evaluations in 0:00:0")
    assert "toy-8x8-bf16__toy best 0." in last
    assert "\x1b" not in err
