"""The ``triton.Config`` of a kernel has the kernel's own names, and the constants that the configuration decides."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.tuning.launch_config import launch_configs
from kernels.base import Launch, Plan
from kernels.softmax import Softmax
from search_spaces.device import H100
from search_spaces.parameter import Ordinal
from search_spaces.softmax import softmax_space
from search_spaces.space import SearchSpace
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.tuning.own_kernels import recording
from tests.plugins.conftest import SOURCE

__all__ = ["nearopt"]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOURCE))


@pytest.mark.usefixtures("example")
def test_constants_have_the_kernels_names_and_those_of_the_shape_are_left_out() -> None:
    kernel = importlib.import_module("nearopt_example.swiglu").Swiglu(n=1000)
    space = kernel.search_space(H100)
    persistent = {"schedule": "persistent", "block": 512, "num_warps": 4, "ctas_per_sm": 2, "num_stages": 3}
    lines = launch_configs(kernel, space, persistent, 132)
    assert lines == {"_swiglu": "triton.Config({'BLOCK': 512, 'STAGES': 3}, num_warps=4)"}
    softmax = Softmax(rows=64, cols=100, dtype="bf16")
    space = softmax_space(64, 100, "bf16", H100)
    configuration = next(iter(space.enumerate()))
    (line,) = launch_configs(softmax, space, configuration, 132).values()
    assert f"num_warps={configuration['num_warps']}" in line and "100" not in line  # which is the shape's


def test_a_function_that_is_launched_in_two_ways_has_two_lines() -> None:
    @dataclass(frozen=True)
    class Twice(Softmax):
        def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
            del sm_count
            first, second, third = (
                Launch("f", (1, 1, 1), {}, {"B": configuration["size"] + more, "SAME": 7}, {"num_warps": 2})
                for more in (0, 1, 1)
            )
            return Plan((first, second, third))

    space = SearchSpace([Ordinal("size", (1, 2, 4))])
    assert launch_configs(Twice(rows=1, cols=2), space, {"size": 2}, 1) == {
        "f": "triton.Config({'B': 2}, num_warps=2)",
        "f (2)": "triton.Config({'B': 3}, num_warps=2)",
    }


@pytest.mark.usefixtures("example")
def test_other_kinds_of_kernel_have_none() -> None:
    transpose = importlib.import_module("nearopt_example.transpose").Transpose()
    matmul = importlib.import_module("nearopt_example.matmul").BlockedMatmul()
    for kernel in (transpose, matmul):
        space = kernel.search_space(H100)
        assert launch_configs(kernel, space, next(iter(space.enumerate())), 132) == {}


@pytest.mark.usefixtures("example")
def test_tune_prints_it(nearopt: Nearopt, tmp_path: Path) -> None:
    space = importlib.import_module("nearopt_example.swiglu").Swiglu().search_space(H100)
    path = recording(tmp_path / "swiglu__up.parquet", space, "example_swiglu-1000-bf16")
    word = f"{SOURCE / 'nearopt_example' / 'swiglu.py'}:Swiglu"
    code, out, err = nearopt("tune", word, "n=1000", "--landscape", path, "--evaluations", 10, "-o", "out")
    assert code == 0, err
    assert out.splitlines()[-2].startswith("triton.Config({'BLOCK': ") and out.splitlines()[-2].endswith("# _swiglu")
