"""Checks that the tests of softmax and layer normalisation share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kernels.execute import execute, relative_error
from kernels.rows import RowKernel
from search_spaces.device import H100
from search_spaces.space import SearchSpace
from search_spaces.work import log_work_per_thread
from tests.kernels.sm90 import reports

Configuration = Mapping[str, Any]


def one_of_each(space: SearchSpace, structure: Sequence[str], seed: int) -> Iterator[Configuration]:
    """Draw a configuration for every combination of the structural parameters that the space has."""
    seen = set()
    for code in np.random.default_rng(seed).permutation(space.codes()):
        configuration = space.decode(code)
        key = tuple(configuration.get(name) for name in structure)
        if key not in seen:
            seen.add(key)
            yield configuration


def error(kernel: RowKernel, configuration: Configuration, device: torch.device) -> float:
    """Return the kernel's deviation from the float64 reference under one configuration."""
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    sm_count = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 2
    outputs = execute(kernel, configuration, inputs, sm_count)
    return relative_error(outputs["y"], kernel.reference(inputs)["y"])


def launches(kernel: RowKernel, space: SearchSpace) -> list[tuple[Any, ...]]:
    """Return what distinguishes each configuration's launch from another's, over the whole space."""
    steps = [kernel.plan(configuration, 132).launches[0] for configuration in space.enumerate()]
    return [
        (step.kernel.fn.__name__, step.grid, tuple(sorted(step.constants.items())), step.options["num_warps"])
        for step in steps
    ]


def assert_features_finite(space: SearchSpace, undefined: Sequence[str] = ()) -> None:
    """Check that every feature is finite exactly where all parameters that it mentions are active.

    Every configuration states the work of a thread. ``undefined`` names features whose parameters no configuration of
    this shape has.
    """
    codes = space.codes()
    values = space.feature_values(codes)
    for column, (feature, expression) in zip(values.T, space.features.items(), strict=True):
        mentioned = [i for i, name in enumerate(space.names) if re.search(rf"\b{name}\b", expression)]
        active = (codes[:, mentioned] >= 0).all(axis=1)
        assert np.isfinite(column[active]).all(), expression
        assert np.isnan(column[~active]).all(), expression
        assert active.any() == (feature not in undefined), expression
    work = log_work_per_thread(space, codes)
    assert work is not None and np.isfinite(work).all(), "no feature says how much a thread does"


def assert_pipelined_and_vectorised(kernel: RowKernel, configurations: Sequence[Configuration], cache: Path) -> None:
    """Check the code for sm_90: 16-byte accesses, asynchronous copies if there are stages, shared memory that fits."""
    for configuration, (launch,) in zip(configurations, reports(kernel, configurations, cache), strict=True):
        assert narrow_accesses(launch["ptx"]) == [], configuration
        assert (launch["cp_async"] > 0) == (configuration.get("num_stages", 1) > 1), configuration
        assert launch["shared_bytes"] <= H100.shared_memory_bytes


def assert_recordable(kernel: RowKernel, space: SearchSpace) -> None:
    """Check the space: some minutes of recording, no two configurations with the same launch, finite features."""
    assert 1_200 <= space.size <= 2_000
    assert len(set(launches(kernel, space))) == space.size
    assert_features_finite(space)


def assert_random_configurations_are_right(kernel: RowKernel, space: SearchSpace, device: torch.device) -> None:
    """Compare forty configurations with the reference."""
    for configuration in space.sample(np.random.default_rng(0), 40):
        assert error(kernel, configuration, device) <= kernel.tolerance, configuration


def narrow_accesses(ptx: str) -> list[str]:
    """List global loads, stores and asynchronous copies of fewer than 16 bytes per thread."""
    plain = re.findall(r"(?:ld|st)\.global\S*", ptx)
    copies = re.findall(r"cp\.async\.c[ag]\S+ .*", ptx)
    assert plain, "PTX without a global access"
    return [access for access in plain if ".v4.b32" not in access] + [copy for copy in copies if " 0x10," not in copy]
