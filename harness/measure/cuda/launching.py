"""Conventions that compiler and launcher share about a launch in CUDA C++."""

from __future__ import annotations

from collections.abc import Mapping

from kernels.base import Launch
from kernels.cuda import CudaFunction

CUBIN = "cubin"
"""File name of a compiled launch."""
OPTIONS = ("threads_x", "threads_y", "threads_z", "shared_bytes", "maxrregcount")


def function_of(launch: Launch) -> CudaFunction:
    """The launch's function.

    Raises:
        TypeError: it is not in CUDA C++, its options are unknown or lack the number of threads, or an argument has
            more than 32 bits.
    """
    if not isinstance(launch.kernel, CudaFunction):
        raise TypeError(f"{launch.kernel}: expected a CudaFunction in a CudaKernel's plan")
    for name in launch.options:
        if name not in OPTIONS:
            raise TypeError(f"{name}: no option of a launch in CUDA C++: expected {', '.join(OPTIONS)}")
    if "threads_x" not in launch.options:
        raise TypeError(f"{launch.kernel.name}: options without threads_x")
    for name, value in launch.arguments.items():
        if isinstance(value, int) and not -(2**31) <= value < 2**31:
            raise TypeError(f"{launch.kernel.name}: {name}={value}: expected a whole number of 32 bits")
    return launch.kernel


def threads(options: Mapping[str, int]) -> tuple[int, int, int]:
    """Threads of a block along each axis."""
    return options["threads_x"], options.get("threads_y", 1), options.get("threads_z", 1)
