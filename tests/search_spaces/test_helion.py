"""Helion's spaces: conversion of configurations in both directions, and our conditions against its normalisation."""

from __future__ import annotations

import random
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest

pytest.importorskip("helion", reason="Helion is not installed: pip install 'nearopt[helion]'")

from helion.autotuner.config_spec import ConfigSpec
from helion.runtime.config import Config

from kernels.helion.attention import HelionAttention
from kernels.helion.base import HelionKernel
from kernels.helion.description import config_spec, describe
from kernels.helion.layernorm import HelionLayerNorm
from kernels.helion.matmul import HelionMatmul
from kernels.helion.softmax import HelionSoftmax
from kernels.helion.target import Target, visible
from search_spaces.device import H100
from search_spaces.errors import InvalidConfiguration
from search_spaces.helion import configuration_of, description_of, helion_config, helion_space
from search_spaces.space import SearchSpace

KERNELS: tuple[HelionKernel, ...] = (
    HelionMatmul(2048, 2048, 2048),
    HelionSoftmax(4096, 2560),
    HelionLayerNorm(8192, 4096),
    HelionAttention(4, 16, 2048, 64),
)
LATER = version("helion") >= "1.5"
DRAWS = 100
"""Each value of each parameter is among them several times."""


def named(kernel: HelionKernel) -> str:
    return kernel.name.partition("-")[0]


@pytest.fixture(
    params=[
        *(pytest.param(kernel, id=named(kernel)) for kernel in KERNELS[::2]),  # without and with a reduction
        *(pytest.param(kernel, id=named(kernel), marks=pytest.mark.slow) for kernel in KERNELS[1::2]),
    ]
)
def kernel(request: pytest.FixtureRequest) -> HelionKernel:
    made: HelionKernel = request.param
    return made


@pytest.fixture
def spec(kernel: HelionKernel) -> Iterator[ConfigSpec]:
    """The kernel's own spec, on a simulated device."""
    with visible(Target()):
        yield kernel.bound(Target()).config_spec


@pytest.fixture
def space(kernel: HelionKernel) -> SearchSpace:
    return kernel.space(H100)


def canonical(spec: ConfigSpec, config: dict[str, Any]) -> dict[str, Any]:
    spec.normalize(config, _fix_invalid=True)
    return config


def as_config(config: dict[str, Any]) -> Config:
    """Return Helion's own record, in which a missing limit on registers is absent."""
    return Config.from_dict({name: value for name, value in config.items() if name != "maxnreg" or value is not None})


def test_our_configurations_survive_helion_s_normalisation(space: SearchSpace, spec: ConfigSpec) -> None:
    """Convert a configuration to a Config, normalise it and convert it back, with the same flat values throughout."""
    generation = spec.create_config_generation()
    for configuration in space.sample(np.random.default_rng(0), DRAWS):
        config = canonical(spec, helion_config(configuration))
        assert configuration_of(config, space) == configuration
        flat, again = generation.canonicalize_flat(generation.flatten(as_config(config)))
        assert configuration_of(again.config, space) == configuration
        assert generation.unflatten(flat).config == again.config


def test_helion_s_configurations_become_ours_and_come_back(space: SearchSpace, spec: ConfigSpec) -> None:
    generation = spec.create_config_generation()
    random.seed(0)
    feasible = 0
    for _ in range(DRAWS):
        config = generation.random_config().config
        ours = configuration_of(config, space)
        assert space.canonicalize(ours) == ours
        feasible += space.contains(ours)
        assert as_config(canonical(spec, helion_config(ours))) == as_config(config)
    assert feasible >= 0.7 * DRAWS  # the others hold more than 256 elements a thread


def test_what_normalisation_resets_is_inactive_and_nothing_else(space: SearchSpace, spec: ConfigSpec) -> None:
    """Changing a parameter of a random configuration matters to Helion exactly if it is active."""
    rng = np.random.default_rng(1)
    seen = set()
    for i, configuration in enumerate(space.sample(rng, 8)):
        flat = {p.name: configuration.get(p.name, p.values[int(rng.integers(p.size))]) for p in space.parameters}
        if i == 0 and "maxnreg" in flat:  # else num_warps may be seen with a limit alone
            flat["maxnreg"] = 0
        for kind in space.parameters[0].values:
            one = {**flat, "pid_type": kind}
            base = canonical(spec, helion_config(one))
            for parameter in space.parameters[1:]:
                others = [value for value in parameter.values if value != one[parameter.name]]
                if not others:
                    continue
                changed = canonical(
                    spec, helion_config({**one, parameter.name: others[int(rng.integers(len(others)))]})
                )
                active = parameter.name in space.canonicalize(one)
                if parameter.name == "maxnreg" or (parameter.name == "num_warps" and one["maxnreg"]):
                    continue  # repaired to what fits, see below
                assert (changed != base) == active, (parameter.name, one)
                seen.add((parameter.name, active))
    choices = {parameter.name for parameter in space.parameters if parameter.size > 1}
    assert {name for name, active in seen if active} >= choices - {"pid_type", "maxnreg"}
    assert ("num_sm_multiplier", False) in seen and ("range_num_stages_0", False) in seen


def test_registers_are_limited_as_helion_limits_them(space: SearchSpace, spec: ConfigSpec) -> None:
    (configuration,) = space.sample(np.random.default_rng(2), 1)
    persistent = {**configuration, "pid_type": "persistent_blocked"}
    for maxnreg in (0, 32, 64, 128, 256):
        for num_warps in (1, 2, 4, 8, 16, 32):
            config = helion_config({**persistent, "maxnreg": maxnreg, "num_warps": num_warps})
            kept = canonical(spec, dict(config)).get("maxnreg") == config["maxnreg"]
            assert kept == (maxnreg * num_warps * 32 <= 65_536)


def test_a_described_spec_is_the_spec(spec: ConfigSpec) -> None:
    """Without the kernel, the fields, defaults, seeds, limits, random draws and normalisation are the same."""
    rebuilt = config_spec(describe(spec))
    assert describe(rebuilt) == describe(spec)
    assert rebuilt.structural_fingerprint() == spec.structural_fingerprint()
    assert rebuilt.default_config() == spec.default_config()
    theirs, ours = spec.create_config_generation(), rebuilt.create_config_generation()
    for seed in range(30):
        random.seed(seed)
        expected = theirs.random_config()
        random.seed(seed)
        assert ours.random_config() == expected
    assert [c for _, c in ours.seed_flat_config_pairs()] == [c for _, c in theirs.seed_flat_config_pairs()]


def test_the_row_kernels_have_compiler_made_seeds() -> None:
    assert describe_of(HelionSoftmax(4096, 2560))["seeds"]
    assert bool(describe_of(HelionMatmul(2048, 2048, 2048))["seeds"]) == LATER  # 1.4 has none for it


def test_the_switches_that_helion_1_5_added(space: SearchSpace) -> None:
    """Helion 1.4 has neither; reductions can be fused only in programs that have two over one row."""
    found = {name for name in ("host_tensor_descriptors", "reduction_fusion") if name in space.names}
    row_kernel = any(name.startswith("reduction_loop") for name in space.names)
    expected = {"host_tensor_descriptors", *(["reduction_fusion"] if row_kernel else [])}
    assert found == (expected if LATER else set())


@pytest.mark.skipif(not LATER, reason="Helion 1.4 has no such limit")
def test_a_limit_on_whole_rows_is_none_on_the_elements_of_a_thread() -> None:
    """A program holds a chunk of a reduction's axis; Helion 1.5 limits the axis nevertheless."""
    space = HelionSoftmax(4096, 2560).space(H100)
    (drawn,) = space.sample(np.random.default_rng(0), 1)
    chunked = {**drawn, "pid_type": "flat", "block_size_0": 32, "reduction_loop_0": 8, "num_warps": 1}
    assert space.contains(space.canonicalize(chunked))
    assert not space.contains(space.canonicalize({**chunked, "reduction_loop_0": 512}))
    assert not space.contains(space.canonicalize({**chunked, "block_size_0": 512}))


def test_a_description_of_another_helion_is_refused(space: SearchSpace) -> None:
    """An older Helion would replay another space than the recorded one."""
    description = {**(description_of(space) or {}), "helion": "9.9", "reduction_fusion": True, "capability": [8, 0]}
    with pytest.raises(ValueError, match=r"helion 9\.9, whose host_tensor_descriptors.*expected helion 9\.9"):
        config_spec({**description, "host_tensor_descriptors": True})


def describe_of(kernel: HelionKernel) -> dict[str, Any]:
    return dict(description_of(kernel.space(H100)) or {})


def test_a_space_carries_its_description(space: SearchSpace) -> None:
    description = description_of(SearchSpace.from_json(space.to_json()))
    assert description is not None
    assert helion_space(description).to_json() == space.to_json()


def test_an_unknown_tunable_is_refused(spec: ConfigSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {**spec._flat_fields(), "new_knob": spec.indexing}
    monkeypatch.setattr(type(spec), "_flat_fields", lambda _: fields)
    with pytest.raises(ValueError, match=r"tunes new_knob: expected helion 1\.4\.0 … 1\.5\.1"):
        describe(spec)


def test_foreign_values_are_refused(space: SearchSpace) -> None:
    with pytest.raises(ValueError, match="colour=red"):
        helion_config({"colour": "red"})
    (configuration,) = space.sample(np.random.default_rng(3), 1)
    with pytest.raises(InvalidConfiguration, match="num_warps"):
        configuration_of({**helion_config(configuration), "num_warps": 3}, space)
