"""A kernel in CUDA C++: y = xᵀ through tiles in shared memory, padded or not against bank conflicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from kernels.base import Buffer, Buffers, Launch, Plan
from kernels.cuda import CudaFunction, CudaKernel
from search_spaces.device import DeviceLimits
from search_spaces.parameter import Integer, Ordinal
from search_spaces.space import SearchSpace

SOURCE = """
extern "C" __global__ void transpose(const float* x, float* y, int rows, int cols) {
    __shared__ float tile[TILE][TILE + PAD];
    int col = blockIdx.x * TILE + threadIdx.x, row = blockIdx.y * TILE + threadIdx.y;
    for (int i = 0; i < TILE; i += LINES)
        if (col < cols && row + i < rows) tile[threadIdx.y + i][threadIdx.x] = x[(long long)(row + i) * cols + col];
    __syncthreads();
    col = blockIdx.y * TILE + threadIdx.x, row = blockIdx.x * TILE + threadIdx.y;
    for (int i = 0; i < TILE; i += LINES)
        if (col < rows && row + i < cols) y[(long long)(row + i) * rows + col] = tile[threadIdx.x][threadIdx.y + i];
}
"""


@dataclass(frozen=True)
class Transpose(CudaKernel):
    """The transpose of a matrix [rows, cols]."""

    rows: int = 4096
    cols: int = 4096
    dtype: str = "fp32"

    @property
    def name(self) -> str:
        return f"example_transpose-{self.rows}x{self.cols}-{self.dtype}"

    @property
    def flops(self) -> float:
        return 0.0

    @property
    def bytes_moved(self) -> float:
        return 8.0 * self.rows * self.cols

    @property
    def tolerance(self) -> float:
        """Nothing is computed."""
        return 0.0

    def search_space(self, device: DeviceLimits) -> SearchSpace:
        return SearchSpace(
            [
                Ordinal("tile", (8, 16, 32, 64), "log2"),
                Ordinal("lines", (1, 2, 4, 8, 16, 32), "log2"),
                Integer("pad", 0, 1),
            ],
            constraints=["lines <= tile", "tile * lines <= max_threads"],
            constants={"max_threads": device.max_threads_per_block},
        )

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"x": torch.randn(self.rows, self.cols, generator=generator, device=generator.device)}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty(self.cols, self.rows, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"y": inputs["x"].t()}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        return "torch", lambda: inputs["x"].t().contiguous()

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del sm_count
        tile, lines = configuration["tile"], configuration["lines"]
        launch = Launch(
            kernel=CudaFunction(SOURCE, "transpose"),
            grid=(-(-self.cols // tile), -(-self.rows // tile), 1),
            arguments={"x": Buffer("x"), "y": Buffer("y"), "rows": self.rows, "cols": self.cols},
            constants={"TILE": tile, "LINES": lines, "PAD": configuration["pad"]},
            options={"threads_x": tile, "threads_y": lines},
        )
        return Plan((launch,))
