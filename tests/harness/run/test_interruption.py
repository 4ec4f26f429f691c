"""Sweeps that are interrupted, killed or started twice: one line, no orphans, nothing twice, the same results."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.system.host import this_kernel
from tests.harness.study.sweeping import HANG_S, arguments, asked, finish, finish_here, held_up, prepare, start, traces


def wait_for(results: Path, name: str = "evaluations.jsonl", count: int = 1) -> None:
    deadline = time.monotonic() + HANG_S
    while len(list(results.rglob(name))) < count:
        assert time.monotonic() < deadline, f"not {count} {name} in {results}"
        time.sleep(0.02)


def kill(sweep: subprocess.Popen[str], everything: bool) -> None:
    """SIGKILL the parent; kill its workers too, or let them notice."""
    if everything:
        os.killpg(sweep.pid, signal.SIGKILL)
    else:
        sweep.kill()
    sweep.communicate(timeout=HANG_S)


@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_ctrl_c_is_one_line_and_the_same_command_resumes(tmp_path: Path, jobs: int) -> None:
    prepare(tmp_path)
    results = tmp_path / "cut"
    whole, given = (
        arguments(tmp_path, folder, jobs=jobs, evaluations=50, pause_s=0) for folder in (tmp_path / "whole", results)
    )
    assert finish_here(tmp_path, whole)[0] == 0
    with held_up(tmp_path):
        cut = start(tmp_path, given)
        wait_for(results, count=jobs)
        os.killpg(cut.pid, signal.SIGINT)  # as a terminal does
        _, err = cut.communicate(timeout=HANG_S)
    assert cut.returncode == 130
    *_, last = err.splitlines()
    assert last == (
        "nearopt: interrupted (0 of 4 runs finished; the others keep their evaluations); the same command resumes"
    )
    assert "Traceback" not in err
    assert not list(results.rglob("DONE"))
    assert not list(results.rglob(".owner")), "a run was not let go of"
    code, out, _ = finish_here(tmp_path, given)
    assert code == 0 and out.startswith("4 runs done, 0 were done before, 0 failed")
    assert traces(results) == traces(tmp_path / "whole")
    assert not list(results.rglob("aborted-*"))


def test_a_process_killed_before_it_released_a_finished_run_leaves_nothing(tmp_path: Path) -> None:
    prepare(tmp_path)
    given = arguments(tmp_path, tmp_path / "whole", jobs=1, evaluations=5, pause_s=0)
    assert finish_here(tmp_path, given)[0] == 0
    runs = [done.parent for done in (tmp_path / "whole").rglob("DONE")]
    for run in runs:
        (run / ".owner").write_text(json.dumps({"host": "here", "kernel": this_kernel(), "pid": 7}))
    code, out, _ = finish_here(tmp_path, given)
    assert code == 0 and f"{len(runs)} were done before" in out
    assert not list((tmp_path / "whole").rglob(".owner"))


@pytest.mark.slow
@pytest.mark.parametrize("moments", [50])
def test_a_sweep_killed_at_random_moments_ends_with_the_same_results(tmp_path: Path, moments: int) -> None:
    """Kill each study three times, at moments between evaluations, files or runs."""
    prepare(tmp_path)
    rng = random.Random(moments)

    def given(results: Path) -> list[str]:
        return arguments(tmp_path, results, seeds=4, evaluations=60, pause_s=0.002)

    whole = tmp_path / "whole"
    assert finish_here(tmp_path, given(whole))[0] == 0
    expected = traces(whole)
    assert len(expected) == 8
    interrupted = 0
    for study in range(-(-moments // 3)):
        results = tmp_path / f"killed-{study}"
        for k in range(min(3, moments - 3 * study)):
            sweep = start(tmp_path, given(results))
            wait_for(results, "config.yaml")
            before = len(list(results.rglob("DONE")))
            while k and len(list(results.rglob("DONE"))) == before and sweep.poll() is None:
                time.sleep(0.01)  # it is under way again
            time.sleep(rng.uniform(0.0, 0.5))
            kill(sweep, everything=rng.random() < 0.5)
            interrupted += len(list(results.rglob("DONE"))) < len(expected)
        code, _, err = finish(tmp_path, given(results))
        assert code == 0, err
        assert traces(results) == expected
        assert not [file for file in results.rglob("*") if file.name.startswith(("aborted-", ".owner"))]
        assert not [file for file in results.rglob("*.tmp") if file.parent.name.startswith("seed-")]
    assert interrupted >= moments / 2, "most kills came too late to test anything"


@pytest.mark.slow
def test_two_sweeps_on_one_folder_share_the_work(tmp_path: Path) -> None:
    prepare(tmp_path)
    given = arguments(tmp_path, tmp_path / "both", seeds=4, evaluations=40)
    sweeps = [start(tmp_path, given) for _ in range(2)]
    told = [sweep.communicate(timeout=HANG_S) for sweep in sweeps]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], told
    counts = [out.split() for out, _ in told]
    assert sum(int(words[0]) for words in counts) == 8, told
    assert all(int(words[0]) + int(words[3]) == 8 for words in counts), told
    assert all("0 failed" in out and "Traceback" not in err for out, err in told), told
    assert asked(tmp_path) == 8 * 40, "something was done twice"
    assert finish_here(tmp_path, arguments(tmp_path, tmp_path / "alone", seeds=4, evaluations=40))[0] == 0
    assert traces(tmp_path / "both") == traces(tmp_path / "alone")
