"""Draws of a Helion space are Helion's own, and differ from uniform draws of each of our parameters."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("helion", reason="Helion is not installed: pip install 'nearopt[helion]'")

from harness.record.draws import DrawStream, UniformParameters, generator_of
from harness.testing.spaces import plain
from kernels.helion.attention import HelionAttention
from kernels.helion.base import HelionKernel
from kernels.helion.draws import HelionDraws
from kernels.helion.matmul import HelionMatmul
from kernels.helion.softmax import HelionSoftmax
from kernels.helion.target import Target, visible
from search_spaces.device import H100
from search_spaces.helion import configuration_of

KERNELS: tuple[HelionKernel, ...] = (
    HelionMatmul(2048, 2048, 2048),
    HelionSoftmax(4096, 2560),
    HelionAttention(4, 16, 2048, 64),
)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name.partition("-")[0])
def test_a_draw_is_what_the_kernel_s_own_generator_draws_from_the_same_seed(kernel: HelionKernel) -> None:
    """The draws equal those of the bound kernel, and Python's global generator is unchanged."""
    space = kernel.space(H100)
    random.seed(12)
    before = random.getstate()
    rows = HelionDraws(space).codes(range(60))
    assert random.getstate() == before
    with visible(Target()):
        generation = kernel.bound(Target()).config_spec.create_config_generation()
        for seed, row in enumerate(rows):
            random.seed(seed)
            assert space.decode(row) == configuration_of(generation.random_config().config, space)


def test_draws_from_a_stream_keep_the_rules(seeds: int = 200) -> None:
    space = KERNELS[1].space(H100)
    stream = DrawStream(space, np.random.SeedSequence(0))
    assert stream.how.startswith("ConfigGeneration.random_config of helion 1.")
    made = [stream[i] for i in range(seeds)]
    inside = [draw for draw in made if draw is not None]
    assert all(space.contains(draw) for draw in inside)
    assert len(inside) >= 0.8 * seeds  # the rest holds more than 256 elements a thread


def test_helion_does_not_draw_tiles_uniformly() -> None:
    """Helion halves tiles until a thread's share is small, so ``random_hierarchical`` cannot replace its draws."""
    space = KERNELS[0].space(H100)
    block = space.names.index("block_size_0")
    large = [
        float(np.mean(codes[:, block] == space.parameters[block].size - 1))
        for codes in (HelionDraws(space).codes(range(400)), UniformParameters(space).codes(range(400)))
    ]
    assert large[0] < 0.5 * large[1]


def test_spaces_of_others_are_drawn_uniformly() -> None:
    assert isinstance(generator_of(plain()), UniformParameters)
    with pytest.raises(ValueError, match="no helion_spec"):
        HelionDraws(plain())
