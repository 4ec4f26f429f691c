"""A configuration of a Triton kernel as its plan passes it to each Triton function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.evaluation import Configuration
from harness.tuning.triton_config import OF_HELION, OPTIONS, spelled
from kernels.base import Kernel, Launch
from kernels.cpu import CpuKernel
from kernels.cuda import CudaKernel
from search_spaces.space import SearchSpace

COMPARED = 64
"""Number of configurations whose plans separate what the configuration decides from what the shape decides."""


def launch_configs(kernel: Kernel, space: SearchSpace, configuration: Configuration, sm_count: int) -> dict[str, str]:
    """``triton.Config(…)`` by the name of each Triton function that the configuration launches.

    It contains the constants that differ between configurations; constants that follow from the shape alone belong to
    the caller, and Triton refuses them in both places. A function that is launched in two ways appears twice. Empty
    for kernels that are not written in Triton.
    """
    if isinstance(kernel, CpuKernel | CudaKernel) or OF_HELION in configuration:
        return {}
    others = space.sample(np.random.default_rng(0), COMPARED)
    try:
        launches = kernel.plan(space.canonicalize(configuration), sm_count).launches
        compared = [launch for other in others for launch in kernel.plan(other, sm_count).launches]
    except Exception:  # a user's kernel may plan only on its device; then the space's names are used
        return {}
    lines: dict[str, str] = {}
    for launch in launches:
        name, line = _name(launch), _line(launch, compared)
        again = sum(each.partition(" ")[0] == name for each in lines)
        if line not in lines.values() or not again:
            lines[f"{name} ({again + 1})" if again else name] = line
    return lines


def _line(launch: Launch, compared: Sequence[Launch]) -> str:
    same = [other for other in compared if other.kernel is launch.kernel]
    fixed = {
        name for name, value in launch.constants.items() if all(other.constants.get(name) == value for other in same)
    }
    own: Mapping[str, Any] = {name: value for name, value in launch.constants.items() if name not in fixed}
    more = {name: value for name, value in launch.options.items() if name not in OPTIONS}
    return spelled({**own, **more}, {name: launch.options[name] for name in OPTIONS if name in launch.options})


def _name(launch: Launch) -> str:
    return str(getattr(launch.kernel, "__name__", launch.kernel))
