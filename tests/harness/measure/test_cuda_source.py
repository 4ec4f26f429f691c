"""CUDA C++: compiled for sm_90 by nvcc without a GPU, and measured like Triton on one."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.backends.live import LiveBackend
from harness.backends.task import find_device
from harness.errors import UserError
from harness.evaluation import Status
from harness.measure.cuda.compiler import NvccCompiler, find_nvcc
from harness.measure.cuda.runner import DriverError, bound
from harness.measure.work import SessionOptions
from kernels.base import Buffer, Buffers, Launch, Plan
from kernels.cuda import CudaFunction, CudaKernel
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace
from tests.harness.measure.fakes import FAKE

SOURCE = """
extern "C" __global__ void scale(const float* x, float* y, int n, float factor) {
    extern __shared__ float dynamic[];
    __shared__ float fixed[FIXED];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (HANG) while (*(volatile const float*)x == *(volatile const float*)x) {}
    fixed[threadIdx.x % FIXED] = 0.f;
    if (i < n) y[i] = factor * x[i] + (WRONG ? 1e-2f : fixed[threadIdx.x % FIXED]);
    if (OUTSIDE) y[(long long)i + (1ll << 40)] = 1.f;
}
"""
STATUSES = {
    "none": Status.OK,
    "syntax": Status.COMPILE_ERROR,
    "fixed": Status.OUT_OF_RESOURCES,
    "dynamic": Status.OUT_OF_RESOURCES,
    "threads": Status.OUT_OF_RESOURCES,
    "option": Status.COMPILE_ERROR,
}
ON_DEVICE = {"wrong": Status.WRONG_RESULT, "outside": Status.RUNTIME_ERROR, "hang": Status.RUN_TIMEOUT}
needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")


@dataclass(frozen=True)
class Scale(CudaKernel):
    n: int = 100_003
    dtype: str = "fp32"

    @property
    def name(self) -> str:
        return f"scale-{self.n}-fp32"

    @property
    def flops(self) -> float:
        return float(self.n)

    @property
    def bytes_moved(self) -> float:
        return 8.0 * self.n

    @property
    def tolerance(self) -> float:
        return 1e-6

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"x": torch.randn(self.n, generator=generator, device=generator.device)}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty(self.n, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"y": inputs["x"].double() * 1.5}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        return "torch", lambda: inputs["x"] * 1.5

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del sm_count
        fault, block = configuration["fault"], configuration["block"]
        options = {"threads_x": 2048 if fault == "threads" else block}
        if fault == "option":
            options["num_warps"] = 4
        if fault == "dynamic":
            options["shared_bytes"] = 10**6
        launch = Launch(
            kernel=CudaFunction(SOURCE.replace("int i", "int i i") if fault == "syntax" else SOURCE, "scale"),
            grid=(-(-self.n // block), 1, 1),
            arguments={"x": Buffer("x"), "y": Buffer("y"), "n": self.n, "factor": 1.5},
            constants={
                "FIXED": 100_000 if fault == "fixed" else 64,
                "HANG": fault == "hang", "WRONG": fault == "wrong", "OUTSIDE": fault == "outside",
            },
            options=options,
        )  # fmt: skip
        return Plan((launch,))


def compiler(cache: Path, nvcc: str = "") -> NvccCompiler:
    return NvccCompiler(Scale(), FAKE, cache, nvcc or find_nvcc())


@needs_nvcc
@pytest.mark.parametrize(
    "fault",
    [*list(STATUSES)[:3], *(pytest.param(fault, marks=pytest.mark.slow) for fault in list(STATUSES)[3:])],
)
def test_what_does_not_compile_says_why(tmp_path: Path, fault: str) -> None:
    outcome = compiler(tmp_path).compile({"block": 128, "fault": fault})
    assert outcome.status is STATUSES[fault], outcome
    assert outcome.spent_s >= 0
    if fault == "none":
        assert outcome.compiled is not None
        assert Path(outcome.compiled.launches[0].files["cubin"]).read_bytes()[:4] == b"\x7fELF"
    else:
        assert outcome.compiled is None and outcome.message and "\n" not in outcome.message


@needs_nvcc
def test_one_source_is_compiled_once_and_charged_twice(tmp_path: Path) -> None:
    counting = tmp_path / "counting"
    counting.write_text(f'#!/bin/sh\necho once >> {tmp_path}/calls\nexec {find_nvcc()} "$@"\n')
    counting.chmod(0o755)
    made = compiler(tmp_path, str(counting))
    first, second = (made.compile({"block": block, "fault": "none"}) for block in (128, 256))
    assert first.compiled is not None and second.compiled is not None
    assert first.compiled.launches[0].files == second.compiled.launches[0].files
    assert first.compiled.fingerprint != second.compiled.fingerprint  # threads and grid differ
    (cost,) = tmp_path.glob("cuda-*/cost")
    assert 0 < float(cost.read_text()) <= min(first.compile_s, second.compile_s)
    assert made.compile({"block": 128, "fault": "none"}).compiled == first.compiled
    assert (tmp_path / "calls").read_text() == "once\n"


def test_without_nvcc_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    with pytest.raises(UserError, match="nvcc: not found"):
        find_nvcc()


DRIVER = r"""
#include <stdio.h>
#include <string.h>
static int shared_limit = 48 * 1024;
int cuModuleLoad(void** module, const char* path) {
    *module = (void*)path;
    return strcmp(path, "code.cubin") ? 301 : 0;
}
int cuModuleGetFunction(void** f, void* module, const char* name) {
    *f = module;
    return strcmp(name, "scale") ? 500 : 0;
}
int cuFuncSetAttribute(void* f, int attribute, int value) { if (attribute == 8) shared_limit = value; return 0; }
int cuGetErrorString(int code, const char** text) {
    *text = code == 701 ? "too many resources requested for launch" : "bad";
    return 0;
}
int cuLaunchKernel(void* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void* stream, void** parameters, void** extra) {
    if (!f || stream != (void*)7 || extra || gy * gz * by * bz != 1) return 1;
    if ((int)shared > shared_limit) return 701;
    const float* x = *(float**)parameters[0]; float* y = *(float**)parameters[1];
    int n = *(int*)parameters[2]; float factor = *(float*)parameters[3];
    for (int i = 0; i < (int)(gx * bx) && i < n; i++) y[i] = factor * x[i];
    return 0;
}
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The five driver functions that are called, with their own signatures, on the CPU's memory."""
    folder = tmp_path_factory.mktemp("driver")
    (folder / "driver.c").write_text(DRIVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "driver.so", folder / "driver.c"], check=True)
    return ctypes.CDLL(str(folder / "driver.so"))


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_driver_gets_grid_threads_and_arguments_as_they_are(driver: ctypes.CDLL) -> None:
    kernel = Scale(1003)
    buffers = {**kernel.inputs(torch.Generator().manual_seed(0)), **kernel.outputs(torch.device("cpu"))}
    (launch,) = kernel.plan({"block": 128, "fault": "none"}, 1).launches
    bound(driver, launch, "code.cubin", buffers, 7)()
    assert torch.equal(buffers["y"], buffers["x"] * 1.5)
    large = replace(launch, options={**launch.options, "shared_bytes": 100_000})
    buffers["y"].zero_()
    bound(driver, large, "code.cubin", buffers, 7)()
    assert torch.equal(buffers["y"], buffers["x"] * 1.5)
    with pytest.raises(DriverError, match="CUDA error 701: too many resources requested"):
        driver.cuFuncSetAttribute(None, 8, 10)
        bound(driver, replace(launch, options={**launch.options, "shared_bytes": 20}), "code.cubin", buffers, 7)()
    with pytest.raises(DriverError, match="CUDA error 301"):
        bound(driver, launch, "nothing.cubin", buffers, 7)


@pytest.mark.gpu
@needs_nvcc
def test_on_a_gpu_it_is_measured_and_faults_are_statuses() -> None:
    space = SearchSpace([Ordinal("block", (64, 128, 256)), Categorical("fault", ("none", *STATUSES, *ON_DEVICE)[1:])])
    options = replace(SessionOptions(), compile_workers=2, compile_timeout_s=60.0, run_timeout_s=5.0)
    live = LiveBackend(Scale().name, Scale(), space, find_device(), options)
    batch = [{"block": 128, "fault": fault} for fault in (*STATUSES, *ON_DEVICE)]
    batch += [{"block": 256, "fault": "none"}]
    try:
        measured = live.measure(batch)
    finally:
        live.close()
    expected = [*STATUSES.values(), *ON_DEVICE.values(), Status.OK]
    assert [m.status for m in measured] == expected, [m.message for m in measured]
    assert measured[-1].latency_ms is not None and 1e-4 < measured[-1].latency_ms < 1.0
