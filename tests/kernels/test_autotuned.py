"""A kernel taken over from @triton.autotune: its values, its pruning, its launches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
import triton
import triton.language as tl

from harness.testing import KernelContract
from kernels.autotuned import Autotuned
from kernels.base import Buffer, Buffers, Kernel, Plan
from kernels.simple import SimpleKernel
from search_spaces.device import DeviceLimits
from search_spaces.errors import SpaceError
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace

CONFIGS = [
    triton.Config({"BLOCK": 64, "TWICE": False}, num_warps=2),
    triton.Config({"BLOCK": 128, "TWICE": True}, num_warps=4),
    triton.Config({"BLOCK": 256, "TWICE": True}, num_warps=4, num_stages=2),
]


def no_wider_than_needed(configs: list[triton.Config], named: Mapping[str, Any], **_: Any) -> list[triton.Config]:
    """Among the blocks that cover a row with one program, keep only the smallest."""
    return [config for config in configs if config.kwargs["BLOCK"] < 2 * named["n"]]


@triton.autotune(configs=CONFIGS, key=["n"], prune_configs_by={"early_config_prune": no_wider_than_needed})
@triton.heuristics({"EVEN": lambda args: args["n"] % args["BLOCK"] == 0})
@triton.jit
def add(x, y, z, n, BLOCK: tl.constexpr, TWICE: tl.constexpr, EVEN: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if EVEN:
        total = tl.load(x + at) + tl.load(y + at)
        tl.store(z + at, total)
    else:
        total = tl.load(x + at, at < n, other=0.0) + tl.load(y + at, at < n, other=0.0)
        tl.store(z + at, total, at < n)
    if TWICE:
        tl.store(z + at, total, at < n)


@dataclass(frozen=True)
class Add(SimpleKernel):
    n: int = 100
    dtype: str = "fp32"

    tuned: ClassVar[Autotuned] = Autotuned(add)

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {name: torch.randn(self.n, generator=generator, device=generator.device) for name in "xy"}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"z": inputs["x"].double() + inputs["y"]}

    def search_space(self, device: DeviceLimits) -> SearchSpace:
        del device
        return self.tuned.space({"n": self.n}, constraints=["BLOCK >= 32 * num_warps"])

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del sm_count
        arguments = {**{name: Buffer(name) for name in "xyz"}, "n": self.n}
        launch = self.tuned.launch(configuration, lambda meta: (triton.cdiv(meta["n"], meta["BLOCK"]),), arguments)
        return Plan((launch,))


class TestAdd(KernelContract):
    exempt: ClassVar[Mapping[str, str]] = {"test_every_choice_compiles": "the interpreter runs every one of them"}

    def kernels(self) -> Sequence[Kernel]:
        return [Add(100), Add(256), Add(40)]


def test_the_values_seen_are_parameters_of_their_kind() -> None:
    parameters = {parameter.name: parameter for parameter in Autotuned(add).parameters()}
    assert list(parameters) == ["BLOCK", "TWICE", "num_warps", "num_stages"]
    assert parameters["BLOCK"] == Ordinal("BLOCK", (64, 128, 256), "log2")
    assert parameters["TWICE"].values == (False, True)
    assert parameters["num_stages"] == Ordinal("num_stages", (2, 3))


def test_the_space_is_their_product_less_what_is_pruned_and_forbidden() -> None:
    tuned = Autotuned(add)
    assert tuned.space({"n": 1000}).size == 3 * 2 * 2 * 2
    small = tuned.space({"n": 100})
    assert {configuration["BLOCK"] for configuration in small.enumerate()} == {64, 128}
    assert SearchSpace.from_json(small.to_json()).size == small.size == 2 * 2 * 2 * 2
    assert tuned.space({"n": 1000}, constraints=["not TWICE"]).size == 12
    for config in CONFIGS:
        seen = {**config.kwargs, "num_warps": config.num_warps, "num_stages": config.num_stages}
        tuned.space({"n": 1000}).validate(seen)


def test_a_launch_has_constants_options_heuristics_and_its_grid() -> None:
    launch = Add(256).plan({"BLOCK": 64, "TWICE": True, "num_warps": 2, "num_stages": 2}, 1).launches[0]
    assert launch.grid == (4, 1, 1)
    assert launch.constants == {"BLOCK": 64, "TWICE": True, "EVEN": True}
    assert launch.options == {"num_warps": 2, "num_stages": 2}
    assert not Add(100).plan({"BLOCK": 64, "TWICE": True, "num_warps": 2}, 1).launches[0].constants["EVEN"]


@triton.jit
def nothing(x, BLOCK: tl.constexpr, MODE: tl.constexpr = "plain"):  # noqa: ARG001
    tl.store(x + tl.arange(0, BLOCK), 0.0)


def decorated(configs: list[triton.Config], **options: Any) -> Any:
    return triton.autotune(configs=configs, key=[], **options)(nothing)


def test_a_performance_model_keeps_the_share_that_it_kept_of_the_configs() -> None:
    pairs = ((16, 1), (32, 2), (64, 4), (128, 8))
    configs = [triton.Config({"BLOCK": block}, num_warps=warps) for block, warps in pairs]

    def cost(BLOCK: int, num_warps: int, **_: Any) -> float:
        return abs(BLOCK - 32) + abs(num_warps - 2)

    for top_k in (0.25, 1):
        space = Autotuned(decorated(configs, prune_configs_by={"perf_model": cost, "top_k": top_k})).space()
        kept = [(configuration["BLOCK"], configuration["num_warps"]) for configuration in space.enumerate()]
        assert kept == [(32, 1), (32, 2), (32, 4), (32, 8)]


def test_a_default_stands_for_a_kwarg_that_a_config_lacks() -> None:
    tuned = Autotuned(decorated([triton.Config({"BLOCK": 16}), triton.Config({"BLOCK": 16, "MODE": "fast"})]))
    assert tuned.parameters()[1] == Categorical("MODE", ("plain", "fast"))
    assert [parameter.name for parameter in tuned.parameters()] == ["BLOCK", "MODE", "num_warps", "num_stages"]
    lacking = Autotuned(decorated([triton.Config({"BLOCK": 16}), triton.Config({"MODE": "fast"})]))
    with pytest.raises(SpaceError, match="nothing: BLOCK is missing in config"):
        lacking.parameters()


def test_registers_are_an_option_where_a_config_limits_them() -> None:
    tuned = Autotuned(decorated([triton.Config({"BLOCK": 16}), triton.Config({"BLOCK": 16}, maxnreg=64)]))
    assert tuned.parameters()[-1] == Ordinal("maxnreg", (0, 64))
    limits = [tuned.launch(c, (1,), {"x": Buffer("x")}).options.get("maxnreg") for c in tuned.space().enumerate()]
    assert limits == [None, 64]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Autotuned(nothing), "has no configs: expected a function under @triton.autotune"),
        (lambda: Autotuned(decorated([triton.Config({"BLOCK": 16}, pre_hook=print)])), r"configs\[0\].pre_hook: NearO"),
        (lambda: Autotuned(decorated([triton.Config({"BLOCK": 16})], reset_to_zero=["x"])), "reset_to_zero: NearOpt"),
        (lambda: Autotuned(add).space(), "early_config_prune: KeyError: 'n': expected all that it needs"),
        (lambda: Autotuned(add).space({"n": 0}), "early_config_prune keeps none of 24 configurations"),
    ],
)
def test_what_cannot_be_taken_over_says_so(make: Any, says: str) -> None:
    with pytest.raises(SpaceError, match=says):
        make()


def test_hooks_may_be_the_plans_business() -> None:
    tuned = Autotuned(decorated([triton.Config({"BLOCK": 16}, pre_hook=print)]), hooks_done=True)
    assert tuned.space().size == 1
