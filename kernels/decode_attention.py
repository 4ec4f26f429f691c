"""Decode attention: one query token a sequence against a paged KV cache with grouped queries.

Schedules: *single_pass* (a program walks over all keys of its heads) and *split_kv* (several programs share
them, and a second launch merges their unnormalised outputs in a fixed order: flash decoding). Slices of the keys
are cut *by_length* (each sequence into the same number of slices) or *by_chunk* (slices of one size, of which
a short sequence leaves the last ones empty).

Products: *heads_rows* and *keys_rows* pack the heads of a group into one tile for tensor cores, as the rows of
the left operand or as the columns of the right one; *vector* multiplies and adds without tensor cores, for a few
heads a program. The softmax state is float32 and in base 2, as in :mod:`kernels.attention`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scratch

SCORE_DEVIATION = 4.0
GOLDEN = (math.sqrt(5) - 1) / 2

# Finite, so that a slice without keys yields no NaN: exp2(MASKED - maximum) is 0 beside any real score.
MASKED = tl.constexpr(-1.0e30)


@triton.jit
def _token_rows(
    table_ptr, start, high, kv_head, kv_heads,
    BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, PAGE_SIZE: tl.constexpr, LOOKUP_PAGES: tl.constexpr,
):  # fmt: skip
    """Where tokens start … start+BLOCK_N-1 of one head lie in the cache, in elements [BLOCK_N], int64."""
    columns = start + tl.arange(0, BLOCK_N)
    if LOOKUP_PAGES:
        PAGES: tl.constexpr = BLOCK_N // PAGE_SIZE
        blocks = start // PAGE_SIZE + tl.arange(0, PAGES)
        held = tl.load(table_ptr + blocks, mask=blocks * PAGE_SIZE < high, other=0)
        pages = tl.reshape(tl.broadcast_to(held[:, None], [PAGES, PAGE_SIZE]), [BLOCK_N])
    else:
        pages = tl.load(table_ptr + columns // PAGE_SIZE, mask=columns < high, other=0)
    tokens = pages.to(tl.int64) * PAGE_SIZE + columns % PAGE_SIZE
    return (tokens * kv_heads + kv_head) * HEAD_DIM


@triton.jit
def _scores(q, k, PRODUCT: tl.constexpr):
    """Scores [heads, keys] of q [heads, HEAD_DIM]; of keys_rows, [keys, heads] of q [HEAD_DIM, heads]."""
    if PRODUCT == "keys_rows":
        scores = tl.dot(k, q)
    elif PRODUCT == "heads_rows":
        scores = tl.dot(q, tl.trans(k))
    else:
        scores = tl.sum(q[:, None, :] * k.to(tl.float32)[None, :, :], 2)
    return scores


@triton.jit
def _add_values(weights, v, accumulator, PRODUCT: tl.constexpr):
    """accumulator + weights · v; of keys_rows, both are transposed."""
    if PRODUCT == "keys_rows":
        accumulator = tl.dot(tl.trans(v), weights.to(v.dtype), accumulator)
    elif PRODUCT == "heads_rows":
        accumulator = tl.dot(weights.to(v.dtype), v, accumulator)
    else:
        accumulator += tl.sum(weights[:, :, None] * v.to(tl.float32)[None, :, :], 1)
    return accumulator


@triton.jit
def _decode_kernel(
    q_ptr, k_ptr, v_ptr, table_ptr, lengths_ptr, o_ptr, max_ptr, sum_ptr, kv_heads, table_width, rows, chunk, scale,
    GROUP: tl.constexpr, HEADS: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr,
    PAGE_SIZE: tl.constexpr, LOOKUP_PAGES: tl.constexpr, PRODUCT: tl.constexpr, SPLITS: tl.constexpr,
    BY_LENGTH: tl.constexpr, NUM_STAGES: tl.constexpr,
):  # fmt: skip
    """Axis 0: HEADS query heads that share a KV head, of every sequence; axis 1: slices of the keys.

    Stores o [rows, HEAD_DIM] with rows = batch · query heads, or parts [SPLITS, rows, HEAD_DIM] with the row maxima
    and sums [SPLITS, rows] of each slice. The tile has BLOCK_H ≥ HEADS rows; chunk is a multiple of BLOCK_N.
    """
    AXIS: tl.constexpr = 0 if PRODUCT == "keys_rows" else 1  # of the keys in a tile of scores
    tasks: tl.constexpr = GROUP // HEADS
    task = tl.program_id(0)
    sequence = task // (kv_heads * tasks)
    kv_head = task // tasks % kv_heads
    index = tl.arange(0, BLOCK_H)
    row = (sequence * kv_heads + kv_head) * GROUP + task % tasks * HEADS + index
    dims = tl.arange(0, HEAD_DIM)
    inside = index < HEADS
    if AXIS == 0:
        offsets = row[None, :] * HEAD_DIM + dims[:, None]
        mask = inside[None, :]
        accumulator = tl.zeros((HEAD_DIM, BLOCK_H), dtype=tl.float32)
    else:
        offsets = row[:, None] * HEAD_DIM + dims[None, :]
        mask = inside[:, None]
        accumulator = tl.zeros((BLOCK_H, HEAD_DIM), dtype=tl.float32)
    q = tl.load(q_ptr + offsets, mask=mask, other=0.0)
    if PRODUCT == "vector":
        q = q.to(tl.float32)
    row_max = tl.full((BLOCK_H,), MASKED, dtype=tl.float32)
    row_sum = tl.zeros((BLOCK_H,), dtype=tl.float32)

    low = 0
    high = tl.load(lengths_ptr + sequence)
    if SPLITS > 1:
        if BY_LENGTH:
            chunk = tl.cdiv(tl.cdiv(high, BLOCK_N), SPLITS) * BLOCK_N
        low = tl.program_id(1) * chunk
        high = min(high, low + chunk)
    for start in tl.range(low, high, BLOCK_N, num_stages=NUM_STAGES):  # named, or loads without a dot would wait
        tokens = _token_rows(
            table_ptr + sequence * table_width, start, high, kv_head, kv_heads,
            BLOCK_N, HEAD_DIM, PAGE_SIZE, LOOKUP_PAGES,
        )  # fmt: skip
        valid = start + tl.arange(0, BLOCK_N) < high
        k = tl.load(k_ptr + tokens[:, None] + dims[None, :], mask=valid[:, None], other=0.0)
        scores = tl.where(tl.expand_dims(valid, 1 - AXIS), _scores(q, k, PRODUCT) * scale, MASKED)
        new_max = tl.maximum(row_max, tl.max(scores, AXIS))
        weights = tl.exp2(scores - tl.expand_dims(new_max, AXIS))
        correction = tl.exp2(row_max - new_max)
        row_sum = row_sum * correction + tl.sum(weights, AXIS)
        v = tl.load(v_ptr + tokens[:, None] + dims[None, :], mask=valid[:, None], other=0.0)
        accumulator = _add_values(weights, v, accumulator * tl.expand_dims(correction, AXIS), PRODUCT)
        row_max = new_max

    if SPLITS > 1:
        part = tl.program_id(1).to(tl.int64) * rows
        tl.store(max_ptr + part + row, row_max, mask=inside)
        tl.store(sum_ptr + part + row, row_sum, mask=inside)
        if low < high:  # the merge reads no part of an empty slice
            tl.store(o_ptr + part * HEAD_DIM + offsets, accumulator, mask=mask)
    else:
        o = accumulator / tl.expand_dims(row_sum, AXIS)
        tl.store(o_ptr + offsets, o.to(o_ptr.dtype.element_ty), mask=mask)


@triton.jit
def _merge_kernel(
    parts_ptr, max_ptr, sum_ptr, o_ptr, rows,
    SPLITS: tl.constexpr, HEAD_DIM: tl.constexpr,
):  # fmt: skip
    """One row of o [rows, HEAD_DIM] from its parts [SPLITS, rows, HEAD_DIM], maxima and sums [SPLITS, rows]."""
    row = tl.program_id(0)
    slices = tl.arange(0, SPLITS).to(tl.int64) * rows + row
    dims = tl.arange(0, HEAD_DIM)
    maxima = tl.load(max_ptr + slices)
    weights = tl.exp2(maxima - tl.max(maxima, 0))
    total = tl.sum(weights * tl.load(sum_ptr + slices), 0)
    seen = (maxima > MASKED)[:, None]
    parts = tl.load(parts_ptr + slices[:, None] * HEAD_DIM + dims[None, :], mask=seen, other=0.0)
    o = tl.sum(weights[:, None] * parts, 0) / total
    tl.store(o_ptr + row * HEAD_DIM + dims, o.to(o_ptr.dtype.element_ty))


@dataclass(frozen=True)
class DecodeAttention(Kernel):
    """o = softmax(q·Kᵀ/√head_dim)·V for q, o [batch, heads, head_dim] and each sequence's own keys.

    Keys and values lie in pages [pages, page_size, kv_heads, head_dim] in shuffled order; ``table`` [batch,
    pages per sequence], int32, names a sequence's pages, and ``lengths`` [batch], int32, its tokens.

    Raises:
        ValueError: for a dtype other than bf16/fp16, a head_dim that is no power of two in 16 … 256, a page_size
            that is no power of two in 1 … 256, heads that are no multiple of kv_heads by a power of two, or a
            cache of 2^31 elements or more.
    """

    batch: int
    heads: int
    kv_heads: int
    seq: int
    head_dim: int
    page_size: int = 16
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        if self.head_dim not in (16, 32, 64, 128, 256):
            raise ValueError(f"head_dim={self.head_dim}: expected 16, 32, 64, 128 or 256")
        if self.page_size not in (1, 2, 4, 8, 16, 32, 64, 128, 256):
            raise ValueError(f"page_size={self.page_size}: expected a power of two up to 256")
        if min(self.batch, self.heads, self.kv_heads, self.seq) < 1:
            raise ValueError(f"shape={self.batch}x{self.heads}x{self.kv_heads}x{self.seq}: expected positive sizes")
        if self.heads % self.kv_heads or self.group & (self.group - 1):
            raise ValueError(f"heads={self.heads}: expected kv_heads={self.kv_heads} times a power of two")
        if self.batch * (self.seq + self.page_size) * self.kv_heads * self.head_dim >= 2**31:
            raise ValueError(f"seq={self.seq}: expected a cache below 2^31 elements")

    @property
    def group(self) -> int:
        """Query heads that share a KV head."""
        return self.heads // self.kv_heads

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each sequence: the first has ``seq``, the others spread over seq/4 … seq by the golden ratio."""
        return tuple(max(1, self.seq - int(0.75 * self.seq * (i * GOLDEN % 1.0))) for i in range(self.batch))

    @property
    def pages(self) -> tuple[int, ...]:
        """Pages of each sequence."""
        return tuple(triton.cdiv(length, self.page_size) for length in self.lengths)

    @property
    def name(self) -> str:
        shape = (self.batch, self.heads, self.kv_heads, self.seq, self.head_dim)
        return f"decode_attention-{'x'.join(map(str, shape))}-page{self.page_size}-{self.dtype}"

    @property
    def flops(self) -> float:
        """Two products over every head's scores."""
        return 4.0 * self.heads * self.head_dim * sum(self.lengths)

    @property
    def bytes_moved(self) -> float:
        """Keys and values of the tokens that exist, q and o, and the int32 of the tables that are needed."""
        elements = 2 * sum(self.lengths) * self.kv_heads + 2 * self.batch * self.heads
        return 2.0 * elements * self.head_dim + 4.0 * (sum(self.pages) + self.batch)

    @property
    def tolerance(self) -> float:
        """Weights are rounded to the input type before they meet V, and so is the result.

        Each costs at most 2⁻⁹ |v| in bf16 (2⁻¹² in fp16). With sharp scores (see ``inputs``) the largest |o| is
        about 4.5 and the RMS 0.38 at 16,384 keys (more at fewer), so 2·2⁻⁹·4.5/0.38 = 0.047 at worst in bf16 and
        0.006 in fp16; measured are 0.019 and 0.0024. A block of 32 keys that every sequence skips is wrong by 0.7 … 2.5
        of 16,384 keys and by 2.5 … 5.7 of 2,048.
        """
        return {"bf16": 0.06, "fp16": 0.008}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal q, k and v, with q scaled so that the scores' deviation is 4: every row follows a few keys.

        Pages are dealt to the sequences in random order; a table's entries past a sequence's last page are 0.
        """
        device = generator.device
        cache = (sum(self.pages), self.page_size, self.kv_heads, self.head_dim)
        shapes = {"q": (self.batch, self.heads, self.head_dim), "k": cache, "v": cache}
        values = {
            name: torch.randn(shape, generator=generator, device=device, dtype=torch.float32).to(self.torch_dtype)
            for name, shape in shapes.items()
        }
        values["q"] = values["q"] * SCORE_DEVIATION  # a power of two: exact
        order = torch.randperm(sum(self.pages), generator=generator, device=device).to(torch.int32)
        table = torch.zeros((self.batch, max(self.pages)), dtype=torch.int32, device=device)
        for index, (end, pages) in enumerate(zip(accumulate(self.pages), self.pages, strict=True)):
            table[index, :pages] = order[end - pages : end]
        lengths = torch.tensor(self.lengths, dtype=torch.int32, device=device)
        return {**values, "table": table, "lengths": lengths}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"o": torch.empty((self.batch, self.heads, self.head_dim), dtype=self.torch_dtype, device=device)}

    def _tokens(self, inputs: Buffers, cache: str, index: int) -> torch.Tensor:
        """One sequence's keys or values in order, [length, kv_heads, head_dim]."""
        pages = inputs["table"][index, : self.pages[index]].long()
        return inputs[cache][pages].flatten(0, 1)[: self.lengths[index]]

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """Attention in float64, a sequence at a time."""
        q = inputs["q"].double().view(self.batch, self.kv_heads, self.group, self.head_dim)
        rows = []
        for index in range(self.batch):
            k, v = (self._tokens(inputs, cache, index).double().transpose(0, 1) for cache in "kv")
            weights = (q[index] @ k.mT / self.head_dim**0.5).softmax(-1)
            rows.append((weights @ v).flatten(0, 1))
        return {"o": torch.stack(rows)}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """FlashAttention-2 as PyTorch ships it, on sequences of their own lengths.

        Its keys are laid side by side beforehand: PyTorch 2.11 has no public call that reads pages. It splits the
        keys by its own heuristic, since there is one query token a sequence.
        """
        k, v = (torch.cat([self._tokens(inputs, cache, i) for i in range(self.batch)]) for cache in "kv")
        q = inputs["q"].contiguous()
        starts_k = torch.tensor([0, *accumulate(self.lengths)], dtype=torch.int32, device=q.device)
        starts_q = torch.arange(self.batch + 1, dtype=torch.int32, device=q.device)
        longest = max(self.lengths)

        def call() -> Any:
            return torch.ops.aten._flash_attention_forward(
                q, k, v, starts_q, starts_k, 1, longest, 0.0, False, False, scale=self.head_dim**-0.5
            )

        return "FlashAttention-2 (torch, contiguous keys)", call

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del sm_count  # the grid follows from the shape
        split = configuration["schedule"] == "split_kv"
        splits = configuration["splits"] if split else 1
        product, block_n = configuration["product"], configuration["block_n"]
        heads = configuration["heads_per_program"] if product == "vector" else self.group
        least = {"vector": 1, "heads_rows": 16, "keys_rows": 8}[product]
        constants = {
            "GROUP": self.group,
            "HEADS": heads,
            "BLOCK_H": max(least, heads),
            "BLOCK_N": block_n,
            "HEAD_DIM": self.head_dim,
            "PAGE_SIZE": self.page_size,
            "LOOKUP_PAGES": configuration["lookup"] == "page",
            "PRODUCT": product,
            "SPLITS": splits,
            "BY_LENGTH": split and configuration["slices"] == "by_length",
            "NUM_STAGES": configuration["num_stages"],
        }
        rows = self.batch * self.heads
        o = Buffer("parts" if split else "o")
        # Without parts the state is not stored: any pointer does, and none is read.
        maxima, sums = (Buffer("maxima"), Buffer("sums")) if split else (o, o)
        arguments = {
            **{f"{name}_ptr": Buffer(name) for name in ("q", "k", "v", "table", "lengths")},
            **{"o_ptr": o, "max_ptr": maxima, "sum_ptr": sums},
            **{"kv_heads": self.kv_heads, "table_width": max(self.pages), "rows": rows},
            "chunk": triton.cdiv(triton.cdiv(max(self.lengths), block_n), splits) * block_n,
            "scale": math.log2(math.e) / self.head_dim**0.5,
        }
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        grid = (rows // heads, splits, 1)
        decode = Launch(_decode_kernel, grid, arguments, constants, options)
        if not split:
            return Plan((decode,))
        state = Scratch((splits, rows), torch.float32)
        parts = Scratch((splits, rows, self.head_dim), torch.float32)
        return Plan((decode, self._merge(splits)), {"parts": parts, "maxima": state, "sums": state})

    def _merge(self, splits: int) -> Launch:
        buffers = {"parts_ptr": "parts", "max_ptr": "maxima", "sum_ptr": "sums", "o_ptr": "o"}
        rows = self.batch * self.heads
        return Launch(
            _merge_kernel,
            (rows, 1, 1),
            {**{name: Buffer(buffer) for name, buffer in buffers.items()}, "rows": rows},
            {"SPLITS": splits, "HEAD_DIM": self.head_dim},
            {"num_warps": 4, "num_stages": 1},
        )
