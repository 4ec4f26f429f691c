"""Flash attention, forward: O = softmax(Q·Kᵀ/√d)·V per head, causal or full, without storing the scores.

Schedules: *per_block* (a program per block of queries), *persistent* (a fixed number of programs that
walk over the blocks) and *split_kv* (several programs per block, each over a slice of the keys, whose
unnormalised outputs a second launch merges: flash decoding). Loops, where causal: *fused* (one loop that
masks every score) and *split_causal* (blocks below the diagonal unmasked, then those on it).

The softmax state (row maximum, row sum, output) is float32 and in base 2: exp(x) = exp2(x·log2 e)
(Dao 2023, arXiv:2307.08691; online softmax by Milakov and Gimelshein 2018, arXiv:1805.02867).
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
from kernels.sdpa import fastest_attention

MERGE_ROWS = 16
SCORE_DEVIATION = 3.0
REFERENCE_SCORES = 2**27
"""Most scores that the reference holds at once (1 GiB in float64)."""

# Finite, so that a row whose keys are all masked in one slice yields no NaN: exp2(MASKED - maximum) is 0
# once any slice or block has seen a real score.
MASKED = tl.constexpr(-1.0e30)


@triton.jit
def _block_and_head(task, blocks, heads, HEADS_FIRST: tl.constexpr):
    """Which block of queries and which (batch, head) a task stands for.

    HEADS_FIRST runs the last, under a causal mask heaviest, block of every head first.
    """
    if HEADS_FIRST:
        return blocks - 1 - task // heads, task % heads
    return task % blocks, task // blocks


@triton.jit
def _load_keys(
    source, head, start, seq,
    BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, DESCRIPTOR: tl.constexpr, EVEN: tl.constexpr,
):  # fmt: skip
    """Rows start … start+BLOCK_N-1 of one head's K or V, [BLOCK_N, HEAD_DIM]; finite past the head's end."""
    if DESCRIPTOR:
        rows = source.load([head * seq + start, 0])  # past the end: the next head's rows, or zeros
    else:
        columns = start + tl.arange(0, BLOCK_N)
        tile = source + (head * seq + columns)[:, None] * HEAD_DIM + tl.arange(0, HEAD_DIM)[None, :]
        rows = tl.load(tile) if EVEN else tl.load(tile, mask=(columns < seq)[:, None], other=0.0)
    return rows


@triton.jit
def _attend(
    q, k_src, v_src, accumulator, row_sum, row_max, rows, head, low, high, seq, scale,
    BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, DESCRIPTOR: tl.constexpr, EVEN: tl.constexpr,
    CAUSAL_MASK: tl.constexpr,
):  # fmt: skip
    """Fold keys low … high-1 of one head into the state of a block of queries (scale in base 2)."""
    for start in tl.range(low, high, BLOCK_N):
        columns = start + tl.arange(0, BLOCK_N)
        k = _load_keys(k_src, head, start, seq, BLOCK_N, HEAD_DIM, DESCRIPTOR, EVEN)
        scores = tl.dot(q, tl.trans(k))
        if CAUSAL_MASK:
            # Also hides columns ≥ seq from every row < seq.
            scores = tl.where(rows[:, None] >= columns[None, :], scores * scale, MASKED)
            new_max = tl.maximum(row_max, tl.max(scores, 1))
            weights = tl.exp2(scores - new_max[:, None])
        elif EVEN:
            new_max = tl.maximum(row_max, tl.max(scores, 1) * scale)
            weights = tl.exp2(scores * scale - new_max[:, None])
        else:
            scores = tl.where((columns < high)[None, :], scores * scale, MASKED)
            new_max = tl.maximum(row_max, tl.max(scores, 1))
            weights = tl.exp2(scores - new_max[:, None])
        correction = tl.exp2(row_max - new_max)
        row_sum = row_sum * correction + tl.sum(weights, 1)
        accumulator = accumulator * correction[:, None]
        v = _load_keys(v_src, head, start, seq, BLOCK_N, HEAD_DIM, DESCRIPTOR, EVEN)
        accumulator = tl.dot(weights.to(v.dtype), v, accumulator)
        row_max = new_max
    return accumulator, row_sum, row_max


@triton.jit
def _block_of_queries(
    q_ptr, k_src, v_src, o_ptr, max_ptr, sum_ptr, task, split, heads, seq, scale,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, CAUSAL: tl.constexpr,
    SPLIT_LOOP: tl.constexpr, DESCRIPTOR: tl.constexpr, SPLIT_KV: tl.constexpr, HEADS_FIRST: tl.constexpr,
    EVEN_M: tl.constexpr, EVEN_N: tl.constexpr,
):  # fmt: skip
    """Attention of one block of queries over one slice of its keys; stores O, or its unmerged parts."""
    block, head = _block_and_head(task, tl.cdiv(seq, BLOCK_M), heads, HEADS_FIRST)
    first = block * BLOCK_M
    rows = first + tl.arange(0, BLOCK_M)
    inside = (rows < seq)[:, None]
    offsets = (head * seq + rows)[:, None] * HEAD_DIM + tl.arange(0, HEAD_DIM)[None, :]
    q = tl.load(q_ptr + offsets) if EVEN_M else tl.load(q_ptr + offsets, mask=inside, other=0.0)

    low = 0
    high = min(seq, first + BLOCK_M) if CAUSAL else seq
    if SPLIT_KV > 1:
        slice_n = tl.cdiv(tl.cdiv(high, BLOCK_N), SPLIT_KV) * BLOCK_N
        low = split * slice_n
        high = min(high, low + slice_n)

    accumulator = tl.zeros((BLOCK_M, HEAD_DIM), dtype=tl.float32)
    row_sum = tl.zeros((BLOCK_M,), dtype=tl.float32)
    row_max = tl.full((BLOCK_M,), MASKED, dtype=tl.float32)
    if SPLIT_LOOP:
        diagonal = first // BLOCK_N * BLOCK_N
        accumulator, row_sum, row_max = _attend(
            q, k_src, v_src, accumulator, row_sum, row_max, rows, head, low, min(high, diagonal), seq, scale,
            BLOCK_N, HEAD_DIM, DESCRIPTOR, True, False,
        )  # fmt: skip
        low = max(low, diagonal)
    accumulator, row_sum, row_max = _attend(
        q, k_src, v_src, accumulator, row_sum, row_max, rows, head, low, high, seq, scale,
        BLOCK_N, HEAD_DIM, DESCRIPTOR, EVEN_N, CAUSAL,
    )  # fmt: skip

    if SPLIT_KV > 1:
        part = (split * heads + head).to(tl.int64) * seq
        o_ptr += (part - head * seq) * HEAD_DIM
        tl.store(max_ptr + part + rows, row_max, mask=rows < seq)
        tl.store(sum_ptr + part + rows, row_sum, mask=rows < seq)
    else:
        accumulator = accumulator / row_sum[:, None]
    o = accumulator.to(o_ptr.dtype.element_ty)
    if EVEN_M:
        tl.store(o_ptr + offsets, o)
    else:
        tl.store(o_ptr + offsets, o, mask=inside)


@triton.jit
def _attention_kernel(
    q_ptr, k_ptr, v_ptr, o_ptr, max_ptr, sum_ptr, heads, seq, scale,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, CAUSAL: tl.constexpr,
    SPLIT_LOOP: tl.constexpr, DESCRIPTOR: tl.constexpr, SPLIT_KV: tl.constexpr, HEADS_FIRST: tl.constexpr,
    EVEN_M: tl.constexpr, EVEN_N: tl.constexpr, PERSISTENT: tl.constexpr,
):  # fmt: skip
    """Axis 0: blocks of queries (all of them, or P persistent programs); axis 1: slices of the keys."""
    if DESCRIPTOR:
        k_src = tl.make_tensor_descriptor(k_ptr, [heads * seq, HEAD_DIM], [HEAD_DIM, 1], [BLOCK_N, HEAD_DIM])
        v_src = tl.make_tensor_descriptor(v_ptr, [heads * seq, HEAD_DIM], [HEAD_DIM, 1], [BLOCK_N, HEAD_DIM])
    else:
        k_src = k_ptr
        v_src = v_ptr
    if PERSISTENT:
        tasks = tl.cdiv(seq, BLOCK_M) * heads
        for task in tl.range(tl.program_id(0), tasks, tl.num_programs(0)):
            _block_of_queries(
                q_ptr, k_src, v_src, o_ptr, max_ptr, sum_ptr, task, 0, heads, seq, scale,
                BLOCK_M, BLOCK_N, HEAD_DIM, CAUSAL, SPLIT_LOOP, DESCRIPTOR, SPLIT_KV, HEADS_FIRST, EVEN_M, EVEN_N,
            )  # fmt: skip
    else:
        _block_of_queries(
            q_ptr, k_src, v_src, o_ptr, max_ptr, sum_ptr, tl.program_id(0), tl.program_id(1), heads, seq, scale,
            BLOCK_M, BLOCK_N, HEAD_DIM, CAUSAL, SPLIT_LOOP, DESCRIPTOR, SPLIT_KV, HEADS_FIRST, EVEN_M, EVEN_N,
        )  # fmt: skip


@triton.jit
def _merge_kernel(
    parts_ptr, max_ptr, sum_ptr, o_ptr, rows,
    SPLIT_KV: tl.constexpr, HEAD_DIM: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """O [rows, HEAD_DIM] from parts [SPLIT_KV, rows, HEAD_DIM] and their row maxima and sums [SPLIT_KV, rows]."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = row < rows
    offsets = row[:, None] * HEAD_DIM + tl.arange(0, HEAD_DIM)[None, :]
    largest = tl.full((ROWS,), MASKED, dtype=tl.float32)
    for part in tl.static_range(SPLIT_KV):
        largest = tl.maximum(largest, tl.load(max_ptr + part * rows + row, mask=inside, other=MASKED))
    total = tl.zeros((ROWS,), dtype=tl.float32)
    o = tl.zeros((ROWS, HEAD_DIM), dtype=tl.float32)
    for part in tl.static_range(SPLIT_KV):
        weight = tl.exp2(tl.load(max_ptr + part * rows + row, mask=inside, other=MASKED) - largest)
        total += weight * tl.load(sum_ptr + part * rows + row, mask=inside, other=1.0)
        part_ptr = parts_ptr + tl.full((), part * HEAD_DIM, tl.int64) * rows
        o += weight[:, None] * tl.load(part_ptr + offsets, mask=inside[:, None], other=0.0)
    tl.store(o_ptr + offsets, (o / total[:, None]).to(o_ptr.dtype.element_ty), mask=inside[:, None])


@dataclass(frozen=True)
class Attention(Kernel):
    """O = softmax(Q·Kᵀ/√head_dim)·V; q, k, v, o [batch, heads, seq, head_dim], contiguous.

    Raises:
        ValueError: for a dtype other than bf16/fp16, a head_dim that is no power of two in 16 … 256, or
            tensors of 2^31 elements or more (32-bit offsets).
    """

    batch: int
    heads: int
    seq: int
    head_dim: int
    causal: bool = True
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        if self.head_dim not in (16, 32, 64, 128, 256):
            raise ValueError(f"head_dim={self.head_dim}: expected 16, 32, 64, 128 or 256")
        if min(self.shape) < 1 or math.prod(self.shape) >= 2**31:
            raise ValueError(f"shape={self.shape}: expected 1 … 2^31 - 1 elements")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of each of q, k, v and o."""
        return (self.batch, self.heads, self.seq, self.head_dim)

    @property
    def name(self) -> str:
        mask = "causal" if self.causal else "full"
        return f"attention-{'x'.join(map(str, self.shape))}-{mask}-{self.dtype}"

    @property
    def flops(self) -> float:
        """Two products over the scores that count: all seq², or the seq·(seq+1)/2 on and below the diagonal."""
        scores = self.seq * (self.seq + 1) / 2 if self.causal else self.seq**2
        return 4.0 * self.batch * self.heads * self.head_dim * scores

    @property
    def bytes_moved(self) -> float:
        return 2.0 * 4 * math.prod(self.shape)

    @property
    def tolerance(self) -> float:
        """Weights are rounded to the input type before they meet V, and so is the result.

        Each costs at most 2⁻⁸ |v| in bf16 (2⁻¹¹ in fp16); with sharp scores (see ``inputs``) the largest
        |o| is about 4.4 and the RMS about 0.4, so 2·2⁻⁸·4.4/0.4 = 0.09 at worst, 0.02 as measured.
        A block of 32 keys dropped from 2048 is wrong by 1 … 10.
        """
        return {"bf16": 0.09, "fp16": 0.012}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal q, k and v, with q scaled so that the scores' deviation is 3.

        Plain normal values would give every late row the average of thousands of values, near zero, where
        a wrong row hides below the tolerance; sharp scores make every row follow a few keys.
        """
        values = {name: torch.randn(self.shape, generator=generator, device=generator.device) for name in "qkv"}
        values["q"] *= SCORE_DEVIATION
        return {name: value.to(self.torch_dtype) for name, value in values.items()}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"o": torch.empty(self.shape, dtype=self.torch_dtype, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """Attention in float64, a few heads at a time so that the scores stay below 1 GiB."""
        q, k, v = (inputs[name].flatten(0, 1) for name in ("q", "k", "v"))
        out = torch.empty(q.shape, dtype=torch.float64, device=q.device)
        future = torch.ones((self.seq, self.seq), dtype=torch.bool, device=q.device).triu(1)
        step = max(1, REFERENCE_SCORES // self.seq**2)
        for first in range(0, q.shape[0], step):
            chunk = slice(first, first + step)
            scores = q[chunk].double() @ k[chunk].double().mT / self.head_dim**0.5
            if self.causal:
                scores.masked_fill_(future, -math.inf)
            out[chunk] = scores.softmax(-1) @ v[chunk].double()
        return {"o": out.view(self.shape)}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """PyTorch's fused attention, the fastest of its backends on these inputs."""
        return fastest_attention(inputs["q"], inputs["k"], inputs["v"], self.causal)

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        schedule = configuration["schedule"]
        block_m, block_n = configuration["block_m"], configuration["block_n"]
        split_kv = configuration["split_kv"] if schedule == "split_kv" else 1
        heads = self.batch * self.heads
        tasks = triton.cdiv(self.seq, block_m) * heads
        programs = min(tasks, sm_count * configuration["ctas_per_sm"]) if schedule == "persistent" else tasks
        constants = {
            "BLOCK_M": block_m,
            "BLOCK_N": block_n,
            "HEAD_DIM": self.head_dim,
            "CAUSAL": self.causal,
            "SPLIT_LOOP": self.causal and configuration["loop"] == "split_causal",
            "DESCRIPTOR": configuration["kv_load"] == "descriptor",
            "SPLIT_KV": split_kv,
            "HEADS_FIRST": configuration["order"] == "heads_first",
            "EVEN_M": self.seq % block_m == 0,
            "EVEN_N": self.seq % block_n == 0,
            "PERSISTENT": schedule == "persistent",
        }
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        parts = split_kv > 1
        o = Buffer("parts" if parts else "o")
        # Without parts the state is not stored: any float32-compatible pointer does, and none is read.
        maxima, sums = (Buffer("maxima"), Buffer("sums")) if parts else (o, o)
        arguments = {
            **{f"{name}_ptr": Buffer(name) for name in "qkv"},
            "o_ptr": o,
            "max_ptr": maxima,
            "sum_ptr": sums,
            "heads": heads,
            "seq": self.seq,
            "scale": math.log2(math.e) / self.head_dim**0.5,
        }
        attend = Launch(_attention_kernel, (programs, split_kv, 1), arguments, constants, options)
        if not parts:
            return Plan((attend,))
        state = Scratch((split_kv, heads * self.seq), torch.float32)
        scratch = {
            "parts": Scratch((split_kv, heads * self.seq, self.head_dim), torch.float32),
            "maxima": state,
            "sums": state,
        }
        return Plan((attend, self._merge(split_kv)), scratch)

    def _merge(self, split_kv: int) -> Launch:
        rows = self.batch * self.heads * self.seq
        buffers = {"parts_ptr": "parts", "max_ptr": "maxima", "sum_ptr": "sums", "o_ptr": "o"}
        return Launch(
            _merge_kernel,
            (triton.cdiv(rows, MERGE_ROWS), 1, 1),
            {**{name: Buffer(buffer) for name, buffer in buffers.items()}, "rows": rows},
            {"SPLIT_KV": split_kv, "HEAD_DIM": self.head_dim, "ROWS": MERGE_ROWS},
            {"num_warps": 4, "num_stages": 1},
        )
