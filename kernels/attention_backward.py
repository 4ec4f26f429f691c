"""Flash attention, backward: dQ, dK and dV of O = softmax(Q·Kᵀ/√d)·V per head, from the forward's O and row-wise lse.

With P = exp(Q·Kᵀ/√d - lse), dP = dO·Vᵀ and delta = rowsum(O ∘ dO), the score gradients are dS = P ∘ (dP - delta), and
dV = Pᵀ·dO, dK = dSᵀ·Q/√d, dQ = dS·K/√d (Dao 2023, arXiv:2307.08691). One part keeps a block of keys and walks over
queries for dK and dV, the other keeps a block of queries and walks over keys for dQ: each computes P and dS anew, so
that no sum crosses programs and every run gives the same bits. That takes seven products over the scores where atomic
additions to dQ would take five: up to 1.4 times the latency of a vendor's kernel that is as close to the hardware.

Structures: *two_launches* (the dQ part first, which also stores delta; each launch with its own warps and stages),
*concurrent* (one launch after one for delta, a program does a block of either part, as in PyTorch's FlexAttention) and
*both_parts* (one launch after one for delta, a program does a block of keys and then the queries of the same positions,
as in Triton's tutorial 06). Loops, where causal: *fused* and *split_causal* as in ``kernels.attention``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.attention import REFERENCE_SCORES, SCORE_DEVIATION, Attention
from kernels.base import Buffer, Buffers, Launch, Plan, Scalar, Scratch
from kernels.row_tiles import load_rows, load_values, store_rows
from kernels.sdpa_backward import fastest_attention_backward

LOG2E = tl.constexpr(math.log2(math.e))
# The lse of a row past the end: its weights are exp2(anything finite - FAR) = 0.
FAR = tl.constexpr(1.0e30)

BLOCKS = ("block_m1", "block_n1", "block_m2", "block_n2")
BUFFERS = ("q", "k", "v", "o", "do", "lse", "delta", "dq", "dk", "dv")
UNUSED = 64


@triton.jit
def _walk_queries(
    dk, dv, k, v, q_ptr, do_ptr, lse_ptr, delta_ptr, columns, low, high, seq, scale,
    BLOCK_M: tl.constexpr, HEAD_DIM: tl.constexpr, CAUSAL_MASK: tl.constexpr, EVEN: tl.constexpr,
):  # fmt: skip
    """Add what queries low … high-1 of one head give to dV and to √d·dK of a block of keys (scale in base 2).

    Scores are transposed, [keys, queries], so that they enter the next product from registers.
    """
    for start in tl.range(low, high, BLOCK_M):
        rows = start + tl.arange(0, BLOCK_M)
        q = load_rows(q_ptr, rows, seq, HEAD_DIM, HEAD_DIM, EVEN)
        lse = load_values(lse_ptr, rows, seq, FAR, EVEN) * LOG2E
        weights = tl.exp2(tl.dot(k, tl.trans(q)) * scale - lse[None, :])
        if CAUSAL_MASK:
            weights = tl.where(rows[None, :] >= columns[:, None], weights, 0.0)
        do = load_rows(do_ptr, rows, seq, HEAD_DIM, HEAD_DIM, EVEN)
        dv = tl.dot(weights.to(do.dtype), do, dv)
        delta = load_values(delta_ptr, rows, seq, 0.0, EVEN)
        ds = weights * (tl.dot(v, tl.trans(do)) - delta[None, :])
        dk = tl.dot(ds.to(q.dtype), q, dk)
    return dk, dv


@triton.jit
def _walk_keys(
    dq, q, do, lse, delta, k_ptr, v_ptr, rows, low, high, seq, scale,
    BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, CAUSAL_MASK: tl.constexpr, EVEN: tl.constexpr,
):  # fmt: skip
    """Add what keys low … high-1 of one head give to √d·dQ of a block of queries (scale and lse in base 2)."""
    for start in tl.range(low, high, BLOCK_N):
        columns = start + tl.arange(0, BLOCK_N)
        k = load_rows(k_ptr, columns, seq, HEAD_DIM, HEAD_DIM, EVEN)
        weights = tl.exp2(tl.dot(q, tl.trans(k)) * scale - lse[:, None])
        if CAUSAL_MASK:
            # Also hides columns ≥ seq from every row < seq.
            weights = tl.where(rows[:, None] >= columns[None, :], weights, 0.0)
        elif not EVEN:
            weights = tl.where((columns < seq)[None, :], weights, 0.0)
        v = load_rows(v_ptr, columns, seq, HEAD_DIM, HEAD_DIM, EVEN)
        ds = weights * (tl.dot(do, tl.trans(v)) - delta[:, None])
        dq = tl.dot(ds.to(k.dtype), k, dq)
    return dq


@triton.jit
def _block_of_keys(
    q_ptr, k_ptr, v_ptr, do_ptr, lse_ptr, delta_ptr, dk_ptr, dv_ptr, block, head, seq, scale, score_scale,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, CAUSAL: tl.constexpr,
    SPLIT_LOOP: tl.constexpr, EVEN_M: tl.constexpr, EVEN_N: tl.constexpr,
):  # fmt: skip
    """dK and dV of one block of one head's keys."""
    first = block * BLOCK_N
    columns = first + tl.arange(0, BLOCK_N)
    skipped = head * seq
    q_ptr += skipped * HEAD_DIM
    do_ptr += skipped * HEAD_DIM
    k = load_rows(k_ptr + skipped * HEAD_DIM, columns, seq, HEAD_DIM, HEAD_DIM, EVEN_N)
    v = load_rows(v_ptr + skipped * HEAD_DIM, columns, seq, HEAD_DIM, HEAD_DIM, EVEN_N)
    dk = tl.zeros((BLOCK_N, HEAD_DIM), dtype=tl.float32)
    dv = tl.zeros((BLOCK_N, HEAD_DIM), dtype=tl.float32)
    low = 0
    if CAUSAL:
        low = first  # a multiple of BLOCK_M: no earlier query sees these keys
    if SPLIT_LOOP:
        high = min(seq, first + BLOCK_N)
        dk, dv = _walk_queries(
            dk, dv, k, v, q_ptr, do_ptr, lse_ptr + skipped, delta_ptr + skipped, columns, low, high, seq, scale,
            BLOCK_M, HEAD_DIM, True, EVEN_M,
        )  # fmt: skip
        low = first + BLOCK_N
    dk, dv = _walk_queries(
        dk, dv, k, v, q_ptr, do_ptr, lse_ptr + skipped, delta_ptr + skipped, columns, low, seq, seq, scale,
        BLOCK_M, HEAD_DIM, CAUSAL and not SPLIT_LOOP, EVEN_M,
    )  # fmt: skip
    store_rows(dv_ptr + skipped * HEAD_DIM, columns, dv, seq, HEAD_DIM, HEAD_DIM, EVEN_N)
    store_rows(dk_ptr + skipped * HEAD_DIM, columns, dk * score_scale, seq, HEAD_DIM, HEAD_DIM, EVEN_N)


@triton.jit
def _block_of_queries(
    q_ptr, k_ptr, v_ptr, o_ptr, do_ptr, lse_ptr, delta_ptr, dq_ptr, block, head, seq, scale, score_scale,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, HEAD_DIM: tl.constexpr, CAUSAL: tl.constexpr,
    SPLIT_LOOP: tl.constexpr, EVEN_M: tl.constexpr, EVEN_N: tl.constexpr, MAKE_DELTA: tl.constexpr,
):  # fmt: skip
    """dQ of one block of one head's queries; with MAKE_DELTA also their delta, which is stored."""
    first = block * BLOCK_M
    rows = first + tl.arange(0, BLOCK_M)
    skipped = head * seq
    k_ptr += skipped * HEAD_DIM
    v_ptr += skipped * HEAD_DIM
    do = load_rows(do_ptr + skipped * HEAD_DIM, rows, seq, HEAD_DIM, HEAD_DIM, EVEN_M)
    if MAKE_DELTA:
        o = load_rows(o_ptr + skipped * HEAD_DIM, rows, seq, HEAD_DIM, HEAD_DIM, EVEN_M)
        delta = tl.sum(o.to(tl.float32) * do.to(tl.float32), 1)
        tl.store(delta_ptr + skipped + rows, delta, mask=rows < seq)
    else:
        delta = load_values(delta_ptr + skipped, rows, seq, 0.0, EVEN_M)
    q = load_rows(q_ptr + skipped * HEAD_DIM, rows, seq, HEAD_DIM, HEAD_DIM, EVEN_M)
    lse = load_values(lse_ptr + skipped, rows, seq, FAR, EVEN_M) * LOG2E
    dq = tl.zeros((BLOCK_M, HEAD_DIM), dtype=tl.float32)
    low = 0
    high = min(seq, first + BLOCK_M) if CAUSAL else seq
    if SPLIT_LOOP:
        dq = _walk_keys(
            dq, q, do, lse, delta, k_ptr, v_ptr, rows, low, first, seq, scale, BLOCK_N, HEAD_DIM, False, True
        )
        low = first  # a multiple of BLOCK_N
    dq = _walk_keys(dq, q, do, lse, delta, k_ptr, v_ptr, rows, low, high, seq, scale, BLOCK_N, HEAD_DIM, CAUSAL, EVEN_N)
    store_rows(dq_ptr + skipped * HEAD_DIM, rows, dq * score_scale, seq, HEAD_DIM, HEAD_DIM, EVEN_M)


@triton.jit
def _delta_kernel(o_ptr, do_ptr, delta_ptr, rows, HEAD_DIM: tl.constexpr, ROWS: tl.constexpr):
    """delta [rows] = row sums of O ∘ dO [rows, HEAD_DIM]."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = row < rows
    tile = row[:, None] * HEAD_DIM + tl.arange(0, HEAD_DIM)[None, :]
    o = tl.load(o_ptr + tile, mask=inside[:, None], other=0.0).to(tl.float32)
    do = tl.load(do_ptr + tile, mask=inside[:, None], other=0.0).to(tl.float32)
    tl.store(delta_ptr + row, tl.sum(o * do, 1), mask=inside)


@triton.jit
def _gradient_kernel(
    q_ptr, k_ptr, v_ptr, o_ptr, do_ptr, lse_ptr, delta_ptr, dq_ptr, dk_ptr, dv_ptr, heads, seq, scale, score_scale,
    BLOCK_M1: tl.constexpr, BLOCK_N1: tl.constexpr, BLOCK_M2: tl.constexpr, BLOCK_N2: tl.constexpr,
    HEAD_DIM: tl.constexpr, CAUSAL: tl.constexpr, SPLIT_LOOP: tl.constexpr, HEADS_FIRST: tl.constexpr,
    EVEN_M1: tl.constexpr, EVEN_N1: tl.constexpr, EVEN_M2: tl.constexpr, EVEN_N2: tl.constexpr,
    KEYS: tl.constexpr, QUERIES: tl.constexpr, CONCURRENT: tl.constexpr,
):  # fmt: skip
    """Axis 0: blocks of keys (KEYS), of queries (QUERIES), of both, or first the ones and then the others (CONCURRENT).

    Blocks 1 belong to the part over keys, blocks 2 to the part over queries, which makes delta if it is alone.
    HEADS_FIRST runs one block of every head before the next, under a causal mask the heaviest first.
    """
    task = tl.program_id(0)
    key_blocks = tl.cdiv(seq, BLOCK_N1)
    query_blocks = tl.cdiv(seq, BLOCK_M2)
    of_queries = task
    if CONCURRENT:
        of_queries = task - key_blocks * heads
    if KEYS:  # noqa: SIM102 (a constant alone decides what is compiled)
        if of_queries < 0 or not CONCURRENT:
            block = task // heads if HEADS_FIRST else task % key_blocks
            head = task % heads if HEADS_FIRST else task // key_blocks
            _block_of_keys(
                q_ptr, k_ptr, v_ptr, do_ptr, lse_ptr, delta_ptr, dk_ptr, dv_ptr, block, head, seq, scale, score_scale,
                BLOCK_M1, BLOCK_N1, HEAD_DIM, CAUSAL, SPLIT_LOOP, EVEN_M1, EVEN_N1,
            )  # fmt: skip
    if QUERIES:  # noqa: SIM102
        if of_queries >= 0 or not CONCURRENT:
            block = of_queries // heads if HEADS_FIRST else of_queries % query_blocks
            head = of_queries % heads if HEADS_FIRST else of_queries // query_blocks
            if HEADS_FIRST and (CONCURRENT or not KEYS):
                block = query_blocks - 1 - block
            _block_of_queries(
                q_ptr, k_ptr, v_ptr, o_ptr, do_ptr, lse_ptr, delta_ptr, dq_ptr, block, head, seq, scale, score_scale,
                BLOCK_M2, BLOCK_N2, HEAD_DIM, CAUSAL, SPLIT_LOOP, EVEN_M2, EVEN_N2, not KEYS,
            )  # fmt: skip


@dataclass(frozen=True)
class AttentionBackward(Attention):
    """dQ, dK, dV of attention: q, k, v, o, do [batch, heads, seq, head_dim], contiguous, and lse [batch, heads, seq].

    Raises:
        ValueError: for a head_dim of 256, whose sums no thread block's registers hold, or as ``Attention``.
    """

    def __post_init__(self) -> None:
        if self.head_dim > 128:
            raise ValueError(f"head_dim={self.head_dim}: expected 16, 32, 64 or 128")
        super().__post_init__()

    @property
    def name(self) -> str:
        return super().name.replace("attention", "attention_backward", 1)

    @property
    def flops(self) -> float:
        """Five products over the scores that count, Q·Kᵀ, dO·Vᵀ, Pᵀ·dO, dSᵀ·Q and dS·K, where the forward has two."""
        return 2.5 * super().flops

    @property
    def bytes_moved(self) -> float:
        """Five tensors and the lse in, three tensors out."""
        return 2.0 * 8 * math.prod(self.shape) + 4.0 * self.batch * self.heads * self.seq

    @property
    def tolerance(self) -> float:
        """P and dS are rounded to the input type before the products that sum them, and so is each gradient.

        Each rounding costs at most 2⁻⁹ of a term in bf16 (2⁻¹² in fp16). With sharp scores (see ``inputs``) a few terms
        make up the largest elements, which are up to 18 RMS: 2·2⁻⁹·18 = 0.07, of which 0.03 … 0.065 is seen in bf16
        and 0.004 … 0.01 in fp16, twice that where bf16 is cut off instead. The limits are three times the first and
        two and a half times the second; 32 queries or keys lost from 512 or 2048 are wrong by 5 or more.
        """
        return {"bf16": 0.2, "fp16": 0.025}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal q, k, v and do, q scaled so that the scores' deviation is 3, and the forward's o and lse (float32).

        See ``Attention.inputs`` for the scores: with flat ones a lost block would change every gradient a little.
        """
        names = ("q", "k", "v", "do")
        values = {name: torch.randn(self.shape, generator=generator, device=generator.device) for name in names}
        values["q"] *= SCORE_DEVIATION
        inputs = {name: value.to(self.torch_dtype) for name, value in values.items()}
        o = torch.empty(self.shape, dtype=torch.float64, device=generator.device)
        lse = torch.empty(self.shape[:3], dtype=torch.float32, device=generator.device)
        for chunk, scores in self._scores(inputs["q"], inputs["k"]):
            o.flatten(0, 1)[chunk] = scores.softmax(-1) @ inputs["v"].flatten(0, 1)[chunk].double()
            lse.flatten(0, 1)[chunk] = scores.logsumexp(-1).float()
        return {**inputs, "o": o.to(self.torch_dtype), "lse": lse}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {name: torch.empty(self.shape, dtype=self.torch_dtype, device=device) for name in ("dq", "dk", "dv")}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """The gradients in float64 from the o and lse that are given, a few heads at a time."""
        q, k, v, o, do = (inputs[name].flatten(0, 1) for name in ("q", "k", "v", "o", "do"))
        lse = inputs["lse"].flatten(0, 1)
        gradients = {name: torch.empty(self.shape, dtype=torch.float64, device=q.device) for name in ("dq", "dk", "dv")}
        dq, dk, dv = (gradient.flatten(0, 1) for gradient in gradients.values())
        for chunk, scores in self._scores(inputs["q"], inputs["k"]):
            weights = torch.exp(scores - lse[chunk, :, None].double())
            outer = do[chunk].double()
            delta = (o[chunk].double() * outer).sum(-1, keepdim=True)
            ds = weights * (outer @ v[chunk].double().mT - delta) / self.head_dim**0.5
            dv[chunk] = weights.mT @ outer
            dk[chunk] = ds.mT @ q[chunk].double()
            dq[chunk] = ds @ k[chunk].double()
        return gradients

    def _scores(self, q: torch.Tensor, k: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Scaled and masked scores in float64 of a few heads at a time, so that they stay below 1 GiB."""
        q, k = q.flatten(0, 1), k.flatten(0, 1)
        future = torch.ones((self.seq, self.seq), dtype=torch.bool, device=q.device).triu(1)
        step = max(1, REFERENCE_SCORES // self.seq**2)
        for first in range(0, q.shape[0], step):
            chunk = slice(first, first + step)
            scores = q[chunk].double() @ k[chunk].double().mT / self.head_dim**0.5
            if self.causal:
                scores = scores.masked_fill(future, -math.inf)
            yield chunk, scores

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """The backward of PyTorch's fused attention, the fastest of its backends on these inputs."""
        return fastest_attention_backward(inputs["q"], inputs["k"], inputs["v"], inputs["do"], self.causal)

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del sm_count
        block_n1 = configuration["block_n1"]
        if configuration["structure"] == "two_launches":
            of_queries = {"num_warps": configuration["dq_warps"], "num_stages": configuration["dq_stages"]}
            launches = (
                self._launch({**configuration, **of_queries}, keys=False, queries=True),
                self._launch(configuration, keys=True, queries=False),
            )
        else:
            if configuration["structure"] == "both_parts":
                configuration = {**configuration, "block_m2": block_n1}
            launches = (
                self._delta(configuration["delta_rows"]),
                self._launch(configuration, keys=True, queries=True),
            )
        return Plan(launches, {"delta": Scratch(self.shape[:3], torch.float32)})

    def _launch(self, configuration: Mapping[str, Any], keys: bool, queries: bool) -> Launch:
        """The gradients of keys, of queries or of both; blocks of a part that does not run are not compiled in."""
        heads = self.batch * self.heads
        runs = {"1": keys, "2": queries}
        # The other part's blocks, which are not compiled in, must not make another program of this one.
        blocks = {name: configuration[name] if runs[name[-1]] else UNUSED for name in BLOCKS}
        key_blocks, query_blocks = triton.cdiv(self.seq, blocks["block_n1"]), triton.cdiv(self.seq, blocks["block_m2"])
        concurrent = keys and queries and configuration["structure"] == "concurrent"
        programs = (key_blocks if keys else 0) + (query_blocks if concurrent or not keys else 0)
        constants = {
            **{name.upper(): size for name, size in blocks.items()},
            **{name.upper().replace("BLOCK", "EVEN"): self.seq % size == 0 for name, size in blocks.items()},
            "HEAD_DIM": self.head_dim,
            "CAUSAL": self.causal,
            "SPLIT_LOOP": self.causal and configuration["loop"] == "split_causal",
            "HEADS_FIRST": configuration["order"] == "heads_first",
            "KEYS": keys,
            "QUERIES": queries,
            "CONCURRENT": concurrent,
        }
        arguments: dict[str, Buffer | Scalar] = {
            **{f"{name}_ptr": Buffer(name) for name in BUFFERS},
            "heads": heads,
            "seq": self.seq,
            "scale": math.log2(math.e) / self.head_dim**0.5,
            "score_scale": 1.0 / self.head_dim**0.5,
        }
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        return Launch(_gradient_kernel, (programs * heads, 1, 1), arguments, constants, options)

    def _delta(self, rows_per_program: int) -> Launch:
        rows = self.batch * self.heads * self.seq
        return Launch(
            _delta_kernel,
            (triton.cdiv(rows, rows_per_program), 1, 1),
            {**{f"{name}_ptr": Buffer(name) for name in ("o", "do", "delta")}, "rows": rows},
            {"HEAD_DIM": self.head_dim, "ROWS": rows_per_program},
            {"num_warps": 4, "num_stages": 1},
        )
