"""The wide space of matmul: its size, what it shares with the recorded one, and no idle values."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from kernels.matmul import Matmul
from search_spaces.device import H100
from search_spaces.errors import InvalidConfiguration
from search_spaces.matmul import matmul_space
from search_spaces.matmul_wide import matmul_wide_space
from search_spaces.space import SearchSpace

SHAPE = (2048, 2048, 2048, "bf16")
POINTERS = {"operand_load": "pointer", "block_k": 32, "group_m": 1, "num_stages": 2}


@pytest.fixture(scope="module")
def wide() -> SearchSpace:
    return matmul_wide_space(*SHAPE)


def test_too_many_to_measure_and_few_enough_to_list() -> None:
    tracemalloc.start()
    size = matmul_wide_space(*SHAPE).size
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 50_000 <= size <= 200_000
    assert peak_bytes < 200e6


def test_every_value_of_every_parameter_occurs(wide: SearchSpace) -> None:
    codes = wide.codes()
    for index, parameter in enumerate(wide.parameters):
        assert set(np.unique(codes[:, index])) >= set(range(parameter.size)), parameter.name


def test_it_contains_the_recorded_space(wide: SearchSpace) -> None:
    recorded = matmul_space(*SHAPE)
    assert all(wide.row_of(configuration) is not None for configuration in recorded.enumerate())
    assert set(recorded.features) == set(wide.features)


def test_a_plan_for_every_configuration(wide: SearchSpace) -> None:
    kernel = Matmul(2048, 2048, 2048)
    rows = np.random.default_rng(0).choice(wide.size, 2000, replace=False)
    for row in rows:
        configuration = wide.decode(wide.codes()[row])
        plan = kernel.plan(configuration, H100.sm_count)
        assert len(plan.launches) == (2 if configuration["schedule"] == "split_k" else 1)


@pytest.mark.parametrize(
    ("nonsense", "rule"),
    [
        ({"block_m": 256, "block_n": 256, "num_warps": 2}, "2 \\* 256"),
        ({"block_m": 32, "block_n": 32, "num_warps": 16}, "128"),
        ({"block_m": 256, "block_n": 64, "num_warps": 8, "group_m": 16}, "group_m"),
    ],
)
def test_nonsense_is_refused(wide: SearchSpace, nonsense: dict[str, int], rule: str) -> None:
    with pytest.raises(InvalidConfiguration, match=rule):
        wide.validate({"schedule": "data_parallel", **POINTERS, **nonsense})


def test_a_pipeline_is_no_longer_than_its_loop() -> None:
    stages = set()
    for configuration in matmul_wide_space(512, 512, 256, "bf16").enumerate():
        if configuration["schedule"] != "persistent":
            stages.add(configuration["num_stages"])
            steps = -(-256 // int(str(configuration["block_k"])))
            assert int(str(configuration["num_stages"])) - 1 <= -(-steps // int(str(configuration.get("split_k", 1))))
    assert len(stages) > 2, "the rule is tried"
