"""2-D convolution as an implicit matrix product: bf16/fp16 in and out, float32 accumulation.

Rows of the product are output pixels, columns are filters, and the reduction runs over the filter's taps and the
input channels. The matrix of patches is never made: its tiles are gathered from the channels-last input.
Schedules: *data_parallel* (a program per output tile), *persistent* (a fixed number of programs that walk over the
tiles) and *split_k* (several programs per tile, each over a slice of the reduction, whose float32 partial tiles a
second launch adds in a fixed order: no atomics, so deterministic).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scratch
from kernels.matmul import REDUCE_BLOCK, _add_partials_kernel, _tile_origin


@triton.jit
def _multiply_step(
    x_tile, x_inside, w, column, row_h, row_w, tap, channel, accumulator,
    HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr, FILTERS: tl.constexpr,
    SIZE: tl.constexpr, PADDING: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, DESCRIPTOR: tl.constexpr,
):  # fmt: skip
    """The accumulator plus BLOCK_K channels of one tap, from ``channel`` on, times their weights.

    Masks that are constants (see ``_output_tile``) vanish in the compiler.
    """
    r = tap // SIZE
    s = tap % SIZE
    first = tap * CHANNELS + channel
    depth = tl.arange(0, BLOCK_K)
    columns = column + tl.arange(0, BLOCK_N)
    w_inside = tl.full([BLOCK_K, BLOCK_N], True, tl.int1)
    if PADDING > 0:
        image = (row_h + r >= 0) & (row_h + r < HEIGHT) & (row_w + s >= 0) & (row_w + s < WIDTH)
        x_inside = x_inside & image[:, None]
    if CHANNELS % BLOCK_K != 0:
        x_inside = x_inside & (channel + depth < CHANNELS)[None, :]
        w_inside = w_inside & (channel + depth < CHANNELS)[:, None]
    if FILTERS % BLOCK_N != 0:
        w_inside = w_inside & (columns < FILTERS)[None, :]

    x_block = tl.load(x_tile + ((r * WIDTH + s) * CHANNELS + channel), mask=x_inside, other=0.0)
    if DESCRIPTOR:
        w_block = w.load([column, first]).T  # past the last channel: the next tap's weights, which meet zeros of x
    else:
        w_at = w + columns[None, :] * (SIZE * SIZE * CHANNELS) + (first + depth)[:, None]
        w_block = tl.load(w_at, mask=w_inside, other=0.0)
    return tl.dot(x_block, w_block, accumulator)


@triton.jit
def _output_tile(
    x_ptr, w, y_ptr, tile, low, high,
    PIXELS: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr, FILTERS: tl.constexpr,
    OUT_HEIGHT: tl.constexpr, OUT_WIDTH: tl.constexpr, SIZE: tl.constexpr, STRIDE: tl.constexpr, PADDING: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    CHANNELS_OUTER: tl.constexpr, NESTED: tl.constexpr, DESCRIPTOR: tl.constexpr,
):  # fmt: skip
    """Steps low … high - 1 of the reduction (all of them if NESTED) for a tile [BLOCK_M, BLOCK_N] of y."""
    TAPS: tl.constexpr = SIZE * SIZE
    BLOCKS: tl.constexpr = (CHANNELS + BLOCK_K - 1) // BLOCK_K
    row, column = _tile_origin(tile, PIXELS, FILTERS, BLOCK_M, BLOCK_N, GROUP_M)
    rows = row + tl.arange(0, BLOCK_M)
    row_h = (rows // OUT_WIDTH) % OUT_HEIGHT * STRIDE - PADDING
    row_w = rows % OUT_WIDTH * STRIDE - PADDING
    x_rows = ((rows // (OUT_WIDTH * OUT_HEIGHT) * HEIGHT + row_h) * WIDTH + row_w) * CHANNELS
    x_tile = x_ptr + x_rows[:, None] + tl.arange(0, BLOCK_K)[None, :]
    x_inside = tl.full([BLOCK_M, BLOCK_K], True, tl.int1)
    y_inside = tl.full([BLOCK_M, BLOCK_N], True, tl.int1)
    if PIXELS % BLOCK_M != 0:
        x_inside = x_inside & (rows < PIXELS)[:, None]
        y_inside = y_inside & (rows < PIXELS)[:, None]
    columns = column + tl.arange(0, BLOCK_N)
    if FILTERS % BLOCK_N != 0:
        y_inside = y_inside & (columns < FILTERS)[None, :]

    accumulator = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    if NESTED:
        for tap in tl.range(0, TAPS):
            for channel in tl.range(0, CHANNELS, BLOCK_K):
                accumulator = _multiply_step(
                    x_tile, x_inside, w, column, row_h, row_w, tap, channel, accumulator,
                    HEIGHT, WIDTH, CHANNELS, FILTERS, SIZE, PADDING, BLOCK_N, BLOCK_K, DESCRIPTOR,
                )  # fmt: skip
    else:
        for step in tl.range(low, high):
            tap = step % TAPS if CHANNELS_OUTER else step // BLOCKS
            channel = (step // TAPS if CHANNELS_OUTER else step % BLOCKS) * BLOCK_K
            accumulator = _multiply_step(
                x_tile, x_inside, w, column, row_h, row_w, tap, channel, accumulator,
                HEIGHT, WIDTH, CHANNELS, FILTERS, SIZE, PADDING, BLOCK_N, BLOCK_K, DESCRIPTOR,
            )  # fmt: skip
    y_at = y_ptr + rows[:, None] * FILTERS + columns[None, :]
    tl.store(y_at, accumulator.to(y_ptr.dtype.element_ty), mask=y_inside)


@triton.jit
def _conv2d_kernel(
    x_ptr, w_ptr, y_ptr,
    PIXELS: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr, FILTERS: tl.constexpr,
    OUT_HEIGHT: tl.constexpr, OUT_WIDTH: tl.constexpr, SIZE: tl.constexpr, STRIDE: tl.constexpr, PADDING: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    PERSISTENT: tl.constexpr, SPLIT_K: tl.constexpr, CHANNELS_OUTER: tl.constexpr,
    NESTED: tl.constexpr, DESCRIPTOR: tl.constexpr,
):  # fmt: skip
    """Axis 0: output tiles, or P persistent programs; axis 1: slices, each into its own of y [SPLIT_K, …]."""
    STEPS: tl.constexpr = SIZE * SIZE * ((CHANNELS + BLOCK_K - 1) // BLOCK_K)
    SLICE: tl.constexpr = (STEPS + SPLIT_K - 1) // SPLIT_K
    DEPTH: tl.constexpr = SIZE * SIZE * CHANNELS
    w = w_ptr
    if DESCRIPTOR:
        w = tl.make_tensor_descriptor(w_ptr, [FILTERS, DEPTH], [DEPTH, 1], [BLOCK_N, BLOCK_K])
    if PERSISTENT:
        tiles = tl.cdiv(PIXELS, BLOCK_M) * tl.cdiv(FILTERS, BLOCK_N)
        for tile in tl.range(tl.program_id(0), tiles, tl.num_programs(0), flatten=True):
            _output_tile(
                x_ptr, w, y_ptr, tile, 0, STEPS, PIXELS, HEIGHT, WIDTH, CHANNELS, FILTERS, OUT_HEIGHT, OUT_WIDTH, SIZE,
                STRIDE, PADDING, BLOCK_M, BLOCK_N, BLOCK_K, GROUP_M, CHANNELS_OUTER, NESTED, DESCRIPTOR,
            )  # fmt: skip
    else:
        low = 0
        high = STEPS
        if SPLIT_K > 1:
            low = tl.program_id(1) * SLICE
            high = min(STEPS, low + SLICE)
            y_ptr += tl.program_id(1).to(tl.int64) * (PIXELS * FILTERS)
        _output_tile(
            x_ptr, w, y_ptr, tl.program_id(0), low, high, PIXELS, HEIGHT, WIDTH, CHANNELS, FILTERS, OUT_HEIGHT,
            OUT_WIDTH, SIZE, STRIDE, PADDING, BLOCK_M, BLOCK_N, BLOCK_K, GROUP_M, CHANNELS_OUTER, NESTED, DESCRIPTOR,
        )  # fmt: skip


@dataclass(frozen=True)
class Conv2d(Kernel):
    """The convolution y [batch, out_height, out_width, filters] of x and w, all contiguous.

    x is [batch, height, width, channels] and w [filters, size, size, channels].
    One group, no dilation, no bias; the same stride and padding (in pixels) along both axes.

    Raises:
        ValueError: for a dtype other than bf16/fp16, a size below 1, a padding below 0, a filter larger than the padded
            image, or a tensor of 2^31 elements or more (32-bit offsets).
    """

    batch: int
    height: int
    width: int
    channels: int
    filters: int
    size: int = 3
    stride: int = 1
    padding: int = 1
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        sizes = ("batch", "height", "width", "channels", "filters", "size", "stride")
        for name, least in (*((name, 1) for name in sizes), ("padding", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)}: expected {least} or more")
        if self.size > min(self.height, self.width) + 2 * self.padding:
            raise ValueError(
                f"size={self.size}: expected at most {min(self.height, self.width) + 2 * self.padding}, "
                f"an image of {self.height}x{self.width} with its padding"
            )
        elements = (
            self.batch * (self.height + 2 * self.padding) * (self.width + 2 * self.padding) * self.channels,
            self.filters * self.taps * self.channels,
            self.pixels * self.filters,
        )
        if max(elements) >= 2**31:
            raise ValueError(f"shape={self._shape}: expected tensors below 2^31 elements")

    @property
    def taps(self) -> int:
        """Weights of a filter for each channel."""
        return self.size**2

    @property
    def out_height(self) -> int:
        return (self.height + 2 * self.padding - self.size) // self.stride + 1

    @property
    def out_width(self) -> int:
        return (self.width + 2 * self.padding - self.size) // self.stride + 1

    @property
    def pixels(self) -> int:
        """Output pixels of the whole batch: rows of the product."""
        return self.batch * self.out_height * self.out_width

    @property
    def _shape(self) -> str:
        image = f"{self.batch}x{self.height}x{self.width}x{self.channels}"
        return f"{image}-{self.filters}x{self.size}x{self.size}-s{self.stride}p{self.padding}"

    @property
    def name(self) -> str:
        return f"conv2d-{self._shape}-{self.dtype}"

    @property
    def flops(self) -> float:
        """Those of the product; the multiplications with padding, which a library may leave out, count too."""
        return 2.0 * self.pixels * self.filters * self.taps * self.channels

    @property
    def bytes_moved(self) -> float:
        x = self.batch * self.height * self.width * self.channels
        return 2.0 * (x + self.filters * self.taps * self.channels + self.pixels * self.filters)

    @property
    def tolerance(self) -> float:
        """Rounding the result costs half an ulp; the largest of 10⁷ normal values is about 5.5 RMS.

        Between 4 and 8 that is 2⁻⁶ = 0.016 for bf16 and 2⁻⁹ = 0.002 for fp16; float32 accumulation adds under 1e-4.
        Two and a half times that also passes a rounding towards zero. One missing block of 32 channels of one tap of
        9 · 512 is wrong by √(32/4608) = 0.083 RMS on average and 0.4 at its worst element.
        """
        return {"bf16": 0.04, "fp16": 0.005}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Standard normal x; w scaled by 1/√(taps · channels), so that y has unit variance away from the border."""
        shapes = {
            "x": (self.batch, self.height, self.width, self.channels),
            "w": (self.filters, self.size, self.size, self.channels),
        }
        values = {
            name: torch.randn(shape, generator=generator, device=generator.device) for name, shape in shapes.items()
        }
        values["w"] /= (self.taps * self.channels) ** 0.5
        return {name: value.to(self.torch_dtype) for name, value in values.items()}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        shape = (self.batch, self.out_height, self.out_width, self.filters)
        return {"y": torch.empty(shape, dtype=self.torch_dtype, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """The convolution in float64: a sum over taps of products of pixels, with no convolution of a library."""
        pad = self.padding
        x = torch.nn.functional.pad(inputs["x"].double(), (0, 0, pad, pad, pad, pad))
        w = inputs["w"].double()
        shape = (self.batch, self.out_height, self.out_width, self.filters)
        y = torch.zeros(shape, dtype=torch.float64, device=x.device)
        for r in range(self.size):
            for s in range(self.size):
                rows = slice(r, r + (self.out_height - 1) * self.stride + 1, self.stride)
                columns = slice(s, s + (self.out_width - 1) * self.stride + 1, self.stride)
                y += x[:, rows, columns] @ w[:, r, s].T
        return {"y": y}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """cuDNN through ``conv2d`` on the same channels-last tensors, with the algorithm that its own search chose."""
        x, w = (inputs[name].permute(0, 3, 1, 2) for name in "xw")
        cudnn: Any = torch.backends.cudnn

        def call() -> torch.Tensor:
            before = cudnn.benchmark
            cudnn.benchmark = True  # searches in the first call and remembers
            try:
                return torch.nn.functional.conv2d(x, w, stride=self.stride, padding=self.padding)
            finally:
                cudnn.benchmark = before

        return "cuDNN", call

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        schedule = configuration["schedule"]
        split_k = configuration["split_k"] if schedule == "split_k" else 1
        constants = self._constants(configuration, split_k)
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        tiles = triton.cdiv(self.pixels, constants["BLOCK_M"]) * triton.cdiv(self.filters, constants["BLOCK_N"])
        persistent = schedule == "persistent"
        programs = min(tiles, sm_count * configuration["ctas_per_sm"]) if persistent else tiles
        y = Buffer("partials" if split_k > 1 else "y")
        arguments = {"x_ptr": Buffer("x"), "w_ptr": Buffer("w"), "y_ptr": y}
        convolve = Launch(_conv2d_kernel, (programs, split_k, 1), arguments, constants, options)
        if split_k == 1:
            return Plan((convolve,))
        partials = Scratch((split_k, self.pixels, self.filters), torch.float32)
        return Plan((convolve, self._add_partials(split_k)), {"partials": partials})

    def _constants(self, configuration: Mapping[str, Any], split_k: int) -> dict[str, Any]:
        """Shape and configuration as compile-time constants: divisions by them become multiplications."""
        blocks = {f"BLOCK_{axis.upper()}": configuration[f"block_{axis}"] for axis in "mnk"}
        shape = {
            name.upper(): getattr(self, name)
            for name in ("pixels", "height", "width", "channels", "filters", "out_height", "out_width")
        }
        return {
            **shape,
            "SIZE": self.size,
            "STRIDE": self.stride,
            "PADDING": self.padding,
            **blocks,
            "GROUP_M": configuration.get("group_m", 1),
            "PERSISTENT": configuration["schedule"] == "persistent",
            "SPLIT_K": split_k,
            "CHANNELS_OUTER": configuration.get("order") == "channels_outer",
            "NESTED": configuration.get("loop") == "nested",
            "DESCRIPTOR": configuration["weight_load"] == "descriptor",
        }

    def _add_partials(self, split_k: int) -> Launch:
        elements = self.pixels * self.filters
        return Launch(
            _add_partials_kernel,
            (triton.cdiv(elements, REDUCE_BLOCK), 1, 1),
            {"partials_ptr": Buffer("partials"), "c_ptr": Buffer("y"), "elements": elements},
            {"SPLIT_K": split_k, "BLOCK": REDUCE_BLOCK},
            {"num_warps": 4, "num_stages": 1},
        )
