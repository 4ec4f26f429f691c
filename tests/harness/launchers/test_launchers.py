"""Every launcher for real: a local Ray cluster, submitit's local executor, joblib; slurm/ tests Slurm."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from pathlib import Path

import pytest

from harness.cli import main
from harness.config.targets import instantiate_target
from harness.errors import UserError
from harness.launchers.base import portable, portable_options
from harness.launchers.joblib import JoblibLauncher
from harness.launchers.ray import RayLauncher
from harness.launchers.submitit import SubmititLauncher
from harness.system.lease import held
from tests.harness.run.test_interruption import wait_for
from tests.harness.study.sweeping import HANG_S, arguments, finish, finish_here, held_up, prepare, start, traces
from tests.harness.study.test_sweep import KILLER, expand
from tests.harness.toy import write_toy

LIBRARIES = {"joblib": "joblib", "ray": "ray", "submitit_local": "submitit"}


@pytest.fixture(params=["joblib", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ray", "submitit_local"))])
def launcher(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if importlib.util.find_spec(LIBRARIES[name]) is None:
        pytest.skip(f"{LIBRARIES[name]} is not installed")
    return name


@pytest.mark.slow
def test_results_are_those_of_a_serial_sweep(tmp_path: Path, launcher: str) -> None:
    prepare(tmp_path)
    assert finish_here(tmp_path, arguments(tmp_path, tmp_path / "serial", seeds=1, evaluations=25, pause_s=0))[0] == 0
    there = [*arguments(tmp_path, tmp_path / "there", seeds=1, evaluations=25, pause_s=0), f"hydra/launcher={launcher}"]
    code, out, err = finish(tmp_path, there)
    assert code == 0, err
    assert out.startswith("2 runs done, 0 were done before, 0 failed")
    assert traces(tmp_path / "there") == traces(tmp_path / "serial")
    code, out, err = finish_here(tmp_path, there)
    assert code == 0, err
    assert out.startswith("0 runs done, 2 were done before, 0 failed")


@pytest.mark.slow
def test_a_worker_that_dies_costs_no_other_run(tmp_path: Path, launcher: str) -> None:
    write_toy(tmp_path)
    (tmp_path / "killer_strategy.py").write_text(KILLER)
    given = [
        f"backend.landscape={tmp_path / 'toy-8x8-bf16__toy.parquet'}", "strategy._target_=killer_strategy.Killer",
        "strategy.label=killer", "seed=range(0,3)", "budget.evaluations=25", f"results={tmp_path / 'results'}",
        "jobs=2", f"hydra/launcher={launcher}",
    ]  # fmt: skip
    code, out, err = finish(tmp_path, given)
    if code:  # joblib does not report whose worker died, and retries
        assert code == 1 and ", 1 failed" in out, (out, err)
        assert err.count("the same command resumes it") == 1 and "Traceback" not in err
        assert len(traces(tmp_path / "results")) == 2
        code, out, err = finish(tmp_path, given)
    assert code == 0, err
    assert len(traces(tmp_path / "results")) == 3
    assert (tmp_path / "killed").exists()


@pytest.mark.slow
def test_ctrl_c_takes_everything_back(tmp_path: Path, launcher: str) -> None:
    prepare(tmp_path)
    results = tmp_path / "results"
    with held_up(tmp_path):
        cut = start(tmp_path, [*arguments(tmp_path, results, pause_s=0), f"hydra/launcher={launcher}"])
        wait_for(results)
        os.killpg(cut.pid, signal.SIGINT)
        _, err = cut.communicate(timeout=HANG_S)
        assert cut.returncode == 130, err
        assert err.splitlines()[-1].startswith("nearopt: interrupted (0 of 4 runs are over")
        begun = [log.parent for log in results.rglob("evaluations.jsonl")]
        deadline = time.monotonic() + 120
        while any(held(run) for run in begun):
            assert time.monotonic() < deadline, "somebody still runs"
            time.sleep(0.05)
    assert begun and not list(results.rglob("DONE"))


def test_a_run_travels_with_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_toy(Path())
    asked = expand(tmp_path, "backend.landscape=toy-8x8-bf16__toy.parquet", "results=out")
    assert portable_options(asked.options).results == tmp_path / "out"
    there = portable(asked.runs[0])
    assert there.backend["landscape"] == str(tmp_path / "toy-8x8-bf16__toy.parquet")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["hydra/launcher=ray"], ["RayLauncher", "add -m"]),
        (["-m", "hydra/launcher=slurm"], ["hydra/launcher=slurm", "submitit_slurm"]),
        (["-m", "hydra/launcher=joblib", "jobs=0"], ["jobs=0"]),
        (["-m", "hydra/launcher=ray", "hydra.launcher.num_cpus=many"], ["hydra.launcher.num_cpus=many"]),
        (["-m", "hydra/launcher=submitit_slurm", "hydra.launcher.runs_per_job=0"], ["runs_per_job=0", "1 or more"]),
        (["-m", "hydra/launcher=submitit_local", "hydra.launcher.cluster=pbs"], ["cluster=pbs", "slurm or local"]),
        (["-m", "hydra/launcher=submitit_slurm", "hydra.launcher.partitoin=gpu"], ["partitoin"]),
    ],
)
def test_each_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], overrides: list[str], words: list[str]
) -> None:
    given = [f"backend.landscape={write_toy(tmp_path)}", f"results={tmp_path / 'results'}"]
    assert main(["run", *overrides, *given]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("nearopt: ")
    for word in words:
        assert word in err
    assert not (tmp_path / "results").exists()


def test_a_library_that_is_missing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    asked = expand(tmp_path)
    runs = list(enumerate(asked.runs))
    with pytest.raises(UserError, match=r"ray cannot be imported .* expected pip install 'nearopt\[ray\]'"):
        list(RayLauncher().launch(runs, asked.options, lambda *_: None))


def test_live_runs_are_not_put_where_they_cannot_have_a_gpu_alone(tmp_path: Path) -> None:
    asked = expand(tmp_path, "backend._target_=harness.backends.live.open_live")
    runs = list(enumerate(asked.runs))
    with pytest.raises(UserError, match="joblib does not assign GPUs"):
        list(JoblibLauncher().launch(runs, asked.options, lambda *_: None))
    with pytest.raises(UserError, match="runs_per_job=2: expected 1"):
        list(SubmititLauncher("slurm", runs_per_job=2).launch(runs, asked.options, lambda *_: None))


def test_every_launcher_of_ours_is_configured_as_it_is_built() -> None:
    from harness.config.compose import Composer

    for name in ("joblib", "ray", "submitit_local", "submitit_slurm"):
        target = Composer().launcher([f"hydra/launcher={name}", "jobs=3"])
        assert target is not None and hasattr(instantiate_target("hydra.launcher", target), "launch")
        assert 3 in target.values(), "jobs= has no say"
    assert Composer().launcher(["jobs=3"]) is None
