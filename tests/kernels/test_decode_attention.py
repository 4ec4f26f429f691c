"""Decode attention against float64 for every structure, its space, and what Triton makes of it for sm_90."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kernels.decode_attention import DecodeAttention
from kernels.execute import execute, relative_error
from search_spaces.decode_attention import decode_attention_space
from search_spaces.device import H100, DeviceLimits
from search_spaces.space import SearchSpace
from tests.kernels.bf16_dot import mend_bf16_dot
from tests.kernels.fitting import assert_right_where_they_fit
from tests.kernels.row_checks import assert_features_finite
from tests.kernels.sm90 import reports

TASKS = (DecodeAttention(64, 32, 8, 2048, 128), DecodeAttention(4, 64, 8, 16384, 128))
SMALL = DecodeAttention(2, 4, 2, 100, 32)
BLOCKS: dict[str, Any] = {"block_n": 32, "num_warps": 4, "num_stages": 2}
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "single_pass"},
    {"schedule": "split_kv", "splits": 4, "slices": "by_length"},
    {"schedule": "split_kv", "splits": 4, "slices": "by_chunk"},
]
PRODUCTS: list[dict[str, Any]] = [
    {"product": "heads_rows"},
    {"product": "keys_rows"},
    {"product": "vector", "heads_per_program": 1},
    {"product": "vector", "heads_per_program": 2},
]
SLOWER = (("bf16", "token"), ("fp16", "page"), ("fp16", "token"))


def ident(configuration: dict[str, Any]) -> str:
    return "-".join(map(str, configuration.values()))


def space_of(kernel: DecodeAttention, device: DeviceLimits = H100) -> SearchSpace:
    shape = (kernel.batch, kernel.heads, kernel.kv_heads, kernel.seq, kernel.head_dim, kernel.page_size)
    return decode_attention_space(*shape, kernel.dtype, device)


def error_of(kernel: DecodeAttention, configuration: dict[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = execute(kernel, configuration, inputs, 2)["o"]
    assert output.dtype == kernel.torch_dtype
    return relative_error(output, kernel.reference(inputs)["o"])


@pytest.fixture(autouse=True)
def _bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)


@pytest.mark.parametrize(
    ("dtype", "lookup"), [("bf16", "page"), *(pytest.param(*p, marks=pytest.mark.slow) for p in SLOWER)]
)
@pytest.mark.parametrize("products", PRODUCTS, ids=ident)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=ident)
def test_every_structure_on_uneven_lengths(
    schedule: dict[str, Any], products: dict[str, Any], lookup: str, dtype: str, device: torch.device
) -> None:
    kernel = replace(SMALL, dtype=dtype)
    assert len({length % 16 for length in kernel.lengths} - {0}) == 2  # half-filled pages
    assert error_of(kernel, {**BLOCKS, **schedule, **products, "lookup": lookup}, device) <= kernel.tolerance


@pytest.mark.parametrize("products", [PRODUCTS[1], PRODUCTS[3]], ids=ident)
@pytest.mark.parametrize("group", [1, 2])
def test_one_kv_head_pages_of_one_token_and_slices_without_keys(
    group: int, products: dict[str, Any], device: torch.device
) -> None:
    kernel = DecodeAttention(2, group, 1, 70, 16, page_size=1, dtype="fp16")
    heads = {"heads_per_program": 1} if group == 1 else {}
    for slices in ("by_length", "by_chunk"):
        schedule = {"schedule": "split_kv", "splits": 16, "slices": slices}  # of 3 blocks
        configuration = {**BLOCKS, **schedule, **products, **heads, "lookup": "token"}
        assert error_of(kernel, configuration, device) <= kernel.tolerance


def test_pages_are_shuffled_and_no_two_sequences_share_one() -> None:
    table = SMALL.inputs(torch.Generator().manual_seed(0))["table"]
    held = [int(page) for row, pages in zip(table, SMALL.pages, strict=True) for page in row[:pages]]
    assert sorted(held) == list(range(sum(SMALL.pages)))
    assert held != sorted(held)


def test_reference_is_torch_attention_on_each_sequence() -> None:
    inputs = SMALL.inputs(torch.Generator().manual_seed(0))
    exact = SMALL.reference(inputs)["o"]
    for index, (length, pages) in enumerate(zip(SMALL.lengths, SMALL.pages, strict=True)):
        order = inputs["table"][index, :pages].long()
        k, v = (inputs[c][order].reshape(-1, 2, 32)[:length].double().transpose(0, 1) for c in "kv")
        q = inputs["q"][index].double()[:, None]
        expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        torch.testing.assert_close(exact[index], expected[:, 0])


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_tolerance_tells_a_lost_block_from_rounding(dtype: str) -> None:
    kernel = DecodeAttention(4, 8, 2, 2048, 64, 16, dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["o"]
    lost = inputs["k"].clone()
    lost[inputs["table"][:, 20:22].long()] = 0  # takes their weight from the rows that look at them
    assert relative_error(kernel.reference({**inputs, "k": lost})["o"], exact) > 10 * kernel.tolerance
    assert relative_error(exact.to(kernel.torch_dtype), exact) < kernel.tolerance / 2


def test_what_the_kernel_states() -> None:
    assert SMALL.name == "decode_attention-2x4x2x100x32-page16-bf16"
    assert SMALL.lengths == (100, 54)
    assert SMALL.pages == (7, 4)
    assert SMALL.flops == 4 * 4 * 32 * 154
    assert SMALL.bytes_moved == 2 * (2 * 154 * 2 * 32 + 2 * 2 * 4 * 32) + 4 * (11 + 2)


def test_the_vendors_call_has_the_arguments_that_torch_expects() -> None:
    name, _ = SMALL.vendor(SMALL.inputs(torch.Generator().manual_seed(0)))
    declared = [a.name for a in torch.ops.aten._flash_attention_forward.default._schema.arguments]
    assert "FlashAttention" in name
    assert declared[3:11] == ["cum_seq_q", "cum_seq_k", "max_q", "max_k", "dropout_p", "is_causal",
                              "return_debug_mask", "scale"]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"dtype": "fp32"}, {"head_dim": 48}, {"page_size": 24}, {"heads": 6}, {"batch": 0}, {"seq": 2**29}],
    ids=str,
)
def test_refuses_what_it_cannot_compute(wrong: dict[str, Any]) -> None:
    shape = {"batch": 2, "heads": 8, "kv_heads": 2, "seq": 64, "head_dim": 64}
    with pytest.raises(ValueError, match="expected"):
        DecodeAttention(**{**shape, **wrong})


@pytest.mark.parametrize("kernel", TASKS, ids=lambda kernel: kernel.name)
def test_the_named_spaces_can_be_recorded_and_hold_no_program_twice(kernel: DecodeAttention) -> None:
    space = space_of(kernel)
    assert 1_000 <= space.size <= 3_500
    assert_features_finite(space)
    programs = set()
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        split = configuration["schedule"] == "split_kv"
        assert len(plan.launches) == 1 + split and bool(plan.scratch) == split
        decode = plan.launches[0]
        assert {*decode.arguments, *decode.constants} == set(decode.kernel.arg_names)
        constants, options = tuple(decode.constants.items()), tuple(decode.options.items())
        programs.add((decode.grid, constants, options))
    assert len(programs) == space.size


def test_slices_are_as_many_as_the_longest_sequence_has_blocks_for() -> None:
    few = space_of(DecodeAttention(1, 8, 1, 160, 64))  # five blocks of 32
    assert {c["splits"] for c in few.enumerate() if c["block_n"] == 32 and "splits" in c} == {2}
    chats, documents = ({c.get("splits") for c in space_of(kernel).enumerate()} - {None} for kernel in TASKS)
    assert chats == {2, 4, 8} and documents == {2, 4, 8, 16, 32}


def test_unknown_dtype() -> None:
    with pytest.raises(ValueError, match="fp32"):
        decode_attention_space(1, 8, 8, 64, 64, 16, "fp32")


@pytest.mark.slow
def test_compiles_for_hopper_with_wide_asynchronous_copies_and_tensor_cores(tmp_path: Path) -> None:
    stages = [{"num_stages": n} for n in (1, 2, 3, 5)]
    chosen = [{**BLOCKS, **SCHEDULES[1], "lookup": "token", **p, **s} for p, s in product(PRODUCTS[:3], stages)]
    compiled = reports(TASKS[0], chosen, tmp_path)
    for configuration, (decode, merge) in zip(chosen, compiled, strict=True):
        tensor_cores = len(re.findall(r"mma\.sync|wgmma\.mma", decode["ptx"]))
        assert (tensor_cores > 0) == (configuration["product"] != "vector")
        assert (decode["cp_async"] > 0) == (configuration["num_stages"] > 1)
        assert decode["shared_bytes"] <= H100.shared_memory_bytes
        assert "ld.global.v4" in merge["ptx"] or ".v4.b32" in merge["ptx"]
    bodies = [re.sub(r"(?m)^\s*(\.loc|//|\.file).*$", "", decode["ptx"]) for decode, _ in compiled]
    assert len(set(bodies)) == len(chosen)  # each number of stages is another program


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_random_configurations_on_the_gpu(dtype: str, device: torch.device) -> None:
    kernel = DecodeAttention(5, 32, 8, 1111, 128, 16, dtype)
    configurations = space_of(kernel).sample(np.random.default_rng(0), 40)
    assert_right_where_they_fit(configurations, lambda c: error_of(kernel, c, device), kernel.tolerance)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = kernel.vendor(inputs)[1]()[0]
    assert relative_error(output, kernel.reference(inputs)["o"]) <= kernel.tolerance
