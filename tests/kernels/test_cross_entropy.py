"""Cross entropy and its gradient against float64, their space, and what Triton makes of them for sm_90."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kernels.cross_entropy import CrossEntropy
from kernels.execute import execute, relative_error
from search_spaces.cross_entropy import cross_entropy_space
from search_spaces.device import H100, DeviceLimits
from search_spaces.space import SearchSpace
from tests.kernels.plan_checks import (
    assert_random_plans_are_right,
    assert_recordable_plans,
    default_source,
    worst_error,
)
from tests.kernels.row_checks import narrow_accesses, one_of_each
from tests.kernels.sm90 import reports

STRUCTURE = ("scheme", "reduction", "second_pass", "target_logit")
TASKS = (CrossEntropy(4096, 32000), CrossEntropy(256, 128256))
# Outside what any row of the space needs: small blocks keep the interpreter quick.
SHORT = {"num_warps": 4, "load_eviction": "default", "store_eviction": "default", "retain_rows": False}
STRUCTURES: list[dict[str, Any]] = [
    *({"scheme": "one_pass", "target_logit": logit} for logit in ("gather", "masked")),
    *(
        {"scheme": "persistent", "ctas_per_sm": 1, "num_stages": 2, "target_logit": logit}
        for logit in ("gather", "masked")
    ),
    *(
        {
            "scheme": "looped",
            "block_cols": 256,
            "num_stages": 1,
            "reduction": reduction,
            "second_pass": order,
            "target_logit": logit,
        }
        for reduction in ("per_block", "deferred")
        for order in ("forward", "reversed")
        for logit in ("gather", "masked")
    ),
    *(
        {
            "scheme": "split",
            "block_cols": 128,
            "num_stages": 2,
            "splits": 4,
            "second_pass": order,
            "grad_block_cols": 512,
            "grad_warps": 4,
        }
        for order in ("forward", "reversed")
    ),
]


def space_of(kernel: CrossEntropy, device: DeviceLimits = H100) -> SearchSpace:
    return cross_entropy_space(kernel.tokens, kernel.vocab, kernel.dtype, device)


@pytest.mark.parametrize(("tokens", "vocab", "dtype"), [(5, 781, "bf16"), (3, 1024, "fp16")])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: "-".join(map(str, s.values())))
def test_every_structure_matches_the_reference_on_irregular_shapes(tokens, vocab, dtype, structure, device):
    kernel = CrossEntropy(tokens, vocab, dtype)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(tokens))
    outputs = execute(kernel, {**SHORT, **structure}, inputs, sm_count=2)
    exact = kernel.reference(inputs)
    assert relative_error(outputs["loss"], exact["loss"]) < 1e-5
    # Each element by itself as well: the tolerance follows a row's one large element.
    eps = torch.finfo(kernel.torch_dtype).eps
    torch.testing.assert_close(outputs["gradient"].double(), exact["gradient"], rtol=eps, atol=1e-7)
    assert relative_error(outputs["gradient"], exact["gradient"]) <= kernel.tolerance


def test_one_configuration_of_every_structure_of_the_space(device):
    kernel = CrossEntropy(3, 4400)
    configurations = list(one_of_each(space_of(kernel, replace(H100, sm_count=1)), STRUCTURE, seed=0))
    assert len(configurations) == 2 + 2 + 8 + 2
    for configuration in configurations:
        assert worst_error(kernel, configuration, device) <= kernel.tolerance, configuration


def test_targets_at_both_ends_and_large_logits(device):
    kernel = CrossEntropy(4, 520)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    inputs["x"] *= 1000
    inputs["target"] = torch.tensor([0, 519, 255, 256], device=device)
    exact = kernel.reference(inputs)
    for structure in STRUCTURES:
        outputs = execute(kernel, {**SHORT, **structure}, inputs, sm_count=1)
        assert relative_error(outputs["loss"], exact["loss"]) < 1e-5, structure
        torch.testing.assert_close(outputs["gradient"].double(), exact["gradient"], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("tokens", [256, 64])
def test_the_tolerance_tells_a_lost_block_from_rounding(tokens):
    kernel = CrossEntropy(tokens, 8000)
    inputs = kernel.inputs(torch.Generator().manual_seed(1))
    exact = kernel.reference(inputs)
    assert relative_error(exact["gradient"].bfloat16(), exact["gradient"]) <= kernel.tolerance
    # The sum over all but one block of 1,024; the gradients of all columns are written.
    short = inputs["x"].double()
    log_sum = torch.cat([short[:, :3072], short[:, 4096:]], dim=1).logsumexp(1, keepdim=True)
    lost = (short - log_sum).exp()
    lost.scatter_add_(1, inputs["target"][:, None], torch.full((tokens, 1), -1.0, dtype=torch.float64))
    assert relative_error(lost, exact["gradient"]) > 5 * kernel.tolerance
    whole = exact["gradient"] + 1.0 * torch.nn.functional.one_hot(inputs["target"], 8000)
    assert relative_error(whole, exact["gradient"]) > 5 * kernel.tolerance  # the target forgotten


@pytest.mark.parametrize("kernel", TASKS, ids=lambda kernel: kernel.name)
def test_the_space_is_a_recordable_size_without_aliases(kernel):
    # A program cannot hold a row of 128,256, so none is persistent.
    assert_recordable_plans(kernel, space_of(kernel), () if kernel.vocab < 2**16 else ("persistent_waves",))


def test_long_rows_have_no_whole_row_schemes():
    assert {c["scheme"] for c in space_of(TASKS[0]).enumerate()} == {"one_pass", "persistent", "looped", "split"}
    assert {c["scheme"] for c in space_of(TASKS[1]).enumerate()} == {"looped", "split"}


@pytest.mark.parametrize(
    ("tokens", "vocab", "source"),
    [
        (256, 128256, "task.default"),
        (4096, 50257, "task.default"),
        (4096, 32000, "task.fallbacks[0]"),
        (64, 3000, "task.fallbacks[1]"),
        (64, 1000, "task.fallbacks[3]"),
    ],
)
def test_a_default_for_every_width(tokens, vocab, source):
    kernel = CrossEntropy(tokens, vocab)
    assert default_source(kernel, space_of(kernel)) == source


def test_what_the_kernel_states():
    kernel = TASKS[0]
    assert kernel.name == "cross_entropy-4096x32000-bf16"
    assert kernel.bytes_moved == 2 * 4096 * 32000 * 2 + 4096 * 12
    assert kernel.flops == 6 * 4096 * 32000


@pytest.mark.parametrize("shape", [(0, 8, "bf16"), (8, 0, "bf16"), (8, 8, "fp32"), (2**16, 8, "bf16")])
def test_refuses_what_it_cannot_compute(shape):
    with pytest.raises(ValueError, match="expected"):
        CrossEntropy(*shape)


def test_torchs_operations_give_the_same_gradient(device):
    kernel = CrossEntropy(9, 700)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    name, call = kernel.vendor(inputs)
    assert "unfused" in name
    assert relative_error(call(), kernel.reference(inputs)["gradient"]) <= 2 * kernel.tolerance


@pytest.mark.slow
@pytest.mark.parametrize("kernel", TASKS, ids=lambda kernel: kernel.name)
def test_compiles_for_sm_90_with_16_byte_accesses(kernel, tmp_path: Path):
    configurations = list(one_of_each(space_of(kernel), ("scheme", "reduction", "num_stages"), seed=3))
    for configuration, compiled in zip(configurations, reports(kernel, configurations, tmp_path), strict=True):
        assert len(compiled) == (2 if configuration["scheme"] == "split" else 1)
        assert (compiled[0]["cp_async"] > 0) == (configuration.get("num_stages", 1) > 1), configuration
        for launch in compiled:
            wide = [line for line in launch["ptx"].splitlines() if "global" in line and ".v4.b32" in line]
            assert wide or launch["cp_async"], configuration
            # Targets, losses and partial states are single values; no tile is read or written in pieces.
            assert len(narrow_accesses(launch["ptx"])) <= 6, configuration
            assert launch["shared_bytes"] <= H100.shared_memory_bytes


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize(("tokens", "vocab"), [(517, 32000), (33, 50257)])
def test_random_configurations_on_the_gpu(tokens, vocab, dtype, device):
    kernel = CrossEntropy(tokens, vocab, dtype)
    assert_random_plans_are_right(kernel, space_of(kernel), device)
