"""Kernels in a user's own files, and a synthetic recording of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.landscapes.write import write_landscape
from search_spaces.space import SearchSpace

CPU = '''
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from kernels.cpu import CpuKernel
from search_spaces.parameter import Boolean, Ordinal
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class RowSum(CpuKernel):
    """Sums of rows, some rows at a time."""

    rows: int = 64
    cols: int = 32
    dtype: str = "fp32"
    default: ClassVar[Mapping[str, Any]] = {"block": 8, "flip": False}

    @property
    def name(self):
        return f"{NAME}-{self.rows}x{self.cols}-{self.dtype}"

    flops = property(lambda self: float(self.rows * self.cols))
    bytes_moved = property(lambda self: 4.0 * self.rows * (self.cols + 1))
    tolerance = property(lambda self: 1e-4)

    def search_space(self, device):
        return SearchSpace([Ordinal("block", (1, 2, 4, 8, 16, 32), "log2"), Boolean("flip")])

    def inputs(self, generator):
        return {"x": torch.randn(self.rows, self.cols, generator=generator)}

    def outputs(self, device):
        return {"y": torch.empty(self.rows)}

    def reference(self, inputs):
        return {"y": inputs["x"].double().sum(1)}

    def vendor(self, inputs):
        return "torch.sum", lambda: torch.sum(inputs["x"], 1)

    def bind(self, configuration, inputs, outputs, built):
        x, y, block = inputs["x"], outputs["y"], configuration["block"]
        wrong = WRONG or (configuration["flip"] and block == 32)

        def run():
            for at in range(0, self.rows, block):
                y[at : at + block] = x[at : at + block].sum(1)
            if wrong:
                y[0] += 1

        return run
'''


def cpu_kernel(folder: Path, name: str, wrong: bool = False) -> Path:
    """Write a file with one kernel for the CPU, under a module name that no other test uses."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(f'NAME = "{name}"\nWRONG = {wrong}\n{CPU}')
    return path


def recording(path: Path, space: SearchSpace, task: str, failed: Sequence[int] = (), **metadata: Any) -> Path:
    """Write a landscape of a space with synthetic latencies; the rows in ``failed`` failed."""
    configurations = list(space.enumerate())
    latency = np.random.default_rng(0).permutation(len(configurations)) + 1.0
    ok = [row not in failed for row in range(len(configurations))]
    columns: Mapping[str, Any] = {
        "configurations": configurations,
        "status": ["ok" if good else "wrong_result" for good in ok],
        "message": ["" if good else "off by one" for good in ok],
        "latency_ms": [x if good else None for x, good in zip(latency.tolist(), ok, strict=True)],
        "oracle_ms": [x if good else None for x, good in zip(latency.tolist(), ok, strict=True)],
        "samples_ms": [[x] if good else [] for x, good in zip(latency.tolist(), ok, strict=True)],
        **{cost: [0.2] * len(ok) for cost in ("compile_s", "verify_s", "benchmark_s")},
        "origin": ["uniform"] * len(ok),
    }
    document = {"task": task, "device": {"name": "Made Up", "slug": "up"}, "coverage": {"kind": "exhaustive"}}
    write_landscape(path, space, columns, {**document, **metadata})
    return path
