"""Kernels that are Python callables, timed on the CPU: numpy, torch, numba, or C through ctypes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kernels.base import Buffers, Plan
from kernels.simple import SimpleKernel


class CpuKernel(SimpleKernel):
    """A tunable kernel for one shape and dtype that runs on the CPU.

    Inputs and outputs are CPU tensors; ``tensor.numpy()`` shares their memory.
    """

    @abstractmethod
    def bind(
        self, configuration: Mapping[str, Any], inputs: Buffers, outputs: Buffers, built: Path
    ) -> Callable[[], object]:
        """A call that computes ``outputs`` from ``inputs`` under ``configuration``.

        The call alone is timed, again and again; what happens here (allocating, compiling just in time) is charged as
        verifying. ``built`` is the folder that :meth:`build` wrote to.
        """

    def build(self, configuration: Mapping[str, Any], built: Path) -> None:
        """Make files that :meth:`bind` needs, in the empty folder ``built``; in another process, under the timeout.

        An exception is a compile error.
        """

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        """Of no use here.

        Raises:
            TypeError: always: there are no launches.
        """
        del configuration, sm_count
        raise TypeError(f"{type(self).__name__} runs on the CPU: it has no launches")
