"""Sweeps on a real Slurm cluster of one node: array jobs, a cancelled job, Ctrl-C."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.run.test_interruption import wait_for
from tests.harness.study.sweeping import arguments, finish, finish_here, prepare, start, traces

SCRIPT = Path(__file__).parent / "single_node.sh"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if importlib.util.find_spec("submitit") is None:
        pytest.skip("submitit is not installed")
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([str(SCRIPT), "start", str(folder)], capture_output=True, text=True, check=False)
    try:
        if started.returncode:
            pytest.skip(f"no Slurm here: {' '.join(started.stderr.split())[:300]}")
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        yield
    finally:
        os.environ.pop("SLURM_CONF", None)
        subprocess.run([str(SCRIPT), "stop", str(folder)], check=False)


def queue(*options: str) -> list[str]:
    command = ["squeue", "--noheader", "--array", "--format=%i", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.usefixtures("cluster")
def test_array_jobs_give_the_results_of_a_serial_sweep(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert finish_here(tmp_path, arguments(tmp_path, tmp_path / "serial", jobs=1, evaluations=25, pause_s=0))[0] == 0
    given = arguments(tmp_path, tmp_path / "there", evaluations=25, pause_s=0)
    sizes = ["hydra.launcher.runs_per_job=2", "hydra.launcher.max_array_size=1"]
    code, out, err = finish(tmp_path, [*given, "hydra/launcher=submitit_slurm", *sizes])
    assert code == 0, err
    assert out.startswith("4 runs done, 0 were done before, 0 failed")
    assert traces(tmp_path / "there") == traces(tmp_path / "serial")
    assert len(list((tmp_path / "there/.submitit").glob("*_result.pkl"))) == 2, "two jobs of two runs"
    code, out, err = finish(tmp_path, [*given, "hydra/launcher=submitit_slurm", "hydra.launcher.partition=none"])
    assert code == 2 and "submitting failed" in err and "invalid partition" in err


@pytest.mark.usefixtures("cluster")
def test_a_cancelled_job_costs_its_run_alone_and_the_same_command_resumes(tmp_path: Path) -> None:
    prepare(tmp_path)
    results = tmp_path / "results"
    given = [*arguments(tmp_path, results, evaluations=100, pause_s=0.05), "hydra/launcher=submitit_slurm"]
    sweep = start(tmp_path, given)
    wait_for(results)
    victim = queue("--states=RUNNING")[0]
    subprocess.run(["scancel", "--signal=KILL", victim], check=True)
    out, err = sweep.communicate(timeout=200)
    assert sweep.returncode == 1 and out.startswith("3 runs done, 0 were done before, 1 failed"), err
    assert f"job {victim} did not come back" in err and "Traceback" not in err
    code, out, err = finish(tmp_path, given)
    assert code == 0 and out.startswith("1 runs done, 3 were done before, 0 failed"), err


@pytest.mark.usefixtures("cluster")
def test_ctrl_c_cancels_the_jobs(tmp_path: Path) -> None:
    prepare(tmp_path)
    results = tmp_path / "results"
    sweep = start(tmp_path, [*arguments(tmp_path, results, evaluations=500), "hydra/launcher=submitit_slurm"])
    wait_for(results)
    assert queue()
    os.killpg(sweep.pid, signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130 and "the same command resumes" in err.splitlines()[-1]
    deadline = time.monotonic() + 60
    while queue() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not queue()
