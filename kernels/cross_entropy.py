"""Cross entropy of logits [tokens, vocab] against integer targets: the loss of each token and its gradient.

loss = log sum exp(x) - x[target], and its gradient softmax(x) - onehot(target), in fp32 inside. Both come from one
call, as in Liger-Kernel's fused loss, here with the gradient beside the logits instead of over them. Memory bound:
logits are read at least once and gradients written once; a scheme that does not hold a row reads logits twice.

Schemes: *one_pass* (a program holds a row in registers), *persistent* (a fixed number of programs, each walking over
rows that it holds whole), *looped* (a program per row: maximum and sum in one online pass, Milakov & Gimelshein 2018,
then a pass that writes) and *split* (several programs per row leave a maximum and a sum each; a second launch, with
blocks of its own, combines them in a fixed order and writes the gradients).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scratch
from kernels.rows import POLICIES, row_start

LOGIT_DEVIATION = 4.0
REFERENCE_ELEMENTS = 2**26
"""Most float64 logits that the reference computes at once (512 MiB)."""

# Below every fp32 logit, yet finite: -inf minus -inf would be NaN in lanes that see no element.
LOWEST = tl.constexpr(-3.0e38)


@triton.jit
def _load(x_row, column, VOCAB: tl.constexpr, BLOCK: tl.constexpr, EVICTION: tl.constexpr):
    """Logits [BLOCK] from ``column`` on, fp32, -inf past the row's end, and their columns."""
    columns = column + tl.arange(0, BLOCK)
    if VOCAB % BLOCK == 0:
        x = tl.load(x_row + columns, eviction_policy=EVICTION)
    else:
        x = tl.load(x_row + columns, columns < VOCAB, other=float("-inf"), eviction_policy=EVICTION)
    return x.to(tl.float32), columns


@triton.jit
def _store_gradient(
    gradient_row, x, columns, target, log_sum, VOCAB: tl.constexpr, BLOCK: tl.constexpr, EVICTION: tl.constexpr
):
    """softmax - onehot of a block; log_sum is the row's log sum exp."""
    gradient = tl.exp(x - log_sum) - tl.where(columns == target, 1.0, 0.0)
    gradient = gradient.to(gradient_row.dtype.element_ty)
    if VOCAB % BLOCK == 0:
        tl.store(gradient_row + columns, gradient, eviction_policy=EVICTION)
    else:
        tl.store(gradient_row + columns, gradient, columns < VOCAB, eviction_policy=EVICTION)


@triton.jit
def _whole_row(
    x_ptr, target_ptr, loss_ptr, gradient_ptr, row,
    VOCAB: tl.constexpr, BLOCK: tl.constexpr, GATHER: tl.constexpr,
    LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr,
):  # fmt: skip
    """A row held in registers (BLOCK >= VOCAB)."""
    x_row = row_start(x_ptr, row, VOCAB)
    target = tl.load(target_ptr + row).to(tl.int32)
    x, columns = _load(x_row, 0, VOCAB, BLOCK, LOAD_EVICTION)
    peak = tl.max(x, 0)
    log_sum = peak + tl.log(tl.sum(tl.exp(x - peak), 0))
    aim = tl.load(x_row + target).to(tl.float32) if GATHER else tl.sum(tl.where(columns == target, x, 0.0), 0)
    tl.store(loss_ptr + row, log_sum - aim)
    gradient_row = row_start(gradient_ptr, row, VOCAB)
    _store_gradient(gradient_row, x, columns, target, log_sum, VOCAB, BLOCK, STORE_EVICTION)


@triton.jit
def _one_pass_kernel(
    x_ptr, target_ptr, loss_ptr, gradient_ptr,
    VOCAB: tl.constexpr, BLOCK: tl.constexpr, GATHER: tl.constexpr,
    LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr,
):  # fmt: skip
    """A program per row."""
    _whole_row(
        x_ptr, target_ptr, loss_ptr, gradient_ptr, tl.program_id(0), VOCAB, BLOCK, GATHER, LOAD_EVICTION, STORE_EVICTION
    )


@triton.jit
def _persistent_kernel(
    x_ptr, target_ptr, loss_ptr, gradient_ptr, tokens,
    VOCAB: tl.constexpr, BLOCK: tl.constexpr, GATHER: tl.constexpr,
    LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Programs stride over the rows; with STAGES > 1 the next row's load runs ahead through shared memory."""
    for row in tl.range(tl.program_id(0), tokens, tl.num_programs(0), num_stages=STAGES):
        _whole_row(x_ptr, target_ptr, loss_ptr, gradient_ptr, row, VOCAB, BLOCK, GATHER, LOAD_EVICTION, STORE_EVICTION)


@triton.jit
def _online(
    x_row, target, low, high,
    VOCAB: tl.constexpr, BLOCK: tl.constexpr, DEFER: tl.constexpr, GATHER: tl.constexpr, EVICTION: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Maximum, sum of exp(x - maximum) and the target's logit (0 if GATHER or elsewhere) of columns low … high - 1.

    ``low`` and ``high`` are multiples of BLOCK, or high is past VOCAB. The running state is one value, or (DEFER) one
    per lane, combined after the loop: more registers, but no reduction across threads inside the loop.
    """
    STATE: tl.constexpr = BLOCK if DEFER else 1
    peak = tl.full([STATE], LOWEST, tl.float32)
    total = tl.zeros([STATE], tl.float32)
    aim = tl.zeros([STATE], tl.float32)
    for column in tl.range(low, high, BLOCK, num_stages=STAGES):
        x, columns = _load(x_row, column, VOCAB, BLOCK, EVICTION)
        higher = tl.maximum(peak, x if DEFER else tl.max(x, 0, keep_dims=True))
        power = tl.exp(x - higher)
        total = total * tl.exp(peak - higher) + (power if DEFER else tl.sum(power, 0, keep_dims=True))
        peak = higher
        if not GATHER:
            hit = tl.where(columns == target, x, 0.0)
            aim += hit if DEFER else tl.sum(hit, 0, keep_dims=True)
    row_peak = tl.max(peak, 0)
    return row_peak, tl.sum(total * tl.exp(peak - row_peak), 0), tl.sum(aim, 0)


@triton.jit
def _looped_kernel(
    x_ptr, target_ptr, loss_ptr, gradient_ptr,
    VOCAB: tl.constexpr, BLOCK: tl.constexpr, GATHER: tl.constexpr, DEFER: tl.constexpr, REVERSED: tl.constexpr,
    FIRST_EVICTION: tl.constexpr, LAST_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """A program per row, which it reads twice; REVERSED begins the second time with the blocks read last."""
    row = tl.program_id(0)
    x_row = row_start(x_ptr, row, VOCAB)
    gradient_row = row_start(gradient_ptr, row, VOCAB)
    target = tl.load(target_ptr + row).to(tl.int32)
    peak, total, aim = _online(x_row, target, 0, VOCAB, VOCAB, BLOCK, DEFER, GATHER, FIRST_EVICTION, STAGES)
    if GATHER:
        aim = tl.load(x_row + target).to(tl.float32)
    log_sum = peak + tl.log(total)
    tl.store(loss_ptr + row, log_sum - aim)
    LAST: tl.constexpr = (VOCAB - 1) // BLOCK * BLOCK
    for start in tl.range(0, VOCAB, BLOCK, num_stages=STAGES):
        column = LAST - start if REVERSED else start
        x, columns = _load(x_row, column, VOCAB, BLOCK, LAST_EVICTION)
        _store_gradient(gradient_row, x, columns, target, log_sum, VOCAB, BLOCK, STORE_EVICTION)


@triton.jit
def _partial_kernel(
    x_ptr, peak_ptr, total_ptr,
    VOCAB: tl.constexpr, BLOCK: tl.constexpr, SLICE: tl.constexpr, SPLITS: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Axis 0: slices of a row, SLICE columns each; axis 1: rows. Fills peaks and totals [tokens, SPLITS]."""
    part = tl.program_id(0)
    row = tl.program_id(1)
    low = part * SLICE
    high = min(low + SLICE, VOCAB)
    x_row = row_start(x_ptr, row, VOCAB)
    peak, total, _ = _online(x_row, 0, low, high, VOCAB, BLOCK, False, True, "", STAGES)
    tl.store(peak_ptr + row * SPLITS + part, peak)
    tl.store(total_ptr + row * SPLITS + part, total)


@triton.jit
def _combine_kernel(
    x_ptr, target_ptr, peak_ptr, total_ptr, loss_ptr, gradient_ptr,
    VOCAB: tl.constexpr, BLOCK: tl.constexpr, SPLITS: tl.constexpr, REVERSED: tl.constexpr,
):  # fmt: skip
    """Axis 0: blocks of a row; axis 1: rows. REVERSED begins with the rows that the first launch read last."""
    block = tl.program_id(0)
    row = tl.program_id(1)
    if REVERSED:
        block = tl.num_programs(0) - 1 - block
        row = tl.num_programs(1) - 1 - row
    x_row = row_start(x_ptr, row, VOCAB)
    x, columns = _load(x_row, block * BLOCK, VOCAB, BLOCK, "evict_first")
    target = tl.load(target_ptr + row).to(tl.int32)
    parts = row * SPLITS + tl.arange(0, SPLITS)
    peaks = tl.load(peak_ptr + parts)
    peak = tl.max(peaks, 0)
    log_sum = peak + tl.log(tl.sum(tl.load(total_ptr + parts) * tl.exp(peaks - peak), 0))
    if block == 0:
        tl.store(loss_ptr + row, log_sum - tl.load(x_row + target).to(tl.float32))
    _store_gradient(row_start(gradient_ptr, row, VOCAB), x, columns, target, log_sum, VOCAB, BLOCK, "")


@dataclass(frozen=True)
class CrossEntropy(Kernel):
    """``loss [tokens]`` (fp32) and ``gradient [tokens, vocab]`` of ``x [tokens, vocab]`` against int64 ``target``.

    The gradient is that of each token's own loss; a mean's would underflow in fp16. Every target is a column.

    Raises:
        ValueError: for a dtype other than bf16/fp16, or sizes that a grid or 32-bit columns do not hold.
    """

    tokens: int
    vocab: int
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        if not 1 <= self.tokens < 2**16:
            raise ValueError(f"tokens={self.tokens}: expected 1 … 65535")
        if not 1 <= self.vocab < 2**30:
            raise ValueError(f"vocab={self.vocab}: expected 1 … 2^30 - 1")

    @property
    def name(self) -> str:
        return f"cross_entropy-{self.tokens}x{self.vocab}-{self.dtype}"

    @property
    def flops(self) -> float:
        """Six an element: compare, subtract, exponentiate and add for the sum, subtract and exponentiate after it."""
        return 6.0 * self.tokens * self.vocab

    @property
    def bytes_moved(self) -> float:
        """Logits read and gradients written once; a target of 8 bytes and a loss of 4 for each token."""
        return 2.0 * self.tokens * self.vocab * self.torch_dtype.itemsize + 12.0 * self.tokens

    @property
    def tolerance(self) -> float:
        """Twice the rounding error of a target's gradient, over the gradients' root mean square.

        A target's gradient, p - 1, is rounded by up to half an ulp below one: a quarter of the dtype's epsilon. Targets
        are random and so mostly improbable: every row has one element near -1, and the root mean square is at
        least about 1/sqrt(vocab). A lost block of columns takes the likeliest token of some rows with it, whose
        p of 0.1 … 1 is off by sqrt(vocab) times itself. The loss, in fp32, errs by less than 1e-5.
        """
        return 2 * (torch.finfo(self.torch_dtype).eps / 4 + 2.0**-20) * math.sqrt(self.vocab)

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal logits of deviation 4, so that few tokens share a row's probability, as a trained model's do.

        Plain normal logits would spread it over the vocabulary, where a lost block changes nothing that shows.
        """
        device = generator.device
        x = torch.randn(self.tokens, self.vocab, generator=generator, device=device).mul_(LOGIT_DEVIATION)
        target = torch.randint(self.vocab, (self.tokens,), generator=generator, device=device)
        return {"x": x.to(self.torch_dtype), "target": target}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {
            "loss": torch.empty(self.tokens, dtype=torch.float32, device=device),
            "gradient": torch.empty(self.tokens, self.vocab, dtype=self.torch_dtype, device=device),
        }

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """Both in float64, some rows at a time."""
        x, target = inputs["x"], inputs["target"]
        loss = torch.empty(self.tokens, dtype=torch.float64, device=x.device)
        gradient = torch.empty(self.tokens, self.vocab, dtype=torch.float64, device=x.device)
        step = max(1, REFERENCE_ELEMENTS // self.vocab)
        for first in range(0, self.tokens, step):
            rows = slice(first, first + step)
            aims = target[rows, None]
            logarithms = torch.log_softmax(x[rows].double(), dim=1)
            loss[rows] = -logarithms.gather(1, aims)[:, 0]
            gradient[rows] = logarithms.exp_()
            gradient[rows].scatter_add_(1, aims, torch.full_like(aims, -1, dtype=torch.float64))
        return {"loss": loss, "gradient": gradient}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """What torch's cross entropy and its backward launch, each an ATen kernel of its own: no library fuses them."""
        x, target = inputs["x"], inputs["target"]
        ones = torch.ones(self.tokens, dtype=self.torch_dtype, device=x.device)
        aten = torch.ops.aten

        def call() -> torch.Tensor:
            logarithms = aten._log_softmax(x, 1, False)
            _, weight = aten.nll_loss_forward(logarithms, target, None, 0, -100)
            into = aten.nll_loss_backward(ones, logarithms, target, None, 0, -100, weight)
            gradient: torch.Tensor = aten._log_softmax_backward_data(into, logarithms, 1, self.torch_dtype)
            return gradient

        return "torch cross_entropy and backward (unfused)", call

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        scheme = configuration["scheme"]
        if scheme == "split":
            return self._split_plan(configuration)
        constants: dict[str, Any] = {
            "VOCAB": self.vocab,
            "BLOCK": configuration.get("block_cols", triton.next_power_of_2(self.vocab)),
            "GATHER": configuration["target_logit"] == "gather",
            "STORE_EVICTION": POLICIES[configuration["store_eviction"]],
        }
        arguments: dict[str, Any] = {f"{name}_ptr": Buffer(name) for name in ("x", "target", "loss", "gradient")}
        programs = self.tokens
        match scheme:
            case "one_pass":
                kernel = _one_pass_kernel
                constants["LOAD_EVICTION"] = POLICIES[configuration["load_eviction"]]
            case "persistent":
                kernel = _persistent_kernel
                constants["LOAD_EVICTION"] = POLICIES[configuration["load_eviction"]]
                constants["STAGES"] = configuration["num_stages"]
                arguments["tokens"] = self.tokens
                programs = min(programs, sm_count * configuration["ctas_per_sm"])
            case "looped":
                kernel = _looped_kernel
                retain = configuration.get("retain_rows", False)
                constants |= {
                    "DEFER": configuration["reduction"] == "deferred",
                    "REVERSED": configuration["second_pass"] == "reversed",
                    "FIRST_EVICTION": "evict_last" if retain else "",
                    "LAST_EVICTION": "evict_first" if retain else "",
                    "STAGES": configuration["num_stages"],
                }
            case _:
                raise ValueError(f"cross_entropy: scheme={scheme}: expected one_pass, persistent, looped or split")
        options = {"num_warps": configuration["num_warps"]}
        return Plan((Launch(kernel, (programs, 1, 1), arguments, constants, options),))

    def _split_plan(self, configuration: Mapping[str, Any]) -> Plan:
        """Launches over slices of whole blocks and over the gradient's blocks."""
        splits, block, grad_block = (configuration[name] for name in ("splits", "block_cols", "grad_block_cols"))
        slice_cols = triton.cdiv(triton.cdiv(self.vocab, block), splits) * block
        stages, backwards = configuration["num_stages"], configuration["second_pass"] == "reversed"
        partial = Launch(
            _partial_kernel,
            (splits, self.tokens, 1),
            {f"{name}_ptr": Buffer(name) for name in ("x", "peak", "total")},
            {"VOCAB": self.vocab, "BLOCK": block, "SLICE": slice_cols, "SPLITS": splits, "STAGES": stages},
            {"num_warps": configuration["num_warps"]},
        )
        combine = Launch(
            _combine_kernel,
            (triton.cdiv(self.vocab, grad_block), self.tokens, 1),
            {f"{name}_ptr": Buffer(name) for name in ("x", "target", "peak", "total", "loss", "gradient")},
            {"VOCAB": self.vocab, "BLOCK": grad_block, "SPLITS": splits, "REVERSED": backwards},
            {"num_warps": configuration["grad_warps"]},
        )
        state = Scratch((self.tokens, splits), torch.float32)
        return Plan((partial, combine), {"peak": state, "total": state})
