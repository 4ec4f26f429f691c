"""Kernels in CUDA C++: plans whose launches name a ``__global__`` function and its source."""

from __future__ import annotations

from dataclasses import dataclass

from kernels.simple import SimpleKernel


@dataclass(frozen=True, slots=True)
class CudaFunction:
    """A CUDA function, used in place of a Triton function in a :class:`~kernels.base.Launch`.

    The launch's ``arguments`` are the parameters in order: buffers are pointers, whole numbers are ``int`` (32 bits),
    others ``float``.
    Its ``constants`` become macros (true is 1). Its ``options``: ``threads_x`` (needed), ``threads_y``, ``threads_z``
    (default 1), ``shared_bytes`` of dynamic shared memory (default 0) and nvcc's ``maxrregcount``.

    Attributes:
        source: a translation unit, in which the function is ``extern "C" __global__``.
        name: of the function.
    """

    source: str
    name: str


class CudaKernel(SimpleKernel):
    """A kernel whose launches are :class:`CudaFunction` s, compiled by nvcc."""
