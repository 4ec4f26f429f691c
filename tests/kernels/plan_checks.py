"""Checks of kernels that have several outputs, or plans with several launches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from harness.config.compose import Composer
from harness.strategies.common.default import default_of
from kernels.base import Kernel
from kernels.execute import execute, relative_error
from search_spaces.space import SearchSpace
from tests.kernels.row_checks import assert_features_finite

Configuration = Mapping[str, Any]


def worst_error(kernel: Kernel, configuration: Configuration, device: torch.device, seed: int = 0) -> float:
    """Return the largest deviation of any output from the float64 reference under one configuration."""
    inputs = kernel.inputs(torch.Generator(device).manual_seed(seed))
    sm_count = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 2
    outputs = execute(kernel, configuration, inputs, sm_count)
    exact = kernel.reference(inputs)
    assert outputs.keys() == exact.keys()
    return max(relative_error(outputs[name], exact[name]) for name in exact)


def programs(kernel: Kernel, space: SearchSpace) -> list[tuple[Any, ...]]:
    """Return what distinguishes each configuration's launches from another's, over the whole space."""
    return [
        tuple(
            (
                step.kernel.fn.__name__,
                step.grid,
                tuple(sorted(step.constants.items())),
                tuple(sorted(step.options.items())),
                tuple((name, value) for name, value in sorted(step.arguments.items()) if isinstance(value, int)),
            )
            for step in kernel.plan(configuration, 132).launches
        )
        for configuration in space.enumerate()
    ]


def assert_recordable_plans(kernel: Kernel, space: SearchSpace, undefined: Sequence[str] = ()) -> None:
    """Check the space: some minutes of recording, no two configurations with the same launches, finite features."""
    assert 1_500 <= space.size <= 3_500
    assert len(set(programs(kernel, space))) == space.size
    assert_features_finite(space, undefined)


def assert_random_plans_are_right(kernel: Kernel, space: SearchSpace, device: torch.device, sample: int = 40) -> None:
    """Compare random configurations with the reference."""
    for configuration in space.sample(np.random.default_rng(0), sample):
        assert worst_error(kernel, configuration, device) <= kernel.tolerance, configuration


def default_source(kernel: Kernel, space: SearchSpace) -> str:
    """Return which default the task gives a shape: ``task.default`` or ``task.fallbacks[i]``; it must be feasible."""
    task = Composer().compose([f"task={kernel.name.split('-')[0]}"]).task
    assert task is not None
    default, source = default_of(space, task.default, task.fallbacks)
    assert default is not None
    space.validate(default)
    return source
