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

        Only the call is timed, repeatedly; the work done here (allocation, just-in-time compilation) is charged as
        verification. ``built`` is the folder that :meth:`build` wrote to.
        """

    def build(self, configuration: Mapping[str, Any], built: Path) -> None:
        """Write the files that :meth:`bind` needs into the empty folder ``built``; runs in another process, with a
        timeout.

        An exception is a compile error.
        """

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        """Not supported: CPU kernels have no launches.

        Raises:
            TypeError: always.
        """
        del configuration, sm_count
        raise TypeError(f"{type(self).__name__} runs on the CPU: it has no launches")
