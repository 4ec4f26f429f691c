"""Chunk scan of a state space dual model (Mamba-2): what positions read from their chunk and from the state before it.

y[m] = exp(a[m])·C[m]·Sᵀ + Σ_{k ≤ m} (C[m]·B[k])·exp(a[m] - a[k])·dt[k]·x[k], where m and k are positions of one chunk,
a is the running sum of dt·A from the chunk's start, and S the state that enters the chunk (Dao and Gu 2024,
arXiv:2405.21060). Heads of one group share B and C, so also C·Bᵀ; skip connection and gate are not part of it.

Structures differ in where C·Bᵀ lives: *stored* (a first launch writes it for all heads of a group, as in mamba_ssm, in
float32 or in the input type), *recomputed* (one launch, each head computes the blocks that it needs) and *kept* (one
launch, a program holds a block of rows of it in registers and walks over several heads). Diagonals, but for *kept*:
*masked* (one loop that masks every block) and *split* (unmasked blocks, then those on the diagonal). Decay of unmasked
blocks: *elementwise* (an exponential for each pair) and *factored* (one for each column before the block of rows, one
for each row in it).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import DTYPES, Buffer, Buffers, Kernel, Launch, Plan, Scalar, Scratch
from kernels.row_tiles import load_rows, load_values, store_rows

LOG2E = tl.constexpr(math.log2(math.e))
CB_BLOCK_K = 32
"""Depth, warps and stages of the launch that stores C·Bᵀ: those of most of mamba_ssm's configurations for it."""
CB_OPTIONS = {"num_warps": 4, "num_stages": 4}


@triton.jit
def _cb_kernel(
    b_ptr, c_ptr, cb_ptr, seq, groups,
    CHUNK: tl.constexpr, STATE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    EVEN: tl.constexpr,
):  # fmt: skip
    """CB [batch, chunks, groups, CHUNK, CHUNK] = C·Bᵀ of each chunk; blocks above the diagonal stay undefined."""
    TILES_N: tl.constexpr = CHUNK // BLOCK_N
    TILES: tl.constexpr = CHUNK // BLOCK_M * TILES_N
    tile = tl.program_id(0) % TILES
    matrix = tl.program_id(0) // TILES
    group = matrix % groups
    chunks = tl.cdiv(seq, CHUNK)
    start = matrix // groups % chunks * CHUNK
    first_row = tile // TILES_N * BLOCK_M
    first_column = tile % TILES_N * BLOCK_N
    if first_column < first_row + BLOCK_M:
        limit = seq - start
        base = ((matrix // groups // chunks * seq + start) * groups + group) * STATE
        rows = first_row + tl.arange(0, BLOCK_M)
        columns = first_column + tl.arange(0, BLOCK_N)
        cb = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
        for depth in tl.range(0, STATE, BLOCK_K):
            c = load_rows(c_ptr + base + depth, rows, limit, groups * STATE, BLOCK_K, EVEN)
            b = load_rows(b_ptr + base + depth, columns, limit, groups * STATE, BLOCK_K, EVEN)
            cb = tl.dot(c, tl.trans(b), cb)
        store_rows(cb_ptr + matrix * CHUNK * CHUNK + first_column, rows, cb, CHUNK, CHUNK, BLOCK_N, True)


@triton.jit
def _walk(
    y, c, x_ptr, b_ptr, dt_ptr, decay_ptr, cb_ptr, rows, row_decay, low, high, limit, x_stride, b_stride,
    CHUNK: tl.constexpr, STATE: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    STORED: tl.constexpr, MASK: tl.constexpr, FACTORED: tl.constexpr, EVEN: tl.constexpr,
):  # fmt: skip
    """Add what positions low … high-1 of the chunk give to y [rows, BLOCK_N].

    ``row_decay`` is each row's (in base 2) or, FACTORED, one number for all rows, which are scaled afterwards.
    """
    for start in tl.range(low, high, BLOCK_K):
        columns = start + tl.arange(0, BLOCK_K)
        if STORED:
            cb = load_rows(cb_ptr + start, rows, CHUNK, CHUNK, BLOCK_K, True).to(tl.float32)
        else:
            cb = tl.dot(c, tl.trans(load_rows(b_ptr, columns, limit, b_stride, STATE, EVEN)))
        decay = load_values(decay_ptr, columns, limit, 0.0, EVEN) * LOG2E
        dt = load_values(dt_ptr, columns, limit, 0.0, EVEN)
        if FACTORED:
            weights = cb * (tl.exp2(row_decay - decay) * dt)[None, :]
        else:
            weights = cb * tl.exp2(row_decay[:, None] - decay[None, :]) * dt[None, :]
        if MASK:
            # Also drops what is undefined above the diagonal of CB, and exponentials that overflow there.
            weights = tl.where(rows[:, None] >= columns[None, :], weights, 0.0)
        x = load_rows(x_ptr, columns, limit, x_stride, BLOCK_N, EVEN)
        y = tl.dot(weights.to(x.dtype), x, y)
    return y


@triton.jit
def _scan_kernel(
    x_ptr, b_ptr, c_ptr, dt_ptr, decay_ptr, states_ptr, cb_ptr, y_ptr, seq, heads, groups,
    CHUNK: tl.constexpr, HEAD_DIM: tl.constexpr, STATE: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    STORED: tl.constexpr, SPLIT: tl.constexpr, FACTORED: tl.constexpr, EVEN: tl.constexpr,
):  # fmt: skip
    """Axis 0: blocks of one head's y in a chunk, then heads, then chunks, so that a chunk's B, C and CB stay in L2."""
    TILES_N: tl.constexpr = HEAD_DIM // BLOCK_N
    TILES: tl.constexpr = CHUNK // BLOCK_M * TILES_N
    tile = tl.program_id(0) % TILES
    head = tl.program_id(0) // TILES % heads
    batch_chunk = tl.program_id(0) // TILES // heads
    chunks = tl.cdiv(seq, CHUNK)
    batch = batch_chunk // chunks
    start = batch_chunk % chunks * CHUNK
    limit = seq - start
    group = head // (heads // groups)
    first = tile // TILES_N * BLOCK_M
    column = tile % TILES_N * BLOCK_N
    rows = first + tl.arange(0, BLOCK_M)

    x_base = ((batch * seq + start) * heads + head) * HEAD_DIM + column
    b_base = ((batch * seq + start) * groups + group) * STATE
    value_base = (batch * heads + head) * seq + start
    cb_base = (batch_chunk * groups + group) * CHUNK * CHUNK
    states_base = ((batch_chunk * heads + head) * HEAD_DIM + column) * STATE

    c = load_rows(c_ptr + b_base, rows, limit, groups * STATE, STATE, EVEN)
    states = load_rows(states_ptr + states_base, tl.arange(0, BLOCK_N), BLOCK_N, STATE, STATE, True)
    row_decay = load_values(decay_ptr + value_base, rows, limit, 0.0, EVEN) * LOG2E
    y = tl.dot(c, tl.trans(states))
    low = 0
    if FACTORED:
        origin = tl.load(decay_ptr + value_base + first, mask=first < limit, other=0.0) * LOG2E
        y = _walk(
            y * tl.exp2(origin), c, x_ptr + x_base, b_ptr + b_base, dt_ptr + value_base, decay_ptr + value_base,
            cb_ptr + cb_base, rows, origin, low, first, limit, heads * HEAD_DIM, groups * STATE,
            CHUNK, STATE, BLOCK_N, BLOCK_K, STORED, False, True, EVEN,
        )  # fmt: skip
        y = y * tl.exp2(row_decay - origin)[:, None]
        low = first
    else:
        y = y * tl.exp2(row_decay)[:, None]
        if SPLIT:
            y = _walk(
                y, c, x_ptr + x_base, b_ptr + b_base, dt_ptr + value_base, decay_ptr + value_base,
                cb_ptr + cb_base, rows, row_decay, low, first, limit, heads * HEAD_DIM, groups * STATE,
                CHUNK, STATE, BLOCK_N, BLOCK_K, STORED, False, False, EVEN,
            )  # fmt: skip
            low = first
    y = _walk(
        y, c, x_ptr + x_base, b_ptr + b_base, dt_ptr + value_base, decay_ptr + value_base,
        cb_ptr + cb_base, rows, row_decay, low, first + BLOCK_M, limit, heads * HEAD_DIM, groups * STATE,
        CHUNK, STATE, BLOCK_N, BLOCK_K, STORED, True, False, EVEN,
    )  # fmt: skip
    store_rows(y_ptr + x_base, rows, y, limit, heads * HEAD_DIM, BLOCK_N, EVEN)


@triton.jit
def _kept_kernel(
    x_ptr, b_ptr, c_ptr, dt_ptr, decay_ptr, states_ptr, y_ptr, seq, heads, groups,
    CHUNK: tl.constexpr, HEAD_DIM: tl.constexpr, STATE: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, HEADS: tl.constexpr, EVEN: tl.constexpr,
):  # fmt: skip
    """Axis 0: blocks of y in a chunk, then sets of HEADS heads of one group, then chunks."""
    TILES_N: tl.constexpr = HEAD_DIM // BLOCK_N
    TILES: tl.constexpr = CHUNK // BLOCK_M * TILES_N
    tile = tl.program_id(0) % TILES
    first_head = tl.program_id(0) // TILES % (heads // HEADS) * HEADS
    batch_chunk = tl.program_id(0) // TILES // (heads // HEADS)
    chunks = tl.cdiv(seq, CHUNK)
    batch = batch_chunk // chunks
    start = batch_chunk % chunks * CHUNK
    limit = seq - start
    group = first_head // (heads // groups)
    column = tile % TILES_N * BLOCK_N
    rows = tile // TILES_N * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.arange(0, CHUNK)

    b_base = ((batch * seq + start) * groups + group) * STATE
    c = load_rows(c_ptr + b_base, rows, limit, groups * STATE, STATE, EVEN)
    b = load_rows(b_ptr + b_base, columns, limit, groups * STATE, STATE, EVEN)
    cb = tl.dot(c, tl.trans(b))
    cb = tl.where(rows[:, None] >= columns[None, :], cb, 0.0).to(c.dtype)
    for head in tl.range(first_head, first_head + HEADS):
        x_base = ((batch * seq + start) * heads + head) * HEAD_DIM + column
        value_base = (batch * heads + head) * seq + start
        states_base = ((batch_chunk * heads + head) * HEAD_DIM + column) * STATE
        states = load_rows(states_ptr + states_base, tl.arange(0, BLOCK_N), BLOCK_N, STATE, STATE, True)
        row_decay = load_values(decay_ptr + value_base, rows, limit, 0.0, EVEN) * LOG2E
        decay = load_values(decay_ptr + value_base, columns, limit, 0.0, EVEN) * LOG2E
        dt = load_values(dt_ptr + value_base, columns, limit, 0.0, EVEN)
        y = tl.dot(c, tl.trans(states)) * tl.exp2(row_decay)[:, None]
        # Above the diagonal, where CB is 0, the difference is positive: its exponential must not overflow.
        weights = cb * tl.exp2(tl.minimum(row_decay[:, None] - decay[None, :], 0.0)) * dt[None, :]
        x = load_rows(x_ptr + x_base, columns, limit, heads * HEAD_DIM, BLOCK_N, EVEN)
        y = tl.dot(weights.to(x.dtype), x, y)
        store_rows(y_ptr + x_base, rows, y, limit, heads * HEAD_DIM, BLOCK_N, EVEN)


@dataclass(frozen=True)
class ChunkedScan(Kernel):
    """y [batch, seq, heads, head_dim] of Mamba-2's chunk scan.

    x is as y, b and c are [batch, seq, groups, state], dt and decay (its running sum within a chunk, times A) are
    [batch, heads, seq] in float32, and states [batch, chunks, heads, head_dim, state] enter the chunks. The last chunk
    may be short.

    Raises:
        ValueError: for a dtype other than bf16/fp16, sizes that its blocks do not divide, or tensors of 2^31 elements
            or more (32-bit offsets).
    """

    batch: int
    seq: int
    heads: int
    head_dim: int
    state: int
    groups: int
    chunk: int = 256
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        for name, sizes in (("head_dim", (32, 64, 128)), ("state", (32, 64, 128)), ("chunk", (64, 128, 256))):
            if getattr(self, name) not in sizes:
                raise ValueError(f"{name}={getattr(self, name)}: expected {', '.join(map(str, sizes))}")
        if min(self.batch, self.seq, self.heads, self.groups) < 1 or self.heads % self.groups:
            raise ValueError(
                f"batch={self.batch}, seq={self.seq}, heads={self.heads}, groups={self.groups}: "
                "expected positive sizes, and heads a multiple of groups"
            )
        if max(map(math.prod, self._shapes.values())) >= 2**31:
            raise ValueError(f"shapes={self._shapes}: expected tensors below 2^31 elements")

    @property
    def chunks(self) -> int:
        """Chunks of a sequence; the last may be short."""
        return triton.cdiv(self.seq, self.chunk)

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the inputs by name; y is as x, CB as the last."""
        row = (self.batch, self.seq)
        return {
            "x": (*row, self.heads, self.head_dim),
            "b": (*row, self.groups, self.state),
            "c": (*row, self.groups, self.state),
            "dt": (self.batch, self.heads, self.seq),
            "decay": (self.batch, self.heads, self.seq),
            "states": (self.batch, self.chunks, self.heads, self.head_dim, self.state),
            "cb": (self.batch, self.chunks, self.groups, self.chunk, self.chunk),
        }

    @property
    def name(self) -> str:
        sizes = (self.batch, self.seq, self.heads, self.head_dim, self.state, self.groups, self.chunk)
        return f"chunked_scan-{'x'.join(map(str, sizes))}-{self.dtype}"

    @property
    def flops(self) -> float:
        """C·Bᵀ once a group and weights·x once a head, on and below the diagonal; C·Sᵀ once a head."""
        full, last = divmod(self.seq, self.chunk)
        pairs = full * self.chunk * (self.chunk + 1) / 2 + last * (last + 1) / 2
        inside = 2.0 * pairs * (self.groups * self.state + self.heads * self.head_dim)
        return self.batch * (inside + 2.0 * self.seq * self.heads * self.head_dim * self.state)

    @property
    def bytes_moved(self) -> float:
        """x, b, c, dt, decay and states in, y out."""
        sizes = {name: math.prod(shape) for name, shape in self._shapes.items()}
        return 2.0 * (2 * sizes["x"] + 2 * sizes["b"] + sizes["states"]) + 4.0 * 2 * sizes["dt"]

    @property
    def tolerance(self) -> float:
        """C·Bᵀ (where it is kept or stored so), the weights of x and y itself are rounded to the input type.

        Each rounding costs at most 2⁻⁹ of a term in bf16 (2⁻¹² in fp16). The largest y are 17 RMS, since the heads'
        decay differs: 3·2⁻⁹·17 = 0.1 in bf16 and 0.0125 in fp16, of which 0.09 and 0.0115 are seen. Two and a half
        times that passes bf16 that is cut off; 32 lost positions are wrong by 11, 32 lost elements of the states by 4.
        """
        return {"bf16": 0.25, "fp16": 0.03}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal x, b, c and states; dt and A from the ranges that Mamba-2 starts training from.

        dt is log-uniform in 0.001 … 0.1, -A goes from 1 (first head) to 16 (last); a deviation of 0.15 is what states
        of the first heads have then.
        """

        def normal(name: str) -> torch.Tensor:
            return torch.randn(self._shapes[name], generator=generator, device=generator.device)

        values = {name: normal(name).to(self.torch_dtype) for name in ("x", "b", "c")}
        values["states"] = (0.15 * normal("states")).to(self.torch_dtype)
        uniform = torch.rand(self._shapes["dt"], generator=generator, device=generator.device)
        dt = torch.exp(math.log(0.001) + uniform * math.log(100.0))
        a = -torch.linspace(1, 16, self.heads, device=generator.device)
        sums = self._chunked(dt.mT * a).cumsum(-2).flatten(1, 2)[:, : self.seq]
        return {**values, "dt": dt, "decay": sums.mT.contiguous()}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty(self._shapes["x"], dtype=self.torch_dtype, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """y in float64, one sequence of the batch at a time."""
        sequences = [{name: value[i : i + 1].double() for name, value in inputs.items()} for i in range(self.batch)]
        return {"y": torch.cat([self._unfused(sequence) for sequence in sequences])}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """No vendor has this kernel: matrix products and elementwise operators of PyTorch, one after the other."""
        return "torch (unfused)", lambda: self._unfused(inputs)

    def _chunked(self, value: torch.Tensor) -> torch.Tensor:
        """[batch, seq, …] as [batch, chunks, chunk, …], with zeros at the end of the last."""
        missing = self.chunks * self.chunk - self.seq
        padded = torch.nn.functional.pad(value, (0, 0) * (value.ndim - 2) + (0, missing))
        return padded.unflatten(1, (self.chunks, self.chunk))

    def _unfused(self, inputs: Buffers) -> torch.Tensor:
        """y from the definition, in the type of x; chunks and heads are batches of matrix products."""
        x, b, c = (self._chunked(inputs[name]).transpose(2, 3) for name in ("x", "b", "c"))  # [.., heads, chunk, ..]
        dt, decay = (self._chunked(inputs[name].mT).transpose(2, 3) for name in ("dt", "decay"))
        repeats = self.heads // self.groups
        cb = (c @ b.mT).repeat_interleave(repeats, 2)
        differences = decay[..., :, None] - decay[..., None, :]
        future = torch.ones((self.chunk, self.chunk), dtype=torch.bool, device=x.device).triu(1)
        weights = cb * differences.masked_fill(future, -math.inf).exp() * dt[..., None, :]
        before = c.repeat_interleave(repeats, 2) @ inputs["states"].mT
        y = weights.to(x.dtype) @ x + before * decay.exp()[..., None]
        return y.to(x.dtype).transpose(2, 3).flatten(1, 2)[:, : self.seq]

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del sm_count
        structure = configuration["structure"]
        block_m, block_n = configuration["block_m"], configuration["block_n"]
        tiles = self.batch * self.chunks * (self.chunk // block_m) * (self.head_dim // block_n)
        constants: dict[str, Any] = {
            "CHUNK": self.chunk,
            "HEAD_DIM": self.head_dim,
            "STATE": self.state,
            "BLOCK_M": block_m,
            "BLOCK_N": block_n,
            "EVEN": self.seq % self.chunk == 0,
        }
        names = ("x", "b", "c", "dt", "decay", "states", "y")
        arguments: dict[str, Buffer | Scalar] = {
            **{f"{name}_ptr": Buffer(name) for name in names},
            **{"seq": self.seq, "heads": self.heads, "groups": self.groups},
        }
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        if structure == "kept":
            constants["HEADS"] = configuration["heads_per_program"]
            grid = (tiles * (self.heads // constants["HEADS"]), 1, 1)
            return Plan((Launch(_kept_kernel, grid, arguments, constants, options),))

        stored, split = structure == "stored", configuration["diagonal"] == "split"
        # Nothing is read from CB where it is recomputed: any pointer does.
        arguments["cb_ptr"] = Buffer("cb" if stored else "x")
        constants |= {
            "BLOCK_K": configuration["block_k"],
            "STORED": stored,
            "SPLIT": split,
            "FACTORED": split and configuration["decay"] == "factored",
        }
        scan = Launch(_scan_kernel, (tiles * self.heads, 1, 1), arguments, constants, options)
        if not stored:
            return Plan((scan,))
        dtype = DTYPES[self.dtype if configuration["cb_type"] == "input" else "fp32"]
        return Plan((self._store_cb(configuration), scan), {"cb": Scratch(self._shapes["cb"], dtype)})

    def _store_cb(self, configuration: Mapping[str, Any]) -> Launch:
        block_m, block_n = configuration["cb_block_m"], configuration["cb_block_n"]
        matrices = self.batch * self.chunks * self.groups
        return Launch(
            _cb_kernel,
            (matrices * (self.chunk // block_m) * (self.chunk // block_n), 1, 1),
            {**{f"{name}_ptr": Buffer(name) for name in ("b", "c", "cb")}, "seq": self.seq, "groups": self.groups},
            {
                "CHUNK": self.chunk,
                "STATE": self.state,
                "BLOCK_M": block_m,
                "BLOCK_N": block_n,
                "BLOCK_K": CB_BLOCK_K,
                "EVEN": self.seq % self.chunk == 0,
            },
            CB_OPTIONS,
        )
