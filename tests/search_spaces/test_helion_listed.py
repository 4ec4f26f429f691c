"""Keys pinned to Helion's defaults: the space can be listed, and Helion proposes only listed configurations."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pytest

pytest.importorskip("helion", reason="Helion is not installed: pip install 'nearopt[helion]'")

from harness.backends.task import build_task
from harness.config.compose import Composer
from harness.errors import UserError
from harness.record.draws import DrawStream
from harness.strategies.base import Budget
from harness.strategies.helion.strategy import HelionSearch
from harness.testing.driver import drive
from kernels.helion import helion
from kernels.helion.base import HelionKernel
from kernels.helion.layernorm import HelionLayerNorm
from kernels.helion.softmax import HelionSoftmax
from kernels.helion.target import Target, visible
from search_spaces.device import H100
from search_spaces.helion import configuration_of, description_of, helion_config, overrides
from search_spaces.space import SearchSpace
from tests.harness.measure.fakes import FAKE

PINNED = (
    "num_sm_multiplier", "maxnreg", "range_unroll_factors", "range_num_stages", "range_multi_buffers",
    "range_flattens", "indexing", "load_eviction_policies",
)  # fmt: skip
LATER = version("helion") >= "1.5"
KERNEL = HelionSoftmax(4096, 2560)


def listed(kernel: HelionKernel = KERNEL) -> SearchSpace:
    return kernel.space(H100, [*PINNED, *(["host_tensor_descriptors"] if LATER else [])])


@pytest.mark.skipif(not LATER, reason="pins a key of Helion 1.5")
@pytest.mark.parametrize(("task", "size"), [("helion_softmax_listed", 10_968), ("helion_layernorm_listed", 10_968)])
def test_the_tasks_can_be_listed(task: str, size: int) -> None:
    _, space = build_task(Composer().compose([f"task={task}"]).task, FAKE)  # type: ignore[arg-type]
    assert space.size == size
    assert SearchSpace.from_json(space.to_json()).size == size


@pytest.mark.parametrize(
    "kernel",
    [KERNEL, pytest.param(HelionLayerNorm(8192, 4096), marks=pytest.mark.slow)],
    ids=lambda kernel: kernel.name,
)
def test_what_helion_draws_and_proposes_is_in_the_list(kernel: HelionKernel) -> None:
    space = listed(kernel)
    stream = DrawStream(space, np.random.SeedSequence(0))
    drawn = [stream[i] for i in range(300)]
    assert sum(draw is not None for draw in drawn) >= 240  # the rest breaks our rule on a thread's elements
    search = HelionSearch(space, np.random.SeedSequence(0), Budget(evaluations=60))
    done = drive(search, space, evaluations=60, batch=10)
    assert len(done) == 60 and all(space.contains(dict(evaluation.configuration)) for evaluation in done)
    assert sum(evaluation.repaired for evaluation in done) < 30


def test_a_listed_configuration_is_the_whole_space_s_with_the_pins_written_out() -> None:
    """Both have the same normalised config, and so the same program."""
    space, whole = listed(), KERNEL.space(H100)
    description = description_of(space)
    assert description is not None
    pins = overrides(description)
    assert set(pins) == {*PINNED, *(["host_tensor_descriptors"] if LATER else [])}
    with visible(Target()):
        spec = KERNEL.bound(Target()).config_spec
        for configuration in space.sample(np.random.default_rng(0), 30):
            config = helion_config(configuration)
            explicit = {**config, **pins}
            for each in (config, explicit):
                spec.normalize(each, _fix_invalid=True)
            assert configuration_of(config, whole) == configuration_of(explicit, whole)
            assert configuration_of(config, space) == configuration
        code = [KERNEL.bound(Target()).to_triton_code(helion.Config(**each)) for each in (config, explicit)]
    assert code[0] == code[1]


def test_pinning_drops_the_parameters_and_nothing_else() -> None:
    space, whole = listed(), KERNEL.space(H100)
    assert set(space.names) == {
        "pid_type", "block_size_0", "reduction_loop_0", "num_warps", "num_stages",
        *(["reduction_fusion"] if LATER else []),
    }  # fmt: skip
    rest = {
        "num_sm_multiplier": 1, "maxnreg": 0, "range_unroll_factor_0": 0, "range_num_stages_0": 0,
        "range_multi_buffer_0": "none", "range_flatten_0": "none",
        **{name: "pointer" for name in whole.names if name.startswith("indexing")},
        **{name: "default" for name in whole.names if name.startswith("load_eviction")},
        **({"host_tensor_descriptors": False} if LATER else {}),
    }  # fmt: skip
    rng = np.random.default_rng(1)
    for drawn in space.sample(rng, 200):
        warps = {**drawn, "num_warps": int(2 ** rng.integers(6))}
        assert space.contains(warps) == whole.contains(whole.canonicalize({**rest, **warps}))


def test_what_cannot_be_pinned_is_one_clear_line() -> None:
    with pytest.raises(ValueError, match=r"pinned=block_sizes: expected some of .*indexing, load_eviction"):
        KERNEL.space(H100, ["block_sizes"])
    with pytest.raises(ValueError, match="pinned=l2_groupings: expected some of"):
        KERNEL.space(H100, ["l2_groupings"])  # this kernel has none
    with pytest.raises(UserError, match=r"softmax_space: pinned=colour: expected some of"):
        build_task(Composer().compose(["task=helion_softmax", "+task.space.pinned=[colour]"]).task, FAKE)  # type: ignore[arg-type]
