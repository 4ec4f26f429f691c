"""A Triton kernel: y = a · sigmoid(a) · b, element by element (Shazeer 2020, GLU Variants Improve Transformer)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan
from search_spaces.device import DeviceLimits
from search_spaces.parameter import Categorical, Integer, Ordinal
from search_spaces.space import SearchSpace


@triton.jit
def _swiglu(a, b, y, n, BLOCK: tl.constexpr, STAGES: tl.constexpr):
    # 3 elements moved for each one computed: a and b read, y written.
    for start in tl.range(tl.program_id(0) * BLOCK, n, tl.num_programs(0) * BLOCK, num_stages=STAGES):
        at = start + tl.arange(0, BLOCK)
        mask = at < n
        x = tl.load(a + at, mask, other=0.0).to(tl.float32)
        gate = tl.load(b + at, mask, other=0.0).to(tl.float32)
        tl.store(y + at, (x * tl.sigmoid(x) * gate).to(y.dtype.element_ty), mask)


@dataclass(frozen=True)
class Swiglu(Kernel):
    """SwiGLU of two vectors of ``n`` elements."""

    n: int = 2**24
    dtype: str = "bf16"

    @property
    def name(self) -> str:
        return f"example_swiglu-{self.n}-{self.dtype}"

    @property
    def flops(self) -> float:
        return 5.0 * self.n

    @property
    def bytes_moved(self) -> float:
        return 3.0 * self.n * self.torch_dtype.itemsize

    @property
    def tolerance(self) -> float:
        """Rounding of the largest product of normal draws, over the outputs' root mean square (about 0.6)."""
        return 40 * torch.finfo(self.torch_dtype).eps + 2.0**-18

    def search_space(self, device: DeviceLimits) -> SearchSpace:
        return SearchSpace(
            [
                Categorical("schedule", ("one_block", "persistent")),
                Ordinal("block", (256, 512, 1024, 2048, 4096), "log2"),
                Ordinal("num_warps", (1, 2, 4, 8), "log2"),
                Ordinal("ctas_per_sm", (1, 2, 4, 8), "log2", active_when="schedule == 'persistent'"),
                Integer("num_stages", 1, 3, active_when="schedule == 'persistent'"),
            ],
            constraints=["block >= 32 * num_warps"],
            constants={"sm_count": device.sm_count},
            features={"elements_per_thread": "block / (32 * num_warps)"},
        )

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        drawn = torch.randn(2, self.n, generator=generator, device=generator.device).to(self.torch_dtype)
        return {"a": drawn[0].clone(), "b": drawn[1].clone()}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty(self.n, dtype=self.torch_dtype, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"y": torch.nn.functional.silu(inputs["a"].double()) * inputs["b"].double()}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        return "torch", lambda: torch.nn.functional.silu(inputs["a"]) * inputs["b"]

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        block = configuration["block"]
        blocks = triton.cdiv(self.n, block)
        persistent = configuration["schedule"] == "persistent"
        programs = min(blocks, sm_count * configuration["ctas_per_sm"]) if persistent else blocks
        launch = Launch(
            kernel=_swiglu,
            grid=(programs, 1, 1),
            arguments={"a": Buffer("a"), "b": Buffer("b"), "y": Buffer("y"), "n": self.n},
            constants={"BLOCK": block, "STAGES": configuration.get("num_stages", 1)},
            options={"num_warps": configuration["num_warps"]},
        )
        return Plan((launch,))
