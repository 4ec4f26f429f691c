"""The limits of a device that constraints are derived from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """Numbers of a device that become a space's constants.

    Attributes:
        sm_count: the number of streaming multiprocessors.
        shared_memory_bytes: the most shared memory that one block may request, in bytes.
        max_threads_per_block, registers_per_sm, warp_size: as in CUDA's device properties.
    """

    sm_count: int = 132
    shared_memory_bytes: int = 232_448
    max_threads_per_block: int = 1024
    registers_per_sm: int = 65_536
    warp_size: int = 32


H100 = DeviceLimits()
