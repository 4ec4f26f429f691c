"""The limits of a device that constraints are derived from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """Per-device numbers for a space's constants.

    Attributes:
        sm_count: streaming multiprocessors.
        shared_memory_bytes: most shared memory one block may ask for, in bytes.
        max_threads_per_block, registers_per_sm, warp_size: as in CUDA's device properties.
    """

    sm_count: int = 132
    shared_memory_bytes: int = 232_448
    max_threads_per_block: int = 1024
    registers_per_sm: int = 65_536
    warp_size: int = 32


H100 = DeviceLimits()
