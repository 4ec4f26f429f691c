"""A kernel for the CPU: C [m, n] = A [m, k] · B [k, n] in blocks, each a numpy product, in a tunable order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from kernels.base import Buffers
from kernels.cpu import CpuKernel
from search_spaces.device import DeviceLimits
from search_spaces.parameter import Boolean, Ordinal, Permutation
from search_spaces.space import SearchSpace


def blocked_matmul_space(m: int, n: int, k: int, dtype: str, device: DeviceLimits) -> SearchSpace:
    """Blocks that are no larger than the matrices, the order of the loops over them, and whether B is packed first."""
    del dtype, device
    sizes = (16, 32, 64, 128, 256)
    return SearchSpace(
        [
            *(Ordinal(f"block_{axis}", sizes, "log2") for axis in "mnk"),
            Permutation("loops", 3),
            Boolean("pack_b"),
        ],
        constraints=["block_m < 2 * m", "block_n < 2 * n", "block_k < 2 * k"],
        constants={"m": m, "n": n, "k": k},
        features={"block_area": "block_m * block_n"},
    )


@dataclass(frozen=True)
class BlockedMatmul(CpuKernel):
    """The product of two dense matrices."""

    m: int = 128
    n: int = 128
    k: int = 128
    dtype: str = "fp32"

    default: ClassVar[Mapping[str, Any]] = {
        "block_m": 64, "block_n": 64, "block_k": 64, "loops": [0, 1, 2], "pack_b": False,
    }  # fmt: skip

    @property
    def name(self) -> str:
        return f"example_matmul-{self.m}x{self.n}x{self.k}-{self.dtype}"

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k

    @property
    def bytes_moved(self) -> float:
        return float(self.m * self.k + self.k * self.n + self.m * self.n) * self.torch_dtype.itemsize

    @property
    def tolerance(self) -> float:
        """Unit roundoff times the square root of the terms of a sum, which errors of random signs grow with; ×16."""
        return 16 * torch.finfo(self.torch_dtype).eps * self.k**0.5

    def search_space(self, device: DeviceLimits) -> SearchSpace:
        return blocked_matmul_space(self.m, self.n, self.k, self.dtype, device)

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        shapes = {"a": (self.m, self.k), "b": (self.k, self.n)}
        return {name: torch.randn(s, generator=generator, dtype=self.torch_dtype) for name, s in shapes.items()}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"c": torch.empty(self.m, self.n, dtype=self.torch_dtype, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"c": inputs["a"].double() @ inputs["b"].double()}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        return "torch.mm", lambda: torch.mm(inputs["a"], inputs["b"])

    def bind(
        self, configuration: Mapping[str, Any], inputs: Buffers, outputs: Buffers, built: Path
    ) -> Callable[[], object]:
        del built  # nothing was: this kernel is Python as it stands
        a, b, c = inputs["a"].numpy(), inputs["b"].numpy(), outputs["c"].numpy()
        sizes, steps = (self.m, self.n, self.k), [configuration[f"block_{axis}"] for axis in "mnk"]
        starts = [range(0, size, step) for size, step in zip(sizes, steps, strict=True)]
        order = list(configuration["loops"])
        blocks = []
        for point in itertools.product(*(starts[axis] for axis in order)):
            at = dict(zip(order, point, strict=True))
            rows, columns, inner = (slice(at[axis], at[axis] + steps[axis]) for axis in range(3))
            blocks.append((a[rows, inner], b[inner, columns], c[rows, columns], (at[2], at[1])))
        packed = configuration["pack_b"]

        def run() -> None:
            c[:] = 0
            copies = {corner: right.copy() for _, right, _, corner in blocks} if packed else {}
            for left, right, out, corner in blocks:
                out += left @ copies.get(corner, right)

        return run
