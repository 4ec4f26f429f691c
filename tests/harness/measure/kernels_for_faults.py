"""A tiny Triton kernel, y = x + 1, that fails in every way in which a configuration can."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scratch
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace

COMPILE_FAULTS = ("slow_compile", "ptxas", "shared_memory", "syntax", "segfault_in_worker")
RUN_FAULTS = ("forever", "illegal", "wrong", "nan", "unwritten", "device_memory", "kill_gpu_process")


@triton.jit
def _add_one(x_ptr, y_ptr, n, FAULT: tl.constexpr, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    x = tl.load(x_ptr + offsets, mask=inside, other=0.0)
    if FAULT == "slow_compile":
        for i in tl.static_range(1_000_000):
            x = x * 1.0001 + i
    if FAULT == "ptxas":
        x = tl.inline_asm_elementwise("no.such.instruction $0, $1;", "=r,r", [x], tl.float32, is_pure=True, pack=1)
    if FAULT == "syntax":
        x = tl.dot(x, x)
    if FAULT == "wrong":
        x = x + 0.5
    if FAULT == "nan":
        x = x * float("nan")
    if FAULT == "forever":
        # x is never NaN, which the compiler cannot know of a volatile load
        flag = tl.load(x_ptr, volatile=True)
        while flag == flag:
            flag = tl.load(x_ptr, volatile=True)
    if FAULT == "illegal":
        y_ptr += (n.to(tl.int64) + 1) << 36
    if FAULT == "unwritten":
        inside = inside & (offsets != n - 1)
    tl.store(y_ptr + offsets, x + 1.0, mask=inside)


@triton.jit
def _too_much_shared_memory(x_ptr, y_ptr, n, BLOCK: tl.constexpr, K: tl.constexpr):
    rows = tl.arange(0, BLOCK)
    depth = tl.arange(0, K)
    total = tl.zeros((BLOCK, BLOCK), dtype=tl.float32)
    for start in tl.range(0, n, K):
        a = tl.load(x_ptr + rows[:, None] * n + (start + depth)[None, :]).to(tl.float16)
        b = tl.load(x_ptr + (start + depth)[:, None] * n + rows[None, :]).to(tl.float16)
        total = tl.dot(a, b, total)
    tl.store(y_ptr + rows[:, None] * BLOCK + rows[None, :], total)


@dataclass(frozen=True)
class AddOne(Kernel):
    """The kernel y = x + 1 for ``n`` numbers."""

    n: int = 4096
    dtype: str = "fp32"

    @property
    def name(self) -> str:
        return f"addone-{self.n}-{self.dtype}"

    @property
    def flops(self) -> float:
        return float(self.n)

    @property
    def bytes_moved(self) -> float:
        return 8.0 * self.n

    @property
    def tolerance(self) -> float:
        return 1e-5

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"x": torch.randn(self.n, generator=generator, device=generator.device)}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty(self.n, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"y": inputs["x"].double() + 1.0}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        return "torch.add", lambda: torch.add(inputs["x"], 1.0)

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del sm_count
        fault, block = configuration["fault"], configuration["block"]
        pointers = {"x_ptr": Buffer("x"), "y_ptr": Buffer("y"), "n": self.n}
        if fault == "segfault_in_worker":
            os.kill(os.getpid(), signal.SIGSEGV)
        if fault == "kill_gpu_process" and torch.cuda.is_initialized():
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "shared_memory":
            constants, options = {"BLOCK": 128, "K": 128}, {"num_stages": 5, "num_warps": 8}
            return Plan((Launch(_too_much_shared_memory, (1, 1, 1), pointers, constants, options),))
        scratch = {"huge": Scratch((2**42,), torch.float32)} if fault == "device_memory" else {}
        # One idle program more, or it would be an alias of the sound configuration and never be loaded.
        programs = triton.cdiv(self.n, block) + (fault == "kill_gpu_process")
        launch = Launch(
            _add_one,
            (programs, 1, 1),
            pointers,
            {"FAULT": fault, "BLOCK": block},
            {"num_warps": configuration["warps"], "num_stages": configuration.get("stages", 3)},
        )
        return Plan((launch,), scratch)


def faulty_space(faults: tuple[str, ...] = COMPILE_FAULTS + RUN_FAULTS) -> SearchSpace:
    """Return the space: blocks and warps of the correct kernel, and every fault."""
    return SearchSpace(
        [Categorical("fault", ("none", *faults)), Ordinal("block", (128, 256)), Ordinal("warps", (1, 2, 4))]
    )
