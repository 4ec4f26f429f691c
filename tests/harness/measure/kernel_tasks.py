"""The kernels' tasks as a run composes them, and configurations that cover their structure."""

from __future__ import annotations

import numpy as np

from harness.backends.task import build_task
from harness.config.compose import Composer
from harness.evaluation import Configuration
from harness.measure.device import AccelDevice
from kernels.base import Kernel
from search_spaces.parameter import Categorical
from search_spaces.space import SearchSpace

DEVELOPMENT_KERNELS = ("matmul", "attention", "layernorm", "softmax")
TEST_KERNELS = (
    "attention_backward",
    "chunked_scan",
    "conv2d",
    "cross_entropy",
    "decode_attention",
    "fp8_gemm",
    "grouped_gemm",
    "int4_gemm",
    "layernorm_backward",
    "top_k",
)
KERNELS = DEVELOPMENT_KERNELS + TEST_KERNELS


def kernel_task(name: str, dtype: str, device: AccelDevice) -> tuple[Kernel, SearchSpace]:
    """Return kernel and space of ``conf/task/<name>.yaml`` in another dtype."""
    task = Composer().compose([f"task={name}", f"task.kernel.dtype={dtype}"]).task
    assert task is not None
    return build_task(task, device)


def covering(space: SearchSpace, per_value: int, seed: int = 0) -> list[Configuration]:
    """Draw ``per_value`` distinct configurations for every value of every categorical parameter."""
    rng, codes = np.random.default_rng(seed), space.codes()
    rows: set[int] = set()
    for index, parameter in enumerate(space.parameters):
        if isinstance(parameter, Categorical):
            for code in range(parameter.size):
                fitting = np.flatnonzero(codes[:, index] == code)
                rows.update(rng.choice(fitting, min(per_value, len(fitting)), replace=False).tolist())
    return [space.decode(codes[row]) for row in sorted(rows)]
