"""A few configurations with every value of the wide space, in the interpreter; the slow tier has most of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kernels.execute import execute, relative_error
from kernels.matmul import Matmul
from search_spaces.device import DeviceLimits
from search_spaces.matmul_wide import matmul_wide_space
from search_spaces.parameter import Value
from search_spaces.space import SearchSpace
from tests.kernels.bf16_dot import mend_bf16_dot

SM_COUNT = 3
# Rows of whole 16 bytes, for descriptors; no multiple of any block; 9 tile rows for groups, 16 steps for slices.
KERNEL = Matmul(264, 136, 248)


def holding_every_value(space: SearchSpace, seed: int = 0) -> list[dict[str, Value]]:
    """Draw configurations that together have every value that occurs; keep those that add a value."""
    codes = space.codes()
    missing = {(i, int(code)) for i in range(codes.shape[1]) for code in np.unique(codes[:, i]) if code >= 0}
    chosen = []
    for row in codes[np.random.default_rng(seed).permutation(len(codes))]:
        held = set(enumerate(row.tolist())) & missing
        if held:
            chosen.append(space.decode(row))
            missing -= held
        if not missing:
            break
    return chosen


SPACE = matmul_wide_space(KERNEL.m, KERNEL.n, KERNEL.k, KERNEL.dtype, DeviceLimits(sm_count=SM_COUNT))


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param(chosen, id="-".join(map(str, chosen.values())), marks=pytest.mark.slow if i % 3 else ())
        for i, chosen in enumerate(holding_every_value(SPACE))
    ],
)
def test_right_result(configuration: dict[str, Value], device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)
    inputs = KERNEL.inputs(torch.Generator(device).manual_seed(0))
    output = execute(KERNEL, configuration, inputs, SM_COUNT)["c"]
    assert relative_error(output, KERNEL.reference(inputs)["c"]) <= KERNEL.tolerance


def test_the_handful_holds_every_value() -> None:
    chosen = holding_every_value(SPACE)
    for parameter in SPACE.parameters:
        assert {c[parameter.name] for c in chosen if parameter.name in c} == set(parameter.values)
    assert len(chosen) < 25
