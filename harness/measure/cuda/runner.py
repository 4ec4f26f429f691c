"""Launch compiled CUDA C++ through the driver, in the context that torch created."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.measure.cuda.launching import CUBIN, function_of, threads
from harness.measure.jobs import CompiledPlan
from harness.measure.triton.runner import CudaRunner
from kernels.base import Buffer, Descriptor, Launch, Plan

_DYNAMIC_SHARED_LIMIT = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_ALWAYS_ALLOWED = 48 * 1024


class DriverError(RuntimeError):
    """The driver reported an error; the message is the driver's."""


@dataclass
class CudaSourceRunner(CudaRunner):
    """As :class:`~harness.measure.triton.runner.CudaRunner`, for cubins made by nvcc."""

    def _bind(
        self, plan: Plan, compiled: CompiledPlan, buffers: Mapping[str, torch.Tensor]
    ) -> list[Callable[[], None]]:
        driver = ctypes.CDLL("libcuda.so.1")
        steps = zip(plan.launches, compiled.launches, strict=True)
        return [bound(driver, launch, binary.files[CUBIN], buffers, self._stream) for launch, binary in steps]


def bound(
    driver: ctypes.CDLL, launch: Launch, cubin: str, buffers: Mapping[str, torch.Tensor], stream: int
) -> Callable[[], None]:
    """A call that launches a cubin's function on ``stream``.

    Raises:
        DriverError: the cubin cannot be loaded or, when called, launched.
    """
    module, function = ctypes.c_void_p(), ctypes.c_void_p()
    _check(driver, driver.cuModuleLoad(ctypes.byref(module), cubin.encode()))
    name = function_of(launch).name.encode()
    _check(driver, driver.cuModuleGetFunction(ctypes.byref(function), module, name))
    shared = launch.options.get("shared_bytes", 0)
    if shared > _ALWAYS_ALLOWED:
        _check(driver, driver.cuFuncSetAttribute(function, _DYNAMIC_SHARED_LIMIT, shared))
    values = [_value(value, buffers) for value in launch.arguments.values()]
    addresses = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
    shape = [ctypes.c_uint(size) for size in (*launch.grid, *threads(launch.options), shared)]
    on, none = ctypes.c_void_p(stream), ctypes.c_void_p()

    def run(_kept: object = values) -> None:  # the driver reads the values at each launch
        _check(driver, driver.cuLaunchKernel(function, *shape, on, addresses, none))

    return run


def _value(value: Buffer | Descriptor | int | float, buffers: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(value, Descriptor):
        raise TypeError(f"{value}: expected a buffer or a number: CUDA C++ kernels take no tensor descriptor")
    if isinstance(value, Buffer):
        return ctypes.c_void_p(buffers[value.name].data_ptr())
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_int(value)


def _check(driver: ctypes.CDLL, code: int) -> None:
    if code:
        text = ctypes.c_char_p()
        driver.cuGetErrorString(code, ctypes.byref(text))
        raise DriverError(f"CUDA error {code}: {(text.value or b'unknown').decode()}")
