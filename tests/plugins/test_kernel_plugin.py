"""Kernels in another package: a callable measured on this CPU, Triton compiled for an H100."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from harness.evaluation import Status
from harness.measure.cuda.compiler import NvccCompiler, find_nvcc
from kernels.execute import execute, relative_error
from search_spaces.device import H100
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.measure.fakes import FAKE
from tests.kernels.sm90 import reports
from tests.plugins.conftest import Command

__all__ = ["nearopt"]
SHAPE = ("task.kernel.m=32", "task.kernel.n=32", "task.kernel.k=48")
FAST = ("backend.compile_workers=1", "backend.timing.samples=5", "backend.timing.max_samples=5")


@pytest.mark.slow
def test_a_callable_is_run_recorded_replayed_and_reported(nearopt_command: Command, tmp_path: Path) -> None:
    live = ("task=example_matmul", "backend=live", *SHAPE, *FAST)
    code, out, err = nearopt_command("run", *live, "strategy=example_greedy", "budget.evaluations=8")
    assert code == 0 and "8 evaluations, best observed" in out, err
    (run,) = (tmp_path / "results").glob("example_matmul-32x32x48-fp32__*/example_greedy/seed-0")
    evaluations = pd.read_parquet(run / "evaluations.parquet")
    assert set(evaluations["status"]) == {"ok"} and (evaluations["benchmark_s"] > 0).all()

    code, out, err = nearopt_command(
        "record", "task=example_matmul", *SHAPE, *FAST, "--limit", "60", "-o", "mm.parquet"
    )
    assert code == 0 and "recorded 60 configurations: mm.parquet" in out, err
    sweep = ("run", "-m", "backend.landscape=mm.parquet", "strategy=random,example_greedy", "seed=range(0,2)")
    code, out, err = nearopt_command(*sweep, "budget.evaluations=30", "results=replayed", "jobs=1")
    assert (code, out) == (0, "4 runs done, 0 were done before, 0 failed: replayed\n"), err
    code, out, err = nearopt_command("report", "replayed", "-o", "report")
    assert code == 0, err
    assert "example_greedy" in set(pd.read_csv(tmp_path / "report/speedups.csv")["strategy"])


@pytest.mark.slow
def test_a_recorded_callable_is_replicated_and_goes_on_where_it_was(nearopt_command: Command) -> None:
    task = "example_matmul-96x80x64-fp32"
    code, _, err = nearopt_command("record", f"task={task}", *FAST, "--limit", "40", "-o", "mm.parquet")
    assert code == 0, err
    again = ("replicate", "--task", task, "--landscape", "mm.parquet", "--seeds", "2", *FAST[1:],
             "--strategies", "random,example_greedy", "--evaluations", "6", "-o", "again")  # fmt: skip
    for done, before in ((4, 0), (0, 4)):
        code, out, err = nearopt_command(*again)
        assert code == 0 and f"{done} runs done, {before} were done before, 0 failed: again/live" in out, err
        assert out.splitlines()[-2].startswith("This card (") and out.splitlines()[-1] == "again/index.html"


@pytest.mark.usefixtures("example_path")
@pytest.mark.slow
def test_a_task_without_yaml_takes_its_kernels_fields(nearopt: Nearopt) -> None:
    code, out, _ = nearopt("run", "--cfg", "task=example_swiglu", "task.kernel.n=1000", "backend=live")
    assert code == 0 and "name: example_swiglu-1000-bf16" in out
    code, _, err = nearopt("run", "--cfg", "task=example_swiglu", "task.kernel.rows=1000")
    assert code == 2 and "rows" in err and err.count("\n") == 1
    code, _, err = nearopt("run", "task=example_matmul", "task.kernel.dtype=fp64", "backend=live")
    assert code == 2 and "fp64" in err and err.count("\n") == 1


@pytest.mark.usefixtures("example_path")
def test_an_experiment_of_ones_own_may_name_it(nearopt: Nearopt, tmp_path: Path) -> None:
    (tmp_path / "mine/experiment").mkdir(parents=True)
    defaults = "# @package _global_\ndefaults: [override /task: example_matmul, override /backend: live]\n"
    swept = "hydra: {sweeper: {params: {task: example_matmul, strategy: 'random,example_greedy'}}}\n"
    for name, text in (("chosen", defaults), ("swept", swept), ("typo", defaults.replace("matmul", "matmull"))):
        (tmp_path / f"mine/experiment/{name}.yaml").write_text(text if name != "swept" else f"{defaults}{swept}")
    run = ("run", "-m", "--config-dir", "mine", "task.kernel.m=32", "dry_run=true")
    for name, strategies in (("chosen", 1), ("swept", 2)):
        code, out, err = nearopt(*run, f"experiment={name}")
        assert code == 0, err
        assert out.count("example_matmul-32x128x128-fp32") == strategies
        assert "CPU min" in out and "GPU" not in out
    code, _, err = nearopt(*run, "experiment=typo")
    assert code == 2 and "task=example_matmull: no such task" in err and err.count("\n") == 1


CONFIGURATIONS = (
    {"schedule": "one_block", "block": 1024, "num_warps": 4},
    {"schedule": "persistent", "block": 2048, "num_warps": 8, "ctas_per_sm": 2, "num_stages": 3},
)


@pytest.mark.slow
@pytest.mark.usefixtures("example_path")
def test_its_triton_kernel_compiles_for_an_h100_without_one(tmp_path: Path) -> None:
    kernel = importlib.import_module("nearopt_example.swiglu").Swiglu(n=2**20)
    space = kernel.search_space(H100)
    for configuration in CONFIGURATIONS:
        space.validate(configuration)
    for (launch,) in reports(kernel, CONFIGURATIONS, tmp_path / "cache"):
        assert "ld.global.v4.b32" in launch["ptx"] or launch["cp_async"] > 0
        assert "ex2.approx" in launch["ptx"] and launch["shared_bytes"] <= H100.shared_memory_bytes


@pytest.mark.usefixtures("example_path")
def test_its_triton_kernel_is_right_on_an_irregular_size() -> None:
    kernel = importlib.import_module("nearopt_example.swiglu").Swiglu(n=5003)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    exact = kernel.reference(inputs)["y"]
    for configuration in kernel.search_space(H100).sample(np.random.default_rng(0), 4):
        assert relative_error(execute(kernel, configuration, inputs, 2)["y"], exact) <= kernel.tolerance, configuration
    wrong = execute(kernel, CONFIGURATIONS[0], {**inputs, "b": inputs["a"]}, 2)["y"]
    assert relative_error(wrong, exact) > kernel.tolerance


@pytest.mark.usefixtures("example_path")
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
def test_its_kernel_in_cuda_compiles_for_an_h100_without_one(tmp_path: Path) -> None:
    kernel = importlib.import_module("nearopt_example.transpose").Transpose()
    compiler = NvccCompiler(kernel, FAKE, tmp_path, find_nvcc())
    for configuration in ({"tile": 32, "lines": 8, "pad": 1}, {"tile": 64, "lines": 16, "pad": 0}):
        kernel.search_space(H100).validate(configuration)
        outcome = compiler.compile(configuration)
        assert outcome.status is Status.OK and outcome.compiled is not None, outcome.message
