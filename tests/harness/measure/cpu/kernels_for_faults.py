"""A CPU kernel that fails in every way, on demand."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.evaluation import Status
from kernels.base import Buffers
from kernels.cpu import CpuKernel
from search_spaces.device import DeviceLimits
from search_spaces.parameter import Categorical, Integer
from search_spaces.space import SearchSpace

EXPECTED = {
    "build_error": Status.COMPILE_ERROR,
    "build_hang": Status.COMPILE_TIMEOUT,
    "build_kill": Status.WORKER_CRASH,
    "bind_error": Status.RUNTIME_ERROR,
    "memory": Status.OUT_OF_RESOURCES,
    "wrong": Status.WRONG_RESULT,
    "unwritten": Status.WRONG_RESULT,
    "hang": Status.RUN_TIMEOUT,
    "kill": Status.WORKER_CRASH,
    "exit": Status.WORKER_CRASH,
}


@dataclass(frozen=True)
class Sleeper(CpuKernel):
    """Compute y = x + 1 after ``sleep`` ms, with what its build wrote."""

    n: int = 100
    dtype: str = "fp32"

    @property
    def name(self) -> str:
        return f"sleeper-{self.n}-{self.dtype}"

    @property
    def flops(self) -> float:
        return float(self.n)

    @property
    def bytes_moved(self) -> float:
        return 8.0 * self.n

    @property
    def tolerance(self) -> float:
        return 1e-6

    def search_space(self, device: DeviceLimits) -> SearchSpace:
        del device
        return SearchSpace([Integer("sleep", 1, 8), Categorical("fault", ("none", *EXPECTED))])

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"x": torch.randn(self.n, generator=generator)}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty(self.n, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"y": inputs["x"].double() + 1}

    def build(self, configuration: Mapping[str, Any], built: Path) -> None:
        print("chatter that must not reach the terminal")
        match configuration["fault"]:
            case "build_error":
                raise SyntaxError("invalid\nkernel")
            case "build_hang":
                time.sleep(600)
            case "build_kill":
                os.kill(os.getpid(), signal.SIGSEGV)
        (built / "milliseconds").write_text(str(configuration["sleep"]))

    def bind(
        self, configuration: Mapping[str, Any], inputs: Buffers, outputs: Buffers, built: Path
    ) -> Callable[[], object]:
        fault, x, y = configuration["fault"], inputs["x"], outputs["y"]
        seconds = int((built / "milliseconds").read_text()) / 1e3
        if fault == "bind_error":
            raise ValueError("no such block")

        def run() -> None:
            match fault:
                case "memory":
                    raise MemoryError("too much")
                case "hang":
                    time.sleep(600)
                case "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "exit":
                    os._exit(3)
            time.sleep(seconds)
            torch.add(x, 1.0, out=y)
            if fault == "wrong":
                y[3] += 0.01
            if fault == "unwritten":
                y[5] = float("nan")

        return run
